import { type Client, type ErrorName, isCorralError, json, msgpack, raw } from "@corral/client";
import { startTestServer, type TestServer } from "@corral/testing";
import { describe, expect, test } from "vitest";
import { type Consumer, discovery, type Instance } from "../src/discovery.ts";

interface Meta {
  readonly zone: string;
}
const codec = json<Meta>();
const meta: Meta = { zone: "a" };
const BASE = "/services";
const SERVICE = "billing";

async function world(count = 2, timeoutMs = 6_000): Promise<{ server: TestServer; clients: Client[] }> {
  const server = await startTestServer({ latencyMs: 1 });
  const opening = Array.from({ length: count }, () => server.connect({ session: { timeoutMs } }));
  return { server, clients: await soon(server, Promise.all(opening)) };
}

async function soon<T>(server: TestServer, promise: Promise<T>, ms = 100): Promise<T> {
  promise.catch(() => undefined);
  await server.clock.advance(ms);
  return promise;
}

async function refusal(server: TestServer, promise: Promise<unknown>, ms = 100): Promise<ErrorName | "none"> {
  try {
    await soon(server, promise, ms);
    return "none";
  } catch (error) {
    if (!isCorralError(error)) throw error;
    return error.code;
  }
}

const textAt = (server: TestServer, path: string): string =>
  new TextDecoder().decode(server.dump().find((node) => node.path === path)?.data ?? undefined);
const idsOf = (instances: readonly Instance<unknown>[]): string[] => instances.map(({ id }) => id);

/** Instances `a`, `b`, … of one provider, and their consumer. */
async function served(
  ids: readonly string[],
  options: Parameters<ReturnType<typeof discovery<Meta>>["consume"]>[1] = {},
): Promise<{ server: TestServer; provider: Client; client: Client; consumer: Consumer<Meta> }> {
  const { server, clients } = await world();
  const [provider, client] = clients as [Client, Client];
  const from = discovery(provider, BASE, { codec });
  await soon(server, Promise.all(ids.map((id) => from.provide(SERVICE, { id, address: `${id}:1`, meta }))));
  const consumer = await soon(server, discovery(client, BASE, { codec }).consume(SERVICE, options));
  return { server, provider, client, consumer };
}
const picks = async (consumer: Consumer<Meta>, count: number): Promise<string[]> => {
  const ids: string[] = [];
  for (let i = 0; i < count; i++) ids.push((await consumer.pick()).id);
  return ids;
};

describe("an instance", () => {
  test("is a znode below its service, in JSON, with its meta as text where it is text", async () => {
    const { server, clients } = await world(1);
    const [client] = clients as [Client];
    const of = discovery(client, BASE, { codec });
    const registration = await soon(server, of.provide(SERVICE, { id: "1", address: "10.0.0.1:80", meta }));
    expect(registration.path).toBe("/services/billing/1");
    expect(JSON.parse(textAt(server, registration.path))).toEqual({ address: "10.0.0.1:80", meta: '{"zone":"a"}' });
    const consumer = await soon(server, of.consume(SERVICE));
    expect(consumer.instances).toEqual([
      { id: "1", address: "10.0.0.1:80", meta, lifetime: "dynamic", epoch: registration.epoch },
    ]);
    await soon(server, registration.update({ address: "10.0.0.2:80", meta: { zone: "b" } }));
    expect(consumer.instances[0]).toMatchObject({ address: "10.0.0.2:80", meta: { zone: "b" } });
    await server.close();
  });

  test("any meta comes back as it was: bytes that are no text, none at all, MessagePack", async () => {
    const { server, clients } = await world(1);
    const [client] = clients as [Client];
    const bytes = discovery(client, "/bytes", { codec: raw });
    const metas = {
      empty: new Uint8Array(),
      none: null,
      binary: Uint8Array.of(0xff, 0, 0x80),
      bom: Uint8Array.of(0xef, 0xbb, 0xbf, 65),
    };
    for (const [id, one] of Object.entries(metas))
      await soon(server, bytes.provide("s", { id, address: "x", meta: one }));
    const consumer = await soon(server, bytes.consume("s"));
    expect(Object.fromEntries(consumer.instances.map(({ id, meta: one }) => [id, one]))).toEqual(metas);
    const packed = discovery(client, "/packed", { codec: msgpack<{ n: number[] }>() });
    await soon(server, packed.provide("s", { id: "1", address: "x", meta: { n: [1, 300] } }));
    expect((await soon(server, packed.consume("s"))).instances[0]!.meta).toEqual({ n: [1, 300] });
    await server.close();
  });

  test("of others that cannot be read is told as such, and harms no other", async () => {
    const { server, provider, consumer } = await served(["a"]);
    for (const [id, data] of [
      ["x", "no json"],
      ["y", '{"meta":"{}"}'],
      ["z", "null"],
    ] as const)
      await soon(server, provider.create(`${BASE}/${SERVICE}/${id}`, new TextEncoder().encode(data)));
    expect(idsOf(consumer.instances)).toEqual(["a"]);
    expect([...consumer.undecodable.keys()].toSorted()).toEqual(["x", "y", "z"]);
    await server.close();
  });

  test("services lists the names; one without instances is forgotten after a while", async () => {
    const { server, clients } = await world(1);
    const [client] = clients as [Client];
    const of = discovery(client, BASE, { codec });
    expect(await soon(server, of.services())).toEqual([]);
    const one = await soon(server, of.provide("b", { id: "1", address: "x", meta }));
    await soon(server, of.provide("a", { id: "1", address: "x", meta }));
    expect(await soon(server, of.services())).toEqual(["a", "b"]);
    await soon(server, one.unregister(), 300_000);
    expect(await soon(server, of.services())).toEqual(["a"]);
    await server.close();
  });

  test("names that would be another place are refused", async () => {
    const { server, clients } = await world(1);
    const of = discovery(clients[0]!, BASE, { codec });
    expect(await refusal(server, of.provide("a/b", { id: "1", address: "x", meta }))).toBe("BAD_ARGUMENTS");
    expect(await refusal(server, of.provide("a", { id: "", address: "x", meta }))).toBe("BAD_ARGUMENTS");
    expect(await refusal(server, of.consume(""))).toBe("BAD_ARGUMENTS");
    expect(server.leaks()).toMatchObject({ subscriptions: 0, ephemerals: 0 });
    await server.close();
  });

  test("dynamic: comes back after a loss of the session, and does not after it was given up while cut off (pain 32)", async () => {
    const { server, clients } = await world();
    const [a, b] = clients as [Client, Client];
    const registration = await soon(
      server,
      discovery(a, BASE, { codec }).provide(SERVICE, { id: "1", address: "x", meta }),
    );
    const consumer = await soon(server, discovery(b, BASE, { codec }).consume(SERVICE));
    await soon(server, server.faults.expire(a), 1_000);
    expect(consumer.instances[0]).toMatchObject({ id: "1", epoch: registration.epoch });
    const fault = server.faults.partition(a);
    const disposing = registration[Symbol.asyncDispose]();
    await server.clock.advance(20_000);
    fault.end();
    await soon(server, disposing, 20_000);
    expect(consumer.instances).toEqual([]);
    await server.close();
  });
});

describe("a static instance", () => {
  test("stays when its provider goes, and when its registration is disposed of; until it is unregistered", async () => {
    const { server, clients } = await world();
    const [a, b] = clients as [Client, Client];
    const instance = { id: "db", address: "db:5432", meta, lifetime: "static" } as const;
    const of = discovery(a, BASE, { codec });
    const providing = (async () => {
      await using registration = await of.provide(SERVICE, instance);
      expect(registration).toMatchObject({ state: "registered", isValid: true });
    })();
    await soon(server, providing);
    await soon(server, server.faults.expire(a), 1_000);
    const consumer = await soon(server, discovery(b, BASE, { codec }).consume(SERVICE));
    expect(consumer.instances).toMatchObject([{ id: "db", lifetime: "static" }]);
    // The same again is the same one.
    const again = await soon(server, of.provide(SERVICE, instance));
    expect(again.epoch).toBe(consumer.instances[0]!.epoch);
    expect(await soon(server, again.unregister())).toBe("released");
    expect(await soon(server, again.unregister())).toBe("was-gone");
    expect(again).toMatchObject({ state: "closed", epoch: undefined });
    expect(consumer.instances).toEqual([]);
    await server.close();
  });

  test("another one in its place is refused, waited for, or replaced, as it is said", async () => {
    const { server, clients } = await world();
    const [a, b] = clients as [Client, Client];
    const [of, ofB] = [discovery(a, BASE, { codec }), discovery(b, BASE, { codec })];
    const dynamic = await soon(server, ofB.provide(SERVICE, { id: "1", address: "b", meta }));
    const instance = { id: "1", address: "a", meta, lifetime: "static" } as const;
    expect(await refusal(server, of.provide(SERVICE, instance))).toBe("NODE_EXISTS");
    expect(await refusal(server, of.provide(SERVICE, instance, { onConflict: "wait", timeoutMs: 500 }), 600)).toBe(
      "TIMEOUT",
    );
    const taking = await soon(server, of.provide(SERVICE, instance, { onConflict: "take-over" }));
    expect(dynamic.state).toBe("conflict");
    const waiting = of.provide(SERVICE, { ...instance, address: "c" }, { onConflict: "wait" });
    await soon(server, Promise.resolve(), 60_000);
    await soon(server, taking.unregister());
    expect((await soon(server, waiting)).epoch).toBeGreaterThan(taking.guard.czxid);
    expect(textAt(server, `${BASE}/${SERVICE}/1`)).toContain('"c"');
    await server.close();
  });

  test("is changed by whoever provides it; not after somebody deleted it", async () => {
    const { server, clients } = await world();
    const [a, b] = clients as [Client, Client];
    const of = discovery(a, BASE, { codec });
    const one = await soon(server, of.provide(SERVICE, { id: "1", address: "a", meta, lifetime: "static" }));
    await soon(server, one.update({ address: "b", meta }));
    expect(textAt(server, one.path)).toContain('"b"');
    await soon(server, b.delete(one.path));
    await soon(server, of.provide(SERVICE, { id: "1", address: "x", meta, lifetime: "static" }));
    expect(await refusal(server, one.update({ address: "c", meta }))).toBe("GUARD_FAILED");
    expect(one).toMatchObject({ state: "conflict", isValid: false });
    expect(await soon(server, one.unregister())).toBe("was-gone");
    expect(textAt(server, one.path)).toContain('"x"');
    await server.close();
  });

  test("a lost reply or an expiry while it is written: it is there once, and known", async () => {
    for (const strike of ["dropRequest", "dropReply", "expire"] as const) {
      const { server, clients } = await world(1);
      const [client] = clients as [Client];
      const match = { op: "create", path: `${BASE}/${SERVICE}/1` };
      if (strike === "expire")
        server.faults.at(match, () => client.clock.setTimeout(() => void server.faults.expire(client), 1.5));
      else server.faults[strike](match);
      const providing = discovery(client, BASE, { codec }).provide(SERVICE, {
        id: "1",
        address: "a",
        meta,
        lifetime: "static",
      });
      const one = await soon(server, providing, 3_000);
      expect(
        server
          .dump()
          .filter(({ path }) => path === one.path)
          .map(({ czxid }) => czxid),
      ).toEqual([one.epoch]);
      await server.close();
    }
  });
});

describe("picking", () => {
  test("round-robin: each in its turn, also while some come and go", async () => {
    const { server, provider, consumer } = await served(["a", "b", "c"], { strategy: "round-robin" });
    const ids = await picks(consumer, 6);
    const from = "abc".indexOf(ids[0]!);
    expect(ids).toEqual(Array.from({ length: 6 }, (_, i) => "abc"[(from + i) % 3]));
    const at = ids.at(-1)!;
    await soon(server, provider.delete(`${BASE}/${SERVICE}/${at}`));
    await soon(server, discovery(provider, BASE, { codec }).provide(SERVICE, { id: `${at}x`, address: "x", meta }));
    expect((await consumer.pick()).id).not.toBe(at);
    await server.close();
  });

  test("round-robin: consumers do not all begin with the same one", async () => {
    const { server, client } = await served(["a", "b", "c", "d"]);
    const firsts = new Set<string>();
    for (let i = 0; i < 30; i++) {
      const consumer = await soon(server, discovery(client, BASE, { codec }).consume(SERVICE), 10);
      firsts.add((await consumer.pick()).id);
      await consumer.close();
    }
    expect(firsts.size).toBe(4);
    await server.close();
  });

  test("random: each about equally often, by the client's chance", async () => {
    const { server, consumer } = await served(["a", "b", "c"], { strategy: "random" });
    const counts = new Map<string, number>();
    for (const id of await picks(consumer, 3_000)) counts.set(id, (counts.get(id) ?? 0) + 1);
    expect([...counts.keys()].toSorted()).toEqual(["a", "b", "c"]);
    for (const count of counts.values()) expect(Math.abs(count - 1_000)).toBeLessThan(120);
    await server.close();
  });

  test("sticky: the same one until it has gone or is down, and then another one", async () => {
    const { server, provider, consumer } = await served(["a", "b", "c"], { strategy: "sticky", downAfterErrors: 1 });
    const [first, ...others] = await picks(consumer, 10);
    expect(new Set(others)).toEqual(new Set([first]));
    (await consumer.pick()).report(true);
    const second = (await consumer.pick()).id;
    expect(second).not.toBe(first);
    expect(new Set(await picks(consumer, 10))).toEqual(new Set([second]));
    const gone = provider.delete(`${BASE}/${SERVICE}/${second}`);
    await soon(server, gone, 1);
    await server.clock.advance(2);
    expect(await picks(consumer, 1)).not.toEqual([second]);
    await server.close();
  });

  test("a function: by the index that it gives, of those that are not down; one that nobody has is refused", async () => {
    const offered: string[][] = [];
    let index = 1;
    const strategy = (instances: readonly Instance<Meta>[]): number => {
      offered.push(idsOf(instances));
      return index;
    };
    const { server, consumer } = await served(["a", "b", "c"], { strategy, downAfterErrors: 1 });
    const picked = await consumer.pick();
    expect(picked).toMatchObject({ id: "b", address: "b:1", isFresh: true });
    picked.report(true);
    expect((await consumer.pick()).id).toBe("c");
    expect(offered).toEqual([
      ["a", "b", "c"],
      ["a", "c"],
    ]);
    for (index of [-1, 2, 0.5, Number.NaN]) expect(await refusal(server, consumer.pick(), 0)).toBe("BAD_ARGUMENTS");
    await server.close();
  });

  test("where there is none, it waits for one, for so long", async () => {
    const { server, provider, consumer } = await served([], { emptyWaitMs: 5_000 });
    const picking = consumer.pick();
    await server.clock.advance(4_000);
    await soon(server, discovery(provider, BASE, { codec }).provide(SERVICE, { id: "a", address: "x", meta }));
    expect((await picking).id).toBe("a");
    await soon(server, provider.delete(`${BASE}/${SERVICE}/a`), 1_000);
    await server.close();

    const empty = await served([], { emptyWaitMs: 5_000 });
    const begun = empty.server.clock.now;
    const rejected = empty.consumer.pick().catch((error: unknown) => ({ error, at: empty.server.clock.now }));
    expect(await soon(empty.server, rejected, 10_000)).toMatchObject({
      error: {
        code: "NO_NODE",
        outcome: "no",
        retryable: true,
        path: "/services/billing",
        limitName: "emptyWaitMs",
        limit: 5_000,
      },
      at: begun + 5_000,
    });
    expect(await refusal(empty.server, empty.consumer.pick({ timeoutMs: 100 }), 150)).toBe("NO_NODE");
    const abort = new AbortController();
    const aborted = empty.consumer.pick({ signal: abort.signal });
    abort.abort();
    expect(await refusal(empty.server, aborted, 0)).toBe("ABORTED");
    await empty.server.close();
  });

  test("while the connection is broken, from the last known list, and says so", async () => {
    const { server, client, consumer } = await served(["a", "b"]);
    const fault = server.faults.partition(client);
    await server.clock.advance(5_000);
    expect(consumer.isFresh).toBe(false);
    expect(idsOf(consumer.instances)).toEqual(["a", "b"]);
    expect(await consumer.pick()).toMatchObject({ isFresh: false });
    await server.clock.advance(30_000);
    expect(client.stats().sessionsLost).toBe(1);
    expect(idsOf(consumer.instances)).toEqual(["a", "b"]);
    fault.end();
    await server.clock.advance(10_000);
    expect(consumer.isFresh).toBe(true);
    expect(await consumer.pick()).toMatchObject({ isFresh: true });
    await server.close();
  });

  test("a closed consumer, or one of a closed client, picks nothing", async () => {
    const { server, client, consumer } = await served(["a"]);
    const other = await soon(server, discovery(client, BASE, { codec }).consume(SERVICE));
    await consumer.close();
    expect(await refusal(server, consumer.pick())).toBe("CLOSED");
    expect(server.leaks().subscriptions).toBe(1);
    await soon(server, client.close());
    expect(await refusal(server, other.pick())).toBe("CLOSED");
    await server.close();
  });

  test("more instances than it may hold end it, with the limit", async () => {
    const { server, provider, client } = await served(["a", "b"]);
    const bounded = discovery(client, BASE, { codec, instancesMax: 2 });
    const consumer = await soon(server, bounded.consume(SERVICE));
    await soon(server, discovery(provider, BASE, { codec }).provide(SERVICE, { id: "c", address: "x", meta }));
    expect(await refusal(server, consumer.pick())).toBe("LIMIT_EXCEEDED");
    expect(await refusal(server, bounded.consume(SERVICE))).toBe("LIMIT_EXCEEDED");
    expect(server.leaks().subscriptions).toBe(1);
    await server.close();
  });

  test("changes tells each new list, once it has settled if wished", async () => {
    const { server, provider, consumer } = await served(["b"]);
    const lists: string[][] = [];
    void (async () => {
      for await (const instances of consumer.changes({ quietMs: 1_000 }))
        if (lists.push(idsOf(instances)) === 2) return;
    })();
    await server.clock.advance(1_500);
    for (const id of ["c", "a"])
      await soon(server, discovery(provider, BASE, { codec }).provide(SERVICE, { id, address: "x", meta }), 500);
    await server.clock.advance(1_500);
    expect(lists).toEqual([["b"], ["a", "b", "c"]]);
    await server.close();
  });
});

describe("health", () => {
  const report = async (consumer: Consumer<Meta>, id: string, failed: boolean): Promise<void> => {
    for (;;) {
      const picked = await consumer.pick();
      if (picked.id !== id) continue;
      return picked.report(failed);
    }
  };

  test("an instance is left out after so many errors within a while, for as long, and then back with a clean record", async () => {
    const { server, consumer } = await served(["a", "b", "c"], { downAfterErrors: 3, downForMs: 10_000 });
    for (let i = 0; i < 2; i++) await report(consumer, "a", true);
    expect(consumer.isDown("a")).toBe(false);
    await server.clock.advance(9_000);
    await report(consumer, "a", true);
    expect(consumer.isDown("a")).toBe(true);
    expect(new Set(await picks(consumer, 20))).toEqual(new Set(["b", "c"]));
    await server.clock.advance(9_999);
    expect(consumer.isDown("a")).toBe(true);
    await server.clock.advance(1);
    expect(consumer.isDown("a")).toBe(false);
    for (let i = 0; i < 2; i++) await report(consumer, "a", true);
    expect(consumer.isDown("a")).toBe(false);
    await server.close();
  });

  test("errors that are too far apart do not add up", async () => {
    const { server, consumer } = await served(["a", "b"], { downAfterErrors: 2, downForMs: 10_000 });
    for (let i = 0; i < 5; i++) {
      await report(consumer, "a", true);
      await server.clock.advance(10_000);
    }
    expect(consumer.isDown("a")).toBe(false);
    await server.close();
  });

  test("a success clears what has failed; a pick counts once", async () => {
    const { server, consumer } = await served(["a", "b"], { downAfterErrors: 2 });
    await report(consumer, "a", true);
    await report(consumer, "a", false);
    await report(consumer, "a", true);
    expect(consumer.isDown("a")).toBe(false);
    let picked = await consumer.pick();
    while (picked.id !== "b") picked = await consumer.pick();
    for (let i = 0; i < 5; i++) picked.report(true);
    expect(consumer.isDown("b")).toBe(false);
    await server.close();
  });

  test("if all are down, all are asked again", async () => {
    const { server, consumer } = await served(["a", "b"], { downAfterErrors: 1 });
    await report(consumer, "a", true);
    expect(new Set(await picks(consumer, 6))).toEqual(new Set(["b"]));
    await report(consumer, "b", true);
    expect(new Set(await picks(consumer, 6))).toEqual(new Set(["a", "b"]));
    await server.close();
  });

  test("a new life of an instance has a clean record, and reports of the old one do not touch it", async () => {
    const { server, provider, consumer } = await served(["a", "b"], { downAfterErrors: 1 });
    const late = await consumer.pick();
    await report(consumer, late.id, true);
    expect(consumer.isDown(late.id)).toBe(true);
    await soon(server, server.faults.expire(provider), 1_000);
    expect(idsOf(consumer.instances)).toEqual(["a", "b"]);
    expect(consumer.isDown(late.id)).toBe(false);
    await report(consumer, late.id, true);
    expect(consumer.isDown(late.id)).toBe(true);
    late.report(true);
    expect(consumer.isDown(late.id)).toBe(true);
    await server.close();
  });
});

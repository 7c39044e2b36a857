/** Which instance a consumer picks, and what it does when there is none. */
import { describe, expect, test } from "vitest";
import { discovery, type Instance } from "../src/discovery.ts";
import { BASE, codec, idsOf, type Meta, meta, picks, served, SERVICE } from "./discovering.ts";
import { refusal, soon } from "./soon.ts";

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

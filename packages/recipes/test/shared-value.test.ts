import { type Client, connect, json, text } from "@corral/client";
import { startTestServer } from "@corral/testing";
import { describe, expect, test } from "vitest";
import { type SharedChange, type SharedValue, sharedValue } from "../src/shared-value.ts";
import { eventually } from "./faults/stage.ts";

const P = "/shared/v";
const T = { session: { timeoutMs: 6_000 } };

const open = (client: Client, initial = "initial"): Promise<SharedValue<string>> =>
  sharedValue(client, P, { codec: text, initial });

/** Everything that a reader is told, from now on. */
function readerOf(
  shared: SharedValue<string>,
  signal?: AbortSignal,
): { readonly told: string[]; ended: string | undefined } {
  const reader: { told: string[]; ended: string | undefined } = { told: [], ended: undefined };
  void (async () => {
    try {
      for await (const change of shared.changes({ signal })) reader.told.push(wordsOf(change));
      reader.ended = "done";
    } catch (error) {
      reader.ended = (error as { code: string }).code;
    }
  })();
  return reader;
}
const wordsOf = (change: SharedChange<string>): string =>
  change.kind === "undecodable" ? `undecodable ${change.error.code}` : `${change.kind} ${change.value}`;

describe("shared value", () => {
  test("of several who open it at once the first one's initial value is everybody's", async () => {
    await using server = await startTestServer({ latencyMs: 1 });
    const clients = await Promise.all([1, 2, 3, 4].map(() => server.connect()));
    const opened = await eventually(server, Promise.all(clients.map((client, i) => open(client, `of ${i}`))));
    const { value, zxid } = opened[0]!;
    expect(value).toMatch(/^of \d$/);
    for (const shared of opened) {
      expect(shared).toMatchObject({ value, zxid, exists: true, isFresh: true, path: P });
      await shared.close();
    }
    await server.clock.advance(100);
    expect(server.leaks().subscriptions).toBe(0);
    const late = await open(clients[0]!, "late");
    expect(late.value).toBe(value);
  });

  test("a write is seen by its writer when it resolves, and by all others when they have heard it", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(), await server.connect()];
    await using mine = await open(a);
    await using theirs = await open(b);
    for (let i = 0; i < 200; i++) {
      const before = mine.zxid;
      const zxid = i % 2 === 0 ? await mine.set(`${i}`) : (await mine.update((now) => `${Number(now) + 1}`)).zxid;
      expect(zxid).toBeGreaterThan(before);
      expect(mine).toMatchObject({ value: `${i}`, zxid });
    }
    await server.clock.runUntilIdle();
    expect(theirs).toMatchObject({ value: "199", zxid: mine.zxid, isFresh: true });
  });

  test("a compare-and-set is by the zxid of the last change: a znode deleted and made again with an equal version is refused", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(), await server.connect()];
    await using shared = await open(a);
    const seen = await shared.set("seen");
    const { version } = (await a.stat(P))!;
    await b.delete(P);
    await b.create(P, "another life", { codec: text });
    await b.set(P, "another life, changed", { codec: text });
    // By version one could not tell.
    expect((await b.stat(P))!.version).toBe(version);
    await expect(shared.set("mine", { ifMatch: seen })).rejects.toMatchObject({ code: "GUARD_FAILED" });
    await server.clock.runUntilIdle();
    expect(shared.value).toBe("another life, changed");
    await shared.set("mine", { ifMatch: shared.zxid });
    expect(shared.value).toBe("mine");
    await b.delete(P);
    await expect(shared.set("mine", { ifMatch: shared.zxid || seen })).rejects.toMatchObject({ code: "GUARD_FAILED" });
  });

  test("of many compare-and-sets at once exactly one succeeds, and updates of many are all in it", async () => {
    await using server = await startTestServer({ latencyMs: 1 });
    const clients = await Promise.all([1, 2, 3, 4, 5].map(() => server.connect()));
    const opened = await eventually(server, Promise.all(clients.map((client) => open(client, ""))));
    const { zxid } = opened[0]!;
    const came = await eventually(
      server,
      Promise.allSettled(opened.map((shared, i) => shared.set(`${i}`, { ifMatch: zxid }))),
    );
    expect(came.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    const updating = opened.flatMap((shared, i) =>
      [0, 1, 2, 3].map((n) => {
        server.faults.dropReply({ op: "set", client: i + 1, nth: n + 1 });
        return shared.update((now) => `${now}x`);
      }),
    );
    await eventually(server, Promise.all(updating));
    await server.clock.advance(5_000);
    for (const shared of opened) expect(shared.value).toMatch(/^\dx{20}$/);
  });

  test("a deletion is told, not hidden: the initial value stands in, and a write makes the znode again", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(), await server.connect()];
    await using shared = await open(a);
    const reader = readerOf(shared);
    await shared.set("one");
    await b.delete(P);
    await server.clock.runUntilIdle();
    expect(shared).toMatchObject({ value: "initial", exists: false, zxid: 0, isFresh: true });
    expect(reader.told.at(-1)).toBe("deleted initial");
    await expect(shared.set("two", { ifMatch: 1 })).rejects.toMatchObject({ code: "GUARD_FAILED" });
    const zxid = await shared.set("two", { ifMatch: 0 });
    expect(shared).toMatchObject({ value: "two", exists: true, zxid });
    await expect(shared.set("three", { ifMatch: 0 })).rejects.toMatchObject({ code: "GUARD_FAILED" });
    await b.delete(P);
    await shared.set("blind");
    await b.delete(P);
    expect((await shared.update((now) => `${now}!`)).value).toBe("initial!");
    await server.clock.runUntilIdle();
    expect(shared.value).toBe("initial!");
    expect(reader.told.at(-1)).toBe("value initial!");
  });

  test("changes begin with the value as it is, and tell a slow reader the newest only", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(), await server.connect()];
    await using shared = await open(a);
    const slow = shared.changes();
    expect(await slow.next()).toMatchObject({ value: { kind: "value", value: "initial" } });
    const quick = readerOf(shared);
    for (let i = 0; i < 1_000; i++) await b.set(P, `${i}`, { codec: text });
    await server.clock.runUntilIdle();
    expect(await slow.next()).toMatchObject({ value: { value: "999" } });
    expect(quick.told).toHaveLength(1_001);
    const next = slow.next();
    await b.set(P, "then", { codec: text });
    expect(await next).toMatchObject({ value: { value: "then" } });
  });

  test("changes end by their signal, by leaving the loop, and by closing; they throw when the client is closed", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(), await server.connect()];
    const shared = await open(a);
    const abort = new AbortController();
    const [bySignal, byClose] = [readerOf(shared, abort.signal), readerOf(shared)];
    for await (const change of shared.changes()) if (change.kind === "value") break;
    abort.abort();
    await server.clock.runUntilIdle();
    expect([bySignal.ended, byClose.ended]).toEqual(["done", undefined]);
    await shared.close();
    await shared.close();
    await server.clock.runUntilIdle();
    expect(byClose.ended).toBe("done");
    expect(shared.isFresh).toBe(false);
    expect(server.leaks().subscriptions).toBe(0);
    const other = await open(b);
    const byClient = readerOf(other);
    await b.close();
    await server.clock.runUntilIdle();
    expect(byClient.ended).toBe("CLOSED");
    expect(other).toMatchObject({ value: "initial", isFresh: false });
  });

  test("survives cuts, restarts and the end of sessions without missing a change; what is old is not called fresh", async () => {
    await using server = await startTestServer({ log: "file" });
    const [a, b] = [await server.connect(T), await server.connect()];
    await using shared = await open(a);
    const reader = readerOf(shared);
    for (const [i, fault] of ["cut", "partition", "restart", "crash", "session over", "stall", "expire"].entries()) {
      const partition = ["partition", "session over"].includes(fault) ? server.faults.partition(a) : undefined;
      if (fault === "cut") server.faults.cut(a);
      if (fault === "restart" || fault === "crash") await server.faults.restart({ crash: fault === "crash" });
      if (fault === "stall") server.faults.stallClient(a, 20_000);
      if (fault === "expire") await server.faults.expire(a);
      const writing = b.set(P, `${i}`, { codec: text });
      await server.clock.advance(fault === "session over" || fault === "stall" ? 10_000 : 500);
      if (partition !== undefined) expect(shared.value).not.toBe(`${i}`);
      // A process that stands still looks at its clocks.
      if (fault === "session over" || fault === "stall") expect(shared.isFresh).toBe(false);
      partition?.end();
      await eventually(server, writing);
      await server.clock.advance(30_000);
      expect(shared).toMatchObject({ value: `${i}`, isFresh: true });
    }
    expect(a.stats().sessionsLost).toBe(3);
    expect(reader.told).toEqual(["value initial", ...Array.from({ length: 7 }, (_, i) => `value ${i}`)]);
  });

  test("what happened while it cannot be told is found when it is read anew: also a deletion", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(T), await server.connect()];
    await using shared = await open(a);
    const reader = readerOf(shared);
    for (const act of ["set", "delete", "nothing"] as const) {
      const partition = server.faults.partition(a);
      if (act === "set") await b.set(P, "changed", { codec: text });
      if (act === "delete") await b.delete(P);
      server.faults.forgetHistory();
      await server.clock.advance(5_000);
      partition.end();
      await server.clock.advance(5_000);
      expect(shared.isFresh).toBe(true);
      expect(shared.value).toBe(act === "set" ? "changed" : "initial");
    }
    expect(reader.told.slice(0, 3)).toEqual(["value initial", "value changed", "deleted initial"]);
    expect(new Set(reader.told.slice(3))).toEqual(new Set(reader.told.length > 3 ? ["deleted initial"] : []));
  });

  test("on a server that went back in time it takes what is there, and tells it, also if it is older", async () => {
    await using one = await startTestServer({ seed: 1 });
    await using other = await startTestServer({ seed: 2 });
    const elsewhere = await other.connect();
    await elsewhere.create(P, "of another history", { codec: text, parents: true });
    // One client, whose network leads to the one server and then to the other.
    let present = one.clientOptions();
    const there = other.clientOptions();
    const client = await connect({
      ...present,
      ...T,
      transport: { connect: (url, how) => present.transport!.connect(url, how) },
    });
    const shared = await open(client);
    for (let i = 0; i < 50; i++) await shared.set(`${i}`);
    const reader = readerOf(shared);
    const { zxid } = shared;
    present = there;
    await one.faults.restart({ crash: true });
    for (let i = 0; i < 100 && shared.value !== "of another history"; i++) {
      await one.clock.advance(100);
      await other.clock.advance(100);
    }
    expect(shared.value).toBe("of another history");
    expect(shared.zxid).toBeLessThan(zxid);
    expect(reader.told).toEqual(["value 49", "value of another history"]);
    expect(client.stats().sessionsLost).toBe(1);
    const setting = shared.set("mine", { ifMatch: zxid });
    await expect(setting).rejects.toMatchObject({ code: "GUARD_FAILED" });
    await shared.set("mine", { ifMatch: shared.zxid });
    expect(shared.value).toBe("mine");
    expect((await elsewhere.get(P, { codec: text, consistency: "linearizable" })).value).toBe("mine");
    await client.close();
  });

  test("data that the codec refuses is told by an error, and can be written over", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(), await server.connect()];
    const codec = json<{ n: number }>();
    await using shared = await sharedValue(a, P, { codec, initial: { n: 0 } });
    const seen: string[] = [];
    void (async () => {
      for await (const { kind } of shared.changes()) seen.push(kind);
    })();
    await b.set(P, "{", { codec: text });
    await server.clock.runUntilIdle();
    expect(() => shared.value).toThrow(expect.objectContaining({ code: "CODEC", path: P }));
    expect(shared).toMatchObject({ exists: true, isFresh: true });
    await expect(shared.update(({ n }) => ({ n: n + 1 }))).rejects.toMatchObject({ code: "CODEC" });
    await expect(sharedValue(b, P, { codec, initial: { n: 0 } })).rejects.toMatchObject({ code: "CODEC" });
    await server.clock.runUntilIdle();
    expect(server.leaks().subscriptions).toBe(1);
    await shared.set({ n: 7 }, { ifMatch: shared.zxid });
    await server.clock.runUntilIdle();
    expect(shared.value).toEqual({ n: 7 });
    expect(seen).toEqual(["value", "undecodable", "value"]);
  });

  test("opening ends at its time and by its signal, and leaves no subscription; the signal does not end what was opened", async () => {
    await using server = await startTestServer({ latencyMs: 1 });
    const a = await server.connect();
    const abort = new AbortController();
    const shared = await eventually(server, sharedValue(a, P, { codec: text, initial: "", signal: abort.signal }));
    abort.abort();
    await eventually(server, shared.set("still"));
    expect(shared.value).toBe("still");
    await shared.close();
    for (const op of ["exists", "subscribe"]) {
      const second = new AbortController();
      server.faults.at({ op }, () => second.abort());
      const opening = sharedValue(a, P, { codec: text, initial: "", signal: second.signal });
      await expect(eventually(server, opening)).rejects.toMatchObject({ code: "ABORTED", path: P });
      await server.clock.advance(1_000);
      expect(server.leaks().subscriptions).toBe(0);
    }
    const partition = server.faults.partition(a);
    const timed = sharedValue(a, P, { codec: text, initial: "", timeoutMs: 500 });
    await expect(eventually(server, timed)).rejects.toMatchObject({ code: "TIMEOUT" });
    partition.end();
    await server.clock.advance(5_000);
    expect(server.leaks().subscriptions).toBe(0);
  });

  test("writes can be guarded by something held", async () => {
    await using server = await startTestServer();
    const a = await server.connect();
    await using shared = await open(a);
    const { stat } = await a.create("/held");
    const guard = { path: "/held", czxid: stat.czxid };
    await shared.set("one", { guard });
    await a.delete("/held");
    await expect(shared.set("two", { guard })).rejects.toMatchObject({ code: "GUARD_FAILED", path: "/held" });
    await expect(shared.update(() => "two", { guard })).rejects.toMatchObject({ code: "GUARD_FAILED", path: "/held" });
    expect(shared.value).toBe("one");
  });
});

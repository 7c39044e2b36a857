/**
 * Where clients of coordination services use to fail: losses noticed late, watches that die quietly, reloads by the herd,
 * reconnects that never end, callbacks that hang the client.
 */
import { type Client, type ClientState, text } from "@corral/client";
import { describe, expect, test } from "vitest";
import { startTestServer } from "../src/index.ts";
import { bytes, failure, hasPath, put, take, textAt } from "./feature-words.ts";

/** Follows a cache's content as the tree has it. */
const valuesOf = (
  dump: readonly { readonly path: string; readonly data: Uint8Array | null }[],
  below: string,
): Record<string, string> =>
  Object.fromEntries(
    dump
      .filter(({ path }) => path.startsWith(below))
      .map(({ path, data }) => [path, Buffer.from(data ?? []).toString()]),
  );

describe("the loss of a session", () => {
  for (const [what, ...directions] of [
    ["nothing comes", "from-server"],
    ["nothing goes", "to-server"],
    ["nothing passes", "from-server", "to-server"],
  ] as const) {
    test(`is known to its owner before anyone else sees its ephemerals go, when ${what}`, async () => {
      for (let seed = 1; seed <= 20; seed++) {
        await using server = await startTestServer({ seed, latencyMs: seed % 7 });
        const [owner, other] = [await server.connect({ session: { timeoutMs: 6_000 } }), await server.connect()];
        await owner.create("/held", null, { lifetime: "ephemeral" });
        const { signal } = owner.session!;
        const from = server.clock.now;
        const order: string[] = [];
        signal.addEventListener("abort", () => order.push("owner"));
        const gone = other.nextEvent("/held").then(() => void order.push("other"));
        const faults = directions.map((oneWay) => server.faults.partition(owner, { oneWay }));
        await server.clock.advance(seed * 100);
        while (!signal.aborted) await server.clock.advance(50);
        expect(server.clock.now - from).toBeLessThanOrEqual(6_050);
        while (order.length < 2) await server.clock.advance(50);
        await gone;
        expect(order, `seed ${seed}`).toEqual(["owner", "other"]);
        for (const fault of faults) fault.end();
        await server.clock.advance(10_000);
        expect(owner.state.name).toBe("connected");
      }
    });
  }

  test("takes no znode of the former session into the next: that one is gone before the next begins", async () => {
    await using server = await startTestServer();
    const [owner, other] = [await server.connect({ session: { timeoutMs: 4_000 } }), await server.connect()];
    await owner.create("/q");
    const watch = await other.addWatch("/q", { recursive: true });
    using _fault = server.faults.dropReply({ op: "create" });
    const creating = failure(owner.create("/q/n-", null, { lifetime: "ephemeral", sequential: true }));
    const partition = server.faults.partition(owner);
    await server.clock.advance(3_990);
    partition.end();
    await server.clock.advance(10_000);
    expect(await creating).toMatchObject({ code: "OUTCOME_UNKNOWN" });
    await owner.create("/q/n-", null, { lifetime: "ephemeral", sequential: true });
    const events = (await take(watch, 3)).map(({ kind, path }) => `${kind} ${path}`);
    expect(events).toEqual(["created /q/n-0000000000", "deleted /q/n-0000000000", "created /q/n-0000000001"]);
    expect((await other.stat("/q/n-0000000001"))!.ephemeralOwner).toBe(owner.session!.id);
  });
});

describe("a watch", () => {
  test("never dies quietly: the same loop tells the next change after deletions, a new session and a restart", async () => {
    await using server = await startTestServer();
    const [watcher, writer] = [await server.connect(), await server.connect()];
    await writer.create("/p/a", null, { parents: true });
    const watch = await watcher.addWatch("/p/a");
    const changes = await watcher.subscribe("/p/a", { codec: text });
    const probe = async (value: string): Promise<void> => {
      await server.clock.advance(10_000);
      if (!(await writer.exists("/p/a"))) await writer.create("/p/a", null, { parents: true });
      const { mzxid } = await writer.set("/p/a", value, { codec: text });
      for (const stream of [watch, changes]) {
        let zxid = 0;
        while (zxid < mzxid) ({ zxid } = (await take<{ readonly zxid: number }>(stream, 1))[0]!);
        expect(zxid).toBe(mzxid);
      }
    };
    await probe("at first");
    await writer.delete("/p/a");
    await probe("after its deletion");
    await writer.delete("/p", { recursive: true });
    await probe("after that of its parent");
    await server.faults.expire(watcher);
    await probe("in a new session");
    await server.faults.restart({ crash: true });
    await probe("after a crash");
    server.faults.forgetHistory();
    server.faults.cut(watcher);
    await probe("after a resync");
  });

  test(
    "of many paths is set again within the limits of frames: one reconnect, not one after the other",
    { timeout: 30_000 },
    async () => {
      await using server = await startTestServer({
        limits: { frameBytes: 64 * 1024, requestBytes: 32 * 1024 },
        options: { valueBytes: 16 * 1024 },
      });
      const [watcher, writer] = [await server.connect(), await server.connect()];
      const fired: string[] = [];
      for (let from = 0; from < 20_000; from += 5_000) {
        await Promise.all(
          Array.from({ length: 5_000 }, (_, i) =>
            watcher.exists(`/watched-${from + i}`, { watch: ({ path }) => fired.push(path) }),
          ),
        );
      }
      server.faults.cut(watcher);
      await server.clock.advance(10_000);
      expect(watcher.stats()).toMatchObject({ reconnects: 1, sessions: 1, watches: 20_000 });
      expect(server.leaks().watches).toBe(20_000);
      expect(server.requests({ op: "setWatches" }).length).toBeGreaterThan(5);
      await writer.create("/watched-12345");
      await watcher.sync();
      expect(fired).toEqual(["/watched-12345"]);
    },
  );

  test("that is left again and again leaves nothing at the server", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    await client.create("/a");
    const controller = new AbortController();
    for (let i = 0; i < 500; i++) {
      const watch = await client.addWatch("/a", { signal: controller.signal });
      await client.set("/a", bytes(`${i}`));
      for await (const { kind } of watch) {
        expect(kind).toBe("changed");
        break;
      }
      const changes = await client.subscribe("/a");
      for await (const _ of changes) break;
    }
    await server.clock.runUntilIdle();
    expect(server.leaks()).toMatchObject({ watches: 0, subscriptions: 0, waiting: 0 });
    expect(client.stats()).toMatchObject({ watches: 0, subscriptions: 0 });
  });
});

describe("a cache", () => {
  test("goes on after a restart from where it was: nobody reads anything again", async () => {
    await using server = await startTestServer({ log: "file" });
    const writer = await server.connect();
    await writer.create("/c");
    await Promise.all(Array.from({ length: 100 }, (_, i) => put(writer, `/c/${i}`, `${i}`)));
    const clients = await Promise.all(Array.from({ length: 20 }, () => server.connect()));
    const caches = await Promise.all(clients.map((client) => client.cache("/c", { codec: text })));
    const before = clients.map((client) => client.stats().bytesIn);
    await server.faults.restart({ crash: true });
    await server.clock.advance(10_000);
    await writer.set("/c/7", "new", { codec: text });
    await server.clock.runUntilIdle();
    for (const [i, cache] of caches.entries()) {
      expect(cache.peek("/c/7")).toMatchObject({ value: "new" });
      expect(clients[i]!.stats().bytesIn - before[i]!, "a reconnect and one change").toBeLessThan(1_000);
    }
    expect(server.requests({ op: "get" })).toEqual([]);
  });

  test("has no hole when the history was forgotten: what it holds is what is there", async () => {
    await using server = await startTestServer();
    const [reader, writer] = [await server.connect(), await server.connect()];
    await writer.create("/c");
    for (let i = 0; i < 10; i++) await put(writer, `/c/${i}`, "old");
    const cache = await reader.cache("/c", { codec: text });
    const partition = server.faults.partition(reader);
    server.faults.cut(reader);
    for (let i = 0; i < 5; i++) await writer.delete(`/c/${i}`);
    for (let i = 5; i < 10; i++) await writer.set(`/c/${i}`, "new", { codec: text });
    server.faults.forgetHistory();
    await put(writer, "/c/late", "late");
    partition.end();
    await server.clock.advance(10_000);
    await cache.ready();
    const held = Object.fromEntries([...cache.entries()].map(({ path, value }) => [path, value]));
    expect(held).toEqual(valuesOf(server.dump(), "/c"));
    expect(Object.keys(held)).toHaveLength(7);
  });
});

describe("reconnects", () => {
  test("of many clients do not come all at once, and all are back soon", async () => {
    await using server = await startTestServer();
    const clients = await Promise.all(
      Array.from({ length: 300 }, () => server.connect({ session: { timeoutMs: 60_000 } })),
    );
    const back: number[] = [];
    for (const client of clients)
      client.on("state", ({ name }) => void (name === "connected" && back.push(server.clock.now)));
    await server.faults.restart({ crash: true, downMs: 10_000 });
    const from = server.clock.now;
    await server.clock.advance(30_000);
    expect(back).toHaveLength(300);
    const buckets = new Map<number, number>();
    for (const at of back)
      buckets.set(Math.floor((at - from) / 100), (buckets.get(Math.floor((at - from) / 100)) ?? 0) + 1);
    expect(Math.max(...buckets.values()), "most of them in one tenth of a second").toBeLessThan(60);
    expect(clients.every((client) => client.stats().sessions === 1)).toBe(true);
  });

  test("during a long outage repeat no request that was not sent again for a reason: once a connection", async () => {
    await using server = await startTestServer();
    const client = await server.connect({ session: { timeoutMs: 120_000 } });
    const partition = server.faults.partition(client);
    const creating = client.create("/a", null, { timeoutMs: 100_000 });
    await server.clock.advance(60_000);
    partition.end();
    await server.clock.advance(30_000);
    await creating;
    const { reconnects } = client.stats();
    expect(server.requests({ op: "create" }).length).toBeLessThanOrEqual(1 + reconnects);
    expect((await client.stat("/a"))!.version).toBe(0);
  });

  test("however many: the last state is the right one, also for a reader who was asleep, and a loop of states misses no loss", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    const states = client.states();
    for (let i = 0; i < 200; i++) {
      if (i % 50 === 49) await server.faults.expire(client);
      else server.faults.cut(client);
      await server.clock.advance(10_000);
    }
    expect(client.stats()).toMatchObject({ sessionsLost: 4, sessions: 5 });
    const { id } = client.session!;
    await client.close();
    const seen: ClientState[] = [];
    for await (const state of states) seen.push(state);
    expect(seen.at(-1)?.name).toBe("closed");
    expect(seen.findLast(({ name }) => name === "connected")).toMatchObject({ sessionId: id });
  });
});

describe("the program's own code", () => {
  /** Reads in every place where a program gets control. */
  async function readEverywhere(client: Client, done: string[]): Promise<void> {
    client.on("state", ({ name }) => {
      if (name === "connected") void client.get("/a").then(() => done.push("listener"));
    });
    const watch = await client.addWatch("/a");
    void (async () => {
      for await (const _ of watch) {
        await client.get("/a");
        done.push("watch");
      }
    })().catch(() => done.push("watch ended"));
    await client.get("/a", { watch: () => void client.get("/a").then(() => done.push("callback")) });
  }

  test("may call the client from a listener, a watch and a loop, and hangs nothing", async () => {
    await using server = await startTestServer({ latencyMs: 2 });
    const [client, writer] = [await server.connect(), await server.connect()];
    await writer.create("/a");
    const done: string[] = [];
    await readEverywhere(client, done);
    await writer.set("/a", bytes("1"));
    await server.clock.advance(1_000);
    server.faults.cut(client);
    await server.clock.advance(5_000);
    expect(done.toSorted()).toEqual(["callback", "listener", "watch"]);
    await client.close();
    await server.clock.runUntilIdle();
    expect(done.at(-1)).toBe("watch ended");
  });

  test("may take ten timeouts in the body of a loop: the session lives on", async () => {
    await using server = await startTestServer();
    const [client, writer] = [await server.connect({ session: { timeoutMs: 4_000 } }), await server.connect()];
    await client.create("/e", null, { lifetime: "ephemeral" });
    const changes = await client.subscribe("/e", { codec: text });
    const bodies: number[] = [];
    void (async () => {
      for await (const { zxid } of changes) {
        bodies.push(zxid);
        await new Promise<void>((resolve) => void server.clock.advance(0).then(() => (wake = resolve)));
      }
    })().catch((error: Error) => expect(error.message).toContain("CLOSED"));
    let wake = (): void => {};
    await writer.set("/e", bytes("1"));
    await server.clock.advance(40_000);
    expect(bodies).toHaveLength(1);
    expect(hasPath(server.dump(), "/e")).toBe(true);
    expect(client.stats()).toMatchObject({ sessions: 1, reconnects: 0 });
    wake();
    await server.clock.advance(100);
    expect(bodies.length).toBeGreaterThan(1);
    expect(await textAt(client, "/e")).toBe("1");
    wake();
  });
});

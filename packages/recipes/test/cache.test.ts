import { type Client, isCorralError, json, op, text } from "@corral/client";
import { startTestServer, type TestServer } from "@corral/testing";
import { describe, expect, test } from "vitest";
import { type Cache, cache, type CacheChange, type CacheOptions } from "../src/cache.ts";

const utf8 = new TextDecoder();
const create = (client: Client, path: string, value = "v") =>
  client.create(path, value, { codec: text, parents: true });
const set = (client: Client, path: string, value: string) => client.set(path, value, { codec: text });

/** What the server has at and below a path. */
function dumpOf(server: TestServer, root: string): Record<string, string> {
  const within = server.dump().filter(({ path }) => path === root || path.startsWith(root === "/" ? "/" : `${root}/`));
  return Object.fromEntries(within.map(({ path, data }) => [path, utf8.decode(data ?? new Uint8Array())]));
}
const contentsOf = (of: Cache<string>): Record<string, string> =>
  Object.fromEntries([...of.entries()].map(({ path, value }) => [path, value]));

const describeChange = (change: CacheChange<unknown>): string => {
  const { kind, path } = change;
  if (kind === "added") return `${kind} ${path} ${String(change.now.value)}`;
  if (kind === "changed") return `${kind} ${path} ${String(change.before.value)} > ${String(change.now.value)}`;
  if (kind === "removed") return `${kind} ${path} ${String(change.before.value)}`;
  return `${kind} ${path} ${String(change.kept?.value)}`;
};

/** Reads for ever; what was told, and how it ended. */
function follow(changes: AsyncIterable<CacheChange<unknown>>): string[] {
  const told: string[] = [];
  void (async () => {
    try {
      for await (const change of changes) told.push(describeChange(change));
      told.push("end");
    } catch (error) {
      if (!isCorralError(error)) throw error;
      told.push(error.code);
    }
  })();
  return told;
}

async function opened(
  path: string,
  options: CacheOptions<string> = {},
  serverOptions: Parameters<typeof startTestServer>[0] = {},
) {
  const server = await startTestServer(serverOptions);
  const [client, other] = [await server.connect({ session: { timeoutMs: 6_000 } }), await server.connect()];
  return { server, client, other, open: () => cache(client, path, { codec: text, ...options }) };
}
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "resolved",
    (error: { code: string }) => error.code,
  );
const thrownBy = (call: () => unknown): string => {
  try {
    call();
  } catch (error) {
    if (isCorralError(error)) return error.code;
  }
  return "nothing";
};

describe("a cache", () => {
  test("has the whole subtree when it resolves, and then all that changes, without a single get", async () => {
    const { server, other, open } = await opened("/app");
    await using _ = server;
    await create(other, "/app/a/deep", "1");
    await create(other, "/apple", "not ours");
    const mine = await open();
    expect(contentsOf(mine)).toEqual({ "/app": "", "/app/a": "", "/app/a/deep": "1" });
    expect(mine.freshness).toBe("live");
    await set(other, "/app/a/deep", "2");
    await create(other, "/app/b", "3");
    await other.delete("/app/a", { recursive: true });
    await server.clock.runUntilIdle();
    expect(contentsOf(mine)).toEqual({ "/app": "", "/app/b": "3" });
    expect([mine.size, mine.has("/app/a"), mine.get("/app/a"), mine.get("/app/b")?.value]).toEqual([
      2,
      false,
      undefined,
      "3",
    ]);
    expect([mine.children("/app"), mine.children("/app/b"), mine.children("/app/none")]).toEqual([["b"], [], []]);
    expect(mine.zxid).toBeGreaterThanOrEqual(mine.get("/app/b")!.stat.czxid);
    expect(server.requests({ op: "get" })).toEqual([]);
    expect(server.leaks().subscriptions).toBe(1);
    await mine.close();
    await server.clock.runUntilIdle();
    expect(server.leaks().subscriptions).toBe(0);
  });

  test("of a znode, or of a znode and its children, has no more than that, and says what it cannot know", async () => {
    const { server, client, other } = await opened("/app");
    await using _ = server;
    await create(other, "/app/a/deep");
    const node = await cache(client, "/app", { scope: "node" });
    const children = await cache(client, "/app", { scope: "children" });
    await create(other, "/app/b/deep");
    await server.clock.runUntilIdle();
    expect([...node.entries()].map(({ path }) => path)).toEqual(["/app"]);
    expect([...children.entries()].map(({ path }) => path)).toEqual(["/app", "/app/a", "/app/b"]);
    expect(children.children("/app")).toEqual(["a", "b"]);
    const unknown = [
      () => node.get("/app/a"),
      () => node.children("/app"),
      () => children.children("/app/a"),
      () => children.get("/app/a/deep"),
      () => children.has("/apple"),
    ];
    expect(unknown.map(thrownBy)).toEqual(Array(5).fill("BAD_ARGUMENTS"));
  });

  test("of the root of everything knows its children", async () => {
    const { server, open } = await opened("/");
    await using _ = server;
    const mine = await open();
    expect(mine.children("/")).toEqual(["zookeeper"]);
    expect(contentsOf(mine)).toEqual(dumpOf(server, "/"));
  });

  test("behind a chroot speaks of paths as its client does", async () => {
    const { server, client, other } = await opened("/app");
    await using _ = server;
    await create(other, "/app/a/b", "1");
    const mine = await cache(client.chroot("/app"), "/a", { codec: text });
    await set(other, "/app/a/b", "2");
    await server.clock.runUntilIdle();
    expect(contentsOf(mine)).toEqual({ "/a": "", "/a/b": "2" });
    expect(mine.children("/a")).toEqual(["b"]);
  });

  test("keeps only what its filter lets through", async () => {
    const { server, other, open } = await opened("/app", { filter: (path) => !path.endsWith(".tmp") });
    await using _ = server;
    await create(other, "/app/a");
    await create(other, "/app/b.tmp");
    const mine = await open();
    const told = follow(mine.changes());
    await create(other, "/app/c");
    await create(other, "/app/d.tmp");
    await other.delete("/app/b.tmp");
    await server.clock.runUntilIdle();
    expect([mine.size, mine.children("/app"), told]).toEqual([3, ["a", "c"], ["added /app/c v"]]);
  });

  test("shows a transaction as a whole or not at all", async () => {
    const { server, client, other, open } = await opened("/app");
    await using _ = server;
    await create(other, "/app");
    const mine = await open();
    const sizes = new Set<number>();
    const units: string[][] = [];
    mine.on((changes) => {
      sizes.add(mine.size);
      units.push(changes.map(describeChange));
    });
    const names = Array.from({ length: 50 }, (_, i) => `/app/${i}`);
    const writing = client.multi(names.map((name) => op.create(name)));
    // Looks between any two things that happen.
    for (let i = 0; i < 500; i++) {
      sizes.add(mine.size);
      await Promise.resolve();
    }
    await writing;
    await other.multi([op.delete("/app/0"), op.create("/app/0", "again", { codec: text }), op.set("/app/1", null)]);
    await server.clock.runUntilIdle();
    expect([...sizes].filter((size) => size !== 1)).toEqual([51]);
    expect(units).toHaveLength(2);
    expect(units[1]).toEqual(["changed /app/0  > again", "changed /app/1  > "]);
  });

  test("tells its listeners and its readers before the reply to the change is seen", async () => {
    const { server, client, open } = await opened("/app");
    await using _ = server;
    const mine = await open();
    const order: string[] = [];
    mine.on(([change]) => order.push(`listener ${change!.path}`));
    const reading = mine.changes();
    void reading.next().then(() => order.push("reader"));
    await client.create("/app").then(() => order.push(`reply ${mine.has("/app")}`));
    expect(order).toEqual(["listener /app", "reader", "reply true"]);
  });

  test("goes on when a listener throws; the error is not swallowed", async () => {
    const { server, other, open } = await opened("/app");
    await using _ = server;
    const mine = await open();
    const heard: number[] = [];
    const stop = mine.on(() => {
      throw new Error("of the listener");
    });
    mine.on((changes) => heard.push(changes.length));
    await create(other, "/app");
    await expect(server.clock.advance(10)).rejects.toThrow("of the listener");
    stop();
    await create(other, "/app/a");
    await server.clock.advance(10);
    expect([heard, mine.size]).toEqual([[1, 1], 2]);
  });

  test("keeps the last value that its codec took, marked, and tells of the data that it refused", async () => {
    const server = await startTestServer();
    await using _ = server;
    const [client, other] = [await server.connect(), await server.connect()];
    await create(other, "/app/a", "1");
    await create(other, "/app/bad", "{");
    const mine = await cache<unknown>(client, "/app/a", { codec: json() });
    const all = await cache<unknown>(client, "/app", { codec: json({ empty: null }) });
    const told = follow(mine.changes());
    const startsOver = async (): Promise<void> => {
      server.faults.cut(client);
      await create(other, "/elsewhere/n", "");
      await other.delete("/elsewhere/n");
      server.faults.forgetHistory();
      await server.clock.advance(2_000);
    };
    await set(other, "/app/a", "{");
    await server.clock.runUntilIdle();
    expect(mine.get("/app/a")).toMatchObject({ value: 1, stat: { version: 0 }, refused: { code: "CODEC" } });
    // Never understood: there, but without a value.
    expect([all.has("/app/bad"), all.get("/app/bad"), all.children("/app")]).toEqual([true, undefined, ["a", "bad"]]);
    // Sent again, it is neither news nor forgotten.
    await startsOver();
    expect(mine.get("/app/a")).toMatchObject({ value: 1, refused: { code: "CODEC" } });
    await set(other, "/app/a", "2");
    await server.clock.runUntilIdle();
    expect(mine.get("/app/a")).toMatchObject({ value: 2, stat: { version: 2 }, refused: undefined });
    await set(other, "/app/a", "{");
    await other.delete("/app/a");
    await create(other, "/app/a", "{");
    await server.clock.runUntilIdle();
    // Another life: the value of the one before is not its.
    expect([mine.has("/app/a"), mine.get("/app/a")]).toEqual([true, undefined]);
    await set(other, "/app/a", "3");
    await server.clock.runUntilIdle();
    // Also when nobody has seen the one go and the other come.
    const cutOff = server.faults.partition(client);
    await other.delete("/app/a");
    await create(other, "/app/a", "{");
    server.faults.forgetHistory();
    await server.clock.advance(25_000);
    cutOff.end();
    await server.clock.advance(5_000);
    expect([mine.freshness, mine.has("/app/a"), mine.get("/app/a")]).toEqual(["live", true, undefined]);
    expect(told).toEqual([
      "undecodable /app/a 1",
      "changed /app/a 1 > 2",
      "undecodable /app/a 2",
      "removed /app/a 2",
      "undecodable /app/a undefined",
      "added /app/a 3",
      "removed /app/a 3",
      "undecodable /app/a undefined",
    ]);
  });
});

describe("whoever has written", () => {
  test("reads it at once, in every cache that is told to be at least there", async () => {
    const { server, client, other, open } = await opened("/app");
    await using _ = server;
    const mine = await open();
    const { stat } = await create(client, "/app", "mine");
    const asked = server.requests().length;
    await mine.atLeast(stat.mzxid);
    expect(server.requests()).toHaveLength(asked);
    expect(mine.get("/app")?.value).toBe("mine");
    const theirs = await create(other, "/app/theirs");
    await mine.atLeast(theirs.stat.mzxid);
    expect(mine.has("/app/theirs")).toBe(true);
  });

  test("whose event is on its way waits for that and asks for no more than one answer", async () => {
    const { server, client, other, open } = await opened("/app");
    await using _ = server;
    const mine = await open();
    const late = server.faults.partition(client, { oneWay: "from-server" });
    const { stat } = await create(other, "/app");
    const asked = server.requests().length;
    const waiting = mine.atLeast(stat.czxid).then(() => mine.has("/app"));
    await server.clock.advance(100);
    late.end();
    expect(await waiting).toBe(true);
    expect(
      server
        .requests()
        .slice(asked)
        .map(({ op: name }) => name),
    ).toEqual(["sync"]);
    void client;
  });

  test("elsewhere, or deleted, can wait for that zxid too, which costs two requests", async () => {
    const { server, client, other, open } = await opened("/app");
    await using _ = server;
    await create(other, "/app/a");
    const mine = await open();
    const elsewhere = await create(other, "/elsewhere");
    const asked = server.requests().length;
    await mine.atLeast(elsewhere.stat.czxid);
    expect(server.requests().length - asked).toBeLessThanOrEqual(3);
    expect(mine.zxid).toBeGreaterThanOrEqual(elsewhere.stat.czxid);
    await other.delete("/app/a");
    await mine.atLeast(await client.sync());
    expect(mine.has("/app/a")).toBe(false);
    await server.clock.runUntilIdle();
    expect(server.leaks().subscriptions).toBe(1);
    await create(other, "/app/b");
    await server.clock.runUntilIdle();
    expect(mine.children("/app")).toEqual(["b"]);
  });

  test("is not told that it is in while the server has not sent it, however much stands before it", async () => {
    const { server, client, other, open } = await opened("/app", {}, { latencyMs: 20 });
    await using _ = server;
    const mine = await open();
    // More transactions than the subscription has credits for.
    const writes = Array.from({ length: 500 }, (_, i) => create(other, `/app/${i}`));
    await Promise.all(writes);
    await other.delete("/app/499");
    await mine.atLeast(await client.sync());
    expect([mine.size, mine.has("/app/499")]).toEqual([500, false]);
    expect(contentsOf(mine)).toEqual(dumpOf(server, "/app"));
  });

  test("elsewhere is never shown an older state for it, whatever is written while it is asked for", async () => {
    const { server, client, other, open } = await opened("/app");
    await using _ = server;
    await create(other, "/app", "0");
    const mine = await open();
    const told = follow(mine.changes());
    const { stat } = await create(other, "/elsewhere");
    // The new subscription is held up, and so told what the old one has told meanwhile.
    using _held = server.faults.at({ op: "subscribe" }, () => {
      const held = server.faults.partition(client, { oneWay: "to-server" });
      void Promise.all([1, 2, 3].map((i) => set(other, "/app", `${i}`))).then(() => {
        held.end();
      });
    });
    await mine.atLeast(stat.czxid);
    await server.clock.advance(100);
    expect(told).toEqual(["changed /app 0 > 1", "changed /app 1 > 2", "changed /app 2 > 3"]);
    expect(server.leaks().subscriptions).toBe(1);
  });

  test("of a zxid that the server has not come to is told so; and waits no longer than asked", async () => {
    const { server, client, open } = await opened("/app");
    await using _ = server;
    const mine = await open();
    expect(await codeOf(mine.atLeast(2 ** 50))).toBe("BAD_ARGUMENTS");
    using _cutOff = server.faults.partition(client);
    const waiting = codeOf(mine.atLeast(2 ** 50, { timeoutMs: 500 }));
    await server.clock.advance(600);
    expect(await waiting).toBe("TIMEOUT");
  });
});

describe("changes", () => {
  test("are told in the order of their zxids, with what was before", async () => {
    const { server, other, open } = await opened("/app");
    await using _ = server;
    await create(other, "/app", "root");
    const mine = await open();
    const [told, replayed] = [follow(mine.changes()), follow(mine.changes({ replay: true }))];
    await create(other, "/app/a", "1");
    await set(other, "/app/a", "2");
    await other.delete("/app/a");
    await server.clock.runUntilIdle();
    const expected = ["added /app/a 1", "changed /app/a 1 > 2", "removed /app/a 2"];
    expect(told).toEqual(expected);
    expect(replayed).toEqual(["added /app root", ...expected]);
  });

  test("of a reader that never reads cost at most one path for each znode that it knew of or that there is", async () => {
    const { server, other, open } = await opened("/app");
    await using _ = server;
    await create(other, "/app/stays", "0");
    await create(other, "/app/goes", "0");
    const mine = await open();
    const slow = mine.changes();
    for (let i = 0; i < 300; i++) {
      await set(other, "/app/stays", `${i}`);
      const { path } = await other.create("/app/brief-", "", { codec: text, sequential: true });
      await other.delete(path);
    }
    await other.delete("/app/goes");
    await create(other, "/app/new", "1");
    await set(other, "/app/new", "2");
    await server.clock.runUntilIdle();
    expect((slow as unknown as { pending: number }).pending).toBe(3);
    // And then it is told the newest, once.
    expect([await slow.next(), await slow.next(), await slow.next()].map(({ value }) => describeChange(value))).toEqual(
      ["changed /app/stays 0 > 299", "removed /app/goes 0", "added /app/new 2"],
    );
  });

  test("end with the signal, with leaving, and with close, and leave nothing", async () => {
    const { server, other, open } = await opened("/app");
    await using _ = server;
    const mine = await open();
    const abort = new AbortController();
    const [first, second] = [follow(mine.changes({ signal: abort.signal })), follow(mine.changes())];
    const third = mine.changes();
    await create(other, "/app");
    for await (const change of third) {
      expect(change.kind).toBe("added");
      break;
    }
    abort.abort();
    expect(await third.next()).toEqual({ done: true, value: undefined });
    await create(other, "/app/a");
    await mine.close();
    await server.clock.runUntilIdle();
    expect(first).toEqual(["added /app v", "end"]);
    expect(second).toEqual(["added /app v", "added /app/a v", "end"]);
    expect(thrownBy(() => mine.changes())).toBe("CLOSED");
  });
});

describe("a bound", () => {
  test("that the subtree is too large for is told to whoever opens it", async () => {
    const { server, client, other } = await opened("/app");
    await using _ = server;
    for (let i = 0; i < 10; i++) await create(other, `/app/${i}`, "0123456789");
    const options = { codec: text };
    await expect(cache(client, "/app", { ...options, entriesMax: 10 })).rejects.toMatchObject({
      code: "LIMIT_EXCEEDED",
      limitName: "entriesMax",
      limit: 10,
      actual: 11,
    });
    await expect(cache(client, "/app", { ...options, bytesMax: 100 })).rejects.toMatchObject({
      code: "LIMIT_EXCEEDED",
      limitName: "bytesMax",
    });
    expect((await cache(client, "/app", { ...options, entriesMax: 11 })).size).toBe(11);
  });

  test("that is exceeded later ends the cache for all of its readers, and its subscription", async () => {
    const { server, other, open } = await opened("/app", { entriesMax: 3 });
    await using _ = server;
    await create(other, "/app/a");
    const mine = await open();
    const told = follow(mine.changes());
    await create(other, "/app/b");
    const waiting = codeOf(mine.atLeast(2 ** 50));
    await create(other, "/app/c");
    await server.clock.runUntilIdle();
    expect(told).toEqual(["added /app/b v", "LIMIT_EXCEEDED"]);
    expect(await waiting).toBe("LIMIT_EXCEEDED");
    const reads = [() => mine.get("/app"), () => mine.size, () => [...mine.entries()], () => mine.children("/app")];
    expect(reads.map(thrownBy)).toEqual(Array(4).fill("LIMIT_EXCEEDED"));
    expect(mine.freshness).toBe("stale");
    expect(server.leaks().subscriptions).toBe(0);
  });
});

/** A cache: what it has of a subtree, whom it tells, and when it ends. */
import { json, op, text } from "@corral/client";
import { startTestServer } from "@corral/testing";
import { describe, expect, test } from "vitest";
import { cache } from "../src/cache.ts";
import { contentsOf, create, describeChange, dumpOf, follow, grow, opened, set, thrownBy } from "./caching.ts";

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
    expect(mine.signal.reason).toMatchObject({ code: "CLOSED" });
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

  test("of what does not exist is empty until it does, also below parents that do not", async () => {
    await using server = await startTestServer();
    const [client, other] = [await server.connect(), await server.connect()];
    const mine = await cache(client, "/not/yet", { codec: text });
    expect([mine.size, mine.has("/not/yet"), mine.freshness]).toEqual([0, false, "live"]);
    await create(other, "/not/yet/there");
    await server.clock.runUntilIdle();
    expect(Object.keys(contentsOf(mine))).toEqual(["/not/yet", "/not/yet/there"]);
    await other.delete("/not", { recursive: true });
    await server.clock.runUntilIdle();
    expect(mine.size).toBe(0);
    await create(other, "/not/yet/again");
    await server.clock.runUntilIdle();
    expect(contentsOf(mine)).toEqual(dumpOf(server, "/not/yet"));
  });

  test("of 20,000 children below one znode lists them all", async () => {
    await using server = await startTestServer();
    const [client, other] = [await server.connect(), await server.connect()];
    await grow(other, 20_001);
    const mine = await cache(client, "/app", { codec: text, scope: "children" });
    expect(mine.size).toBe(20_001);
    expect(new Set(mine.children("/app")).size).toBe(20_000);
    await other.delete("/app/20000");
    await server.clock.runUntilIdle();
    expect(mine.children("/app")).toHaveLength(19_999);
    expect(client.stats().reconnects).toBe(0);
  });

  test("ends with its client: whoever reads its changes is told, and nobody is given what may be old", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    const mine = await cache(client, "/app");
    const next = mine.changes().next();
    await client.close();
    await expect(next).rejects.toMatchObject({ code: "CLOSED" });
    expect(() => mine.get("/app")).toThrow(expect.objectContaining({ code: "CLOSED" }));
    await expect(mine.atLeast(2 ** 50)).rejects.toMatchObject({ code: "CLOSED" });
  });
});

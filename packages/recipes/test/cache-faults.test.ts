/** A cache that is cut off, or whose session or server ends: it goes on, and asks for no more than it has to. */
import { type Client, text } from "@corral/client";
import { startTestServer, type TestServer } from "@corral/testing";
import { describe, expect, test } from "vitest";
import { cache, type CacheChange } from "../src/cache.ts";
import { collect, contentsOf, create, dumpOf, grow, set, shortOf } from "./caching.ts";

describe("a cache", () => {
  test("is told all that happened while it was cut off, in order, none of it twice, and asks for nothing else", async () => {
    await using server = await startTestServer();
    const [client, other] = [await server.connect({ session: { timeoutMs: 6_000 } }), await server.connect()];
    await grow(other, 3);
    const mine = await cache(client, "/app", { codec: text });
    const [told, heard] = [collect(mine.changes()), [] as CacheChange<string>[]];
    mine.on((changes) => heard.push(...changes));
    const cutOff = server.faults.partition(client);
    const asked = server.requests().length;
    for (let i = 0; i < 100; i++) await set(other, `/app/${1 + (i % 2)}`, `${i}`);
    // Long enough for the connection to be given up, and for the session to live.
    await server.clock.advance(4_500);
    cutOff.end();
    await server.clock.advance(1_000);
    expect(mine.freshness).toBe("live");
    expect(contentsOf(mine)).toEqual(dumpOf(server, "/app"));
    const valueOf = (change: CacheChange<string>): string => ("now" in change ? change.now.value : change.kind);
    expect(heard.map(valueOf)).toEqual(Array.from({ length: 100 }, (_, i) => `${i}`));
    const zxids = told.map(({ zxid }) => zxid);
    expect(zxids).toEqual(zxids.toSorted((a, b) => a - b));
    expect(told.slice(-2).map(valueOf)).toEqual(["98", "99"]);
    const own = server
      .requests()
      .slice(asked)
      .filter(({ op: name }) => !["set", "ping", "hello", "credit"].includes(name));
    expect(own.map(({ op: name }) => name)).toEqual(["subscribe"]);
  });

  test.each<[string, (server: TestServer, client: Client, other: Client) => Promise<void>]>([
    [
      "its znode is deleted and made again",
      async (_server, _client, other) => {
        await other.delete("/app/a/b");
        await create(other, "/app/a/b");
      },
    ],
    [
      "the parents of its znode are deleted",
      async (_server, _client, other) => {
        await other.delete("/app", { recursive: true });
      },
    ],
    [
      "its session expires",
      async (server, client) => {
        await server.faults.expire(client);
        await server.clock.advance(2_000);
      },
    ],
    [
      "the server restarts",
      async (server) => {
        await server.faults.restart({ downMs: 1_000 });
        await server.clock.advance(3_000);
      },
    ],
    [
      "the server loses power",
      async (server) => {
        await server.faults.restart({ crash: true });
        await server.clock.advance(3_000);
      },
    ],
    [
      "its connection breaks again and again",
      async (server, client) => {
        for (let i = 0; i < 10; i++) {
          server.faults.cut(client);
          await server.clock.advance(i * 50);
        }
        await server.clock.advance(2_000);
      },
    ],
    [
      "its session is long over before the server can be reached again",
      async (server, client) => {
        const cutOff = server.faults.partition(client);
        await server.clock.advance(60_000);
        cutOff.end();
        await server.clock.advance(10_000);
      },
    ],
    [
      "its process stands still for longer than its session lives",
      async (server, client) => {
        server.faults.stallClient(client, 20_000);
        await server.clock.advance(30_000);
      },
    ],
    [
      "its machine sleeps for an hour",
      async (server, client) => {
        server.faults.sleepClient(client, 3_600_000);
        await server.clock.advance(3_700_000);
      },
    ],
    [
      "history is forgotten while it is away",
      async (server, client) => {
        server.faults.cut(client);
        server.faults.forgetHistory();
        await server.clock.advance(2_000);
      },
    ],
  ])("never dies quietly: when %s, the next change is still seen", async (_name, happens) => {
    await using server = await startTestServer();
    const [client, other] = [await server.connect({ session: { timeoutMs: 6_000 } }), await server.connect()];
    await create(other, "/app/a/b");
    const caches = [
      await cache(client, "/app/a/b", { codec: text, scope: "node" }),
      await cache(client, "/app/a", { codec: text, scope: "children" }),
      await cache(client, "/app", { codec: text }),
    ];
    const told = caches.map((one) => collect(one.changes()));
    await happens(server, client, other);
    const probe = await other.create("/app/a/b", "probe", { codec: text, parents: true }).then(
      () => "added",
      () => set(other, "/app/a/b", "probe").then(() => "changed"),
    );
    await server.clock.advance(5_000);
    for (const [i, one] of caches.entries()) {
      expect(one.get("/app/a/b")?.value).toBe("probe");
      expect(one.freshness).toBe("live");
      expect(told[i]!.map(shortOf)).toContain(`${probe} /app/a/b`);
      expect(told[i]!.at(-1)).toMatchObject({ path: "/app/a/b", now: { value: "probe" } });
    }
    expect(contentsOf(caches[2]!)).toEqual(dumpOf(server, "/app"));
  });

  test("of a thousand znodes in each of 200 clients comes back from a restart of the server with no get and no subtree sent again", async () => {
    await using server = await startTestServer();
    const other = await server.connect();
    await grow(other, 1_000);
    const clients = await Promise.all(Array.from({ length: 200 }, () => server.connect()));
    const caches = await Promise.all(clients.map((client) => cache(client, "/app", { codec: text })));
    const [asked, received] = [server.requests().length, clients.map((client) => client.stats().bytesIn)];
    const restarting = server.faults.restart({ downMs: 500 });
    await restarting;
    await server.clock.advance(10_000);
    await set(other, "/app/7", "after");
    await server.clock.runUntilIdle();
    expect(caches.map((one) => [one.size, one.get("/app/7")?.value, one.freshness])).toEqual(
      Array(200).fill([1_000, "after", "live"]),
    );
    const since = server.requests().slice(asked);
    expect(since.filter(({ op: name }) => ["get", "children", "exists"].includes(name))).toEqual([]);
    expect(since.filter(({ op: name }) => name === "subscribe")).toHaveLength(200);
    // The subtree is some 100 KB.
    for (const [i, client] of clients.entries()) expect(client.stats().bytesIn - received[i]!).toBeLessThan(2_000);
  }, 30_000);

  test("that cannot be had in time, or is not wanted any more, leaves no subscription", async () => {
    await using server = await startTestServer();
    const client = await server.connect({ session: { timeoutMs: 30_000 } });
    const cutOff = server.faults.partition(client);
    const abort = new AbortController();
    const codes = Promise.allSettled([
      cache(client, "/app", { timeoutMs: 1_000 }),
      cache(client, "/app", { signal: abort.signal }),
    ]);
    await server.clock.advance(500);
    abort.abort();
    await server.clock.advance(1_000);
    const errors = (await codes).map((one) =>
      one.status === "rejected" ? (one.reason as { code: string }).code : "none",
    );
    expect(errors).toEqual(["TIMEOUT", "ABORTED"]);
    cutOff.end();
    await server.clock.advance(30_000);
    expect(server.leaks().subscriptions).toBe(0);
    const later = new AbortController();
    const mine = await cache(client, "/app", { signal: later.signal });
    const told = collect(mine.changes());
    later.abort();
    await server.clock.runUntilIdle();
    expect([told, server.leaks().subscriptions]).toEqual([[], 0]);
    expect(() => mine.size).toThrow(expect.objectContaining({ code: "CLOSED" }));
  });
});

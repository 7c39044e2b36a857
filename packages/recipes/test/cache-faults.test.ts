import {
  type Client,
  connect,
  isCorralError,
  op,
  type Stat,
  type SubscriptionEvent,
  text,
  type Transport,
} from "@corral/client";
import { startTestServer, type TestServer } from "@corral/testing";
import { describe, expect, test } from "vitest";
import { type Cache, cache, type CacheChange } from "../src/cache.ts";

const utf8 = new TextDecoder();
const create = (client: Client, path: string, value = "v") =>
  client.create(path, value, { codec: text, parents: true });
const set = (client: Client, path: string, value: string) => client.set(path, value, { codec: text });

function dumpOf(server: TestServer, root: string): Record<string, string> {
  const within = server.dump().filter(({ path }) => path === root || path.startsWith(`${root}/`));
  return Object.fromEntries(within.map(({ path, data }) => [path, utf8.decode(data ?? new Uint8Array())]));
}
const contentsOf = (of: Cache<string>): Record<string, string> =>
  Object.fromEntries([...of.entries()].map(({ path, value }) => [path, value]));

/** Reads until the world ends. */
function follow<T>(changes: AsyncIterable<CacheChange<T>>): CacheChange<T>[] {
  const told: CacheChange<T>[] = [];
  void (async () => {
    try {
      for await (const change of changes) told.push(change);
    } catch (error) {
      if (!isCorralError(error, "CLOSED")) throw error;
    }
  })();
  return told;
}
const shortOf = ({ kind, path }: CacheChange<unknown>): string => `${kind} ${path}`;

/** A subtree of so many znodes below /app, itself included. */
async function grow(client: Client, znodes: number): Promise<void> {
  await create(client, "/app", "root");
  for (let made = 1; made < znodes; made += 500) {
    const names = Array.from({ length: Math.min(500, znodes - made) }, (_, i) => `/app/${made + i}`);
    await client.multi(names.map((name) => op.create(name, "v", { codec: text })));
  }
}

describe("a cache", () => {
  test("is told all that happened while it was cut off, in order, none of it twice, and asks for nothing else", async () => {
    await using server = await startTestServer();
    const [client, other] = [await server.connect({ session: { timeoutMs: 6_000 } }), await server.connect()];
    await grow(other, 3);
    const mine = await cache(client, "/app", { codec: text });
    const [told, heard] = [follow(mine.changes()), [] as CacheChange<string>[]];
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
    const told = caches.map((one) => follow(one.changes()));
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

  test("that cannot go on from where it was starts over, and tells the difference, not everything again", async () => {
    await using server = await startTestServer();
    const [client, other] = [await server.connect({ session: { timeoutMs: 6_000 } }), await server.connect()];
    await grow(other, 1_000);
    const mine = await cache(client, "/app", { codec: text });
    const told = follow(mine.changes());
    const cutOff = server.faults.partition(client);
    await server.clock.advance(4_500);
    await set(other, "/app/1", "new");
    await other.delete("/app/2");
    await create(other, "/app/3/below");
    // Deleted and made again: another znode, with the same value.
    await other.delete("/app/4");
    await create(other, "/app/4");
    // Only its ACL: its Stat is another one.
    await other.setAcl("/app/5", await other.getAcl("/app/5").then(({ acl }) => acl));
    server.faults.forgetHistory();
    cutOff.end();
    await server.clock.advance(2_000);
    expect(contentsOf(mine)).toEqual(dumpOf(server, "/app"));
    expect(mine.get("/app/3")?.stat).toEqual(await client.stat("/app/3"));
    expect(told.map(shortOf).toSorted((a, b) => a.localeCompare(b))).toEqual([
      "added /app/3/below",
      "changed /app/1",
      "changed /app/4",
      "changed /app/5",
      "removed /app/2",
    ]);
    expect(new Set(told.map(({ zxid }) => zxid))).toEqual(new Set([mine.zxid]));
  });

  test("drops what has come of a transaction when it has to start over in the middle of it", async () => {
    const known = (path: string, zxid: number) => ({
      path,
      zxid,
      value: "v",
      stat: { czxid: zxid, mzxid: zxid, dataLength: 1 } as Stat,
    });
    const events: SubscriptionEvent<string>[] = [
      { kind: "synced", zxid: 1 },
      // What follows it in its transaction never comes.
      { kind: "created", ...known("/app/a", 2) },
      { kind: "resync", zxid: 3 },
      { kind: "entry", ...known("/app", 1) },
      { kind: "synced", zxid: 4 },
      { kind: "created", ...known("/app/b", 5) },
    ];
    let asked = 0;
    const subscription = {
      next: () => {
        asked++;
        const value = events[asked - 1];
        return value === undefined ? new Promise(() => {}) : Promise.resolve({ done: false, value });
      },
      get cursor() {
        return asked === events.length + 1 ? 5 : undefined;
      },
      close: () => Promise.resolve(),
    };
    await using server = await startTestServer();
    const real = await server.connect();
    const client = {
      subscribe: () => Promise.resolve(subscription),
      on: () => () => {},
      deadline: () => ({ rest: () => ({}), race: (promise: Promise<unknown>) => promise }),
      clock: real.clock,
      session: real.session,
      state: real.state,
    } as unknown as Client;
    const mine = await cache<string>(client, "/app");
    await server.clock.runUntilIdle();
    expect([...mine.entries()].map(({ path }) => path)).toEqual(["/app", "/app/b"]);
  });

  test("shows the state before, marked, while it starts over, and the new one in one turn", async () => {
    // Slow enough that the pages do not come all at once.
    await using server = await startTestServer({ latencyMs: 50, limits: { pageBytes: 1_024 } });
    const [client, other] = [await server.connect(), await server.connect()];
    await grow(other, 3_000);
    const mine = await cache(client, "/app", { codec: text });
    const before = mine.zxid;
    const cutOff = server.faults.partition(client);
    await server.clock.advance(25_000);
    await other.multi(Array.from({ length: 500 }, (_, i) => op.delete(`/app/${1 + i}`)));
    server.faults.forgetHistory();
    const seen: [string, number, boolean][] = [];
    const ages: number[] = [];
    const look = (): void => {
      const now: [string, number, boolean] = [mine.freshness, mine.size, mine.zxid === before];
      if (seen.at(-1)?.join() !== now.join()) seen.push(now);
      if (mine.freshness === "resyncing") ages.push(mine.staleForMs);
    };
    let isOver = false;
    const lookAgain = (): void => {
      look();
      if (!isOver) client.clock.setTimeout(lookAgain, 1);
    };
    lookAgain();
    mine.on(look);
    cutOff.end();
    await server.clock.advance(10_000);
    isOver = true;
    expect(seen).toEqual([
      ["stale", 3_000, true],
      ["resyncing", 3_000, true],
      ["live", 2_500, false],
    ]);
    expect(Math.min(...ages)).toBeGreaterThan(25_000);
  });

  test("says since when it may be out of date, by whichever clock says more", async () => {
    await using server = await startTestServer();
    const client = await server.connect({ session: { timeoutMs: 6_000 } });
    const mine = await cache(client, "/app");
    await server.clock.advance(100_000);
    expect([mine.freshness, mine.staleForMs]).toEqual(["live", 0]);
    // A black hole is noticed after two thirds of the timeout, and counted from the last time that something was heard.
    const cutOff = server.faults.partition(client);
    await server.clock.advance(5_000);
    expect(mine.freshness).toBe("stale");
    expect(mine.staleForMs).toBeGreaterThanOrEqual(5_000);
    expect(mine.staleForMs).toBeLessThan(8_000);
    cutOff.end();
    await server.clock.advance(5_000);
    expect([mine.freshness, mine.staleForMs]).toEqual(["live", 0]);
    // The first look shows what no timer and no message has told yet.
    server.faults.jumpClock(client, 60_000);
    expect([client.state.name, mine.freshness, mine.staleForMs >= 60_000]).toEqual(["connected", "stale", true]);
    await server.clock.advance(5_000);
    expect([mine.freshness, mine.staleForMs]).toEqual(["live", 0]);
    await mine.close();
    expect(mine.freshness).toBe("stale");
  });

  test("of a server that went back says what that server has, and nothing of the lost history", async () => {
    await using lost = await startTestServer({ seed: 1 });
    await using restored = await startTestServer({ seed: 2 });
    // A client of the one, which finds the other one at the same address later.
    let isLost = false;
    const { transport: toLost, ...own } = lost.clientOptions();
    const { transport: toRestored } = restored.clientOptions();
    const transport: Transport = {
      connect: (url, options) => (isLost ? toRestored! : toLost!).connect(url, options),
    };
    const client = await connect({ ...own, transport, session: { timeoutMs: 6_000 } });
    const [before, after] = [await lost.connect(), await restored.connect()];
    for (let i = 0; i < 50; i++) await create(before, `/app/old-${i}`);
    await create(before, "/app/both", "old");
    await create(after, "/app/both", "new");
    const mine = await cache(client, "/app", { codec: text });
    const told = follow(mine.changes());
    isLost = true;
    lost.faults.cut("all");
    for (let i = 0; i < 40; i++) {
      await lost.clock.advance(250);
      await restored.clock.advance(250);
    }
    expect(mine.freshness).toBe("live");
    expect(contentsOf(mine)).toEqual(dumpOf(restored, "/app"));
    expect(told.filter(({ kind }) => kind === "removed")).toHaveLength(50);
    // One attempt that is told so, and one with nothing of the past.
    expect(restored.requests({ op: "hello" }).length).toBeLessThanOrEqual(5);
    await create(after, "/app/next");
    await restored.clock.runUntilIdle();
    expect(mine.has("/app/next")).toBe(true);
    const closing = client.close();
    await lost.clock.advance(100);
    await restored.clock.advance(100);
    await closing;
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
    const told = follow(mine.changes());
    later.abort();
    await server.clock.runUntilIdle();
    expect([told, server.leaks().subscriptions]).toEqual([[], 0]);
    expect(() => mine.size).toThrow(expect.objectContaining({ code: "CLOSED" }));
  });
});

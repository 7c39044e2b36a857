/** A cache that starts over: what it shows meanwhile, what it tells then, and how old it says it is. */
import { type Client, connect, op, type Stat, type SubscriptionEvent, text, type Transport } from "@corral/client";
import { startTestServer } from "@corral/testing";
import { describe, expect, test } from "vitest";
import { cache } from "../src/cache.ts";
import { collect, contentsOf, create, dumpOf, grow, set, shortOf } from "./caching.ts";

describe("a cache", () => {
  test("that cannot go on from where it was starts over, and tells the difference, not everything again", async () => {
    await using server = await startTestServer();
    const [client, other] = [await server.connect({ session: { timeoutMs: 6_000 } }), await server.connect()];
    await grow(other, 1_000);
    const mine = await cache(client, "/app", { codec: text });
    const told = collect(mine.changes());
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
    const told = collect(mine.changes());
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
});

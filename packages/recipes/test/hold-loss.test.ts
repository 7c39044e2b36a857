/** The loss of what is held, shown by a lock: that it is told in time, whatever happens, and told once for good. */
import { startTestServer } from "@corral/testing";
import { describe, expect, test } from "vitest";
import { lock } from "../src/lock.ts";
import { eventually } from "./faults/stage.ts";
import { errorOf, PATH, short, standing, TIMEOUT_MS } from "./locking.ts";

describe("the loss of what is held", () => {
  test("is told before anybody else holds it, whatever the seed, the session and the way the network breaks", async () => {
    const ways = [{}, { oneWay: "to-server" }, { oneWay: "from-server" }] as const;
    for (let seed = 1; seed <= 300; seed++) {
      const timeoutMs = 4_000 + (seed % 7) * 500;
      await using server = await startTestServer({ seed, latencyMs: seed % 4 });
      const [a, b] = await eventually(
        server,
        Promise.all([server.connect({ session: { timeoutMs } }), server.connect()]),
      );
      const held = await eventually(server, lock(a, PATH).acquire());
      const events: string[] = [];
      held.signal.addEventListener("abort", () => events.push("lost"));
      const next = lock(b, PATH).acquire();
      void next.then(() => events.push(held.isValid ? "two hold" : "acquired"));
      await server.clock.advance(seed * 37);
      const partition = server.faults.partition(a, ways[seed % 3]);
      const lastAnswered = server.clock.now;
      await server.clock.advance(timeoutMs + (seed % 4));
      expect([seed, events[0]]).toEqual([seed, "lost"]);
      expect([seed, held.signal.reason]).toMatchObject([seed, { code: "SESSION_EXPIRED" }]);
      await server.clock.advance(2 * timeoutMs);
      expect([seed, events]).toEqual([seed, ["lost", "acquired"]]);
      expect((await next).token).toBeGreaterThan(held.token);
      expect(server.clock.now).toBeGreaterThan(lastAnswered);
      // What it believes matters no more: the server refuses what it does in the name of what it held.
      partition.end();
      await server.clock.advance(timeoutMs);
      const late = await errorOf(eventually(server, a.create("/late", null, { guard: held.guard })));
      expect([seed, late.code]).toEqual([seed, "GUARD_FAILED"]);
    }
  }, 30_000);

  test.each(["to-server", "from-server", undefined] as const)(
    "is noticed within the session's timeout after the last answer, and not after the server's end of it, if the way %s is a black hole",
    async (oneWay) => {
      await using server = await startTestServer();
      const [a, b] = [await server.connect(short), await server.connect()];
      const held = await lock(a, PATH).acquire();
      // At rest: the last answer was to a ping that was sent at most a third of the timeout ago.
      await server.clock.advance(30_000);
      let lostAt = 0;
      held.signal.addEventListener("abort", () => (lostAt = server.clock.now));
      let endedAt = 0;
      void b.nextEvent(held.path).then(() => (endedAt = server.clock.now));
      await server.clock.runUntilIdle();
      const cutAt = server.clock.now;
      server.faults.partition(a, oneWay === undefined ? {} : { oneWay });
      await server.clock.advance(30_000);
      expect(lostAt).toBeGreaterThan(cutAt);
      expect(lostAt).toBeLessThanOrEqual(cutAt + TIMEOUT_MS);
      expect(endedAt).toBeGreaterThanOrEqual(lostAt);
    },
  );

  test("is true of isValid at the very next statement after the machine slept, before any timer has fired", async () => {
    await using server = await startTestServer();
    const client = await server.connect(short);
    const held = await lock(client, PATH).acquire();
    server.faults.sleepClient(client, 10 * TIMEOUT_MS);
    await server.clock.advance(10 * TIMEOUT_MS - 1);
    expect([held.isValid, held.validForMs, held.signal.aborted]).toEqual([false, 0, false]);
    expect(() => held.assertValid()).toThrow(expect.objectContaining({ code: "SESSION_EXPIRED", path: held.path }));
    expect(await held.verify()).toBe(false);
    await server.clock.advance(TIMEOUT_MS);
    expect(held.signal.reason).toMatchObject({ code: "SESSION_EXPIRED" });
  });

  test("is true of isValid at the very next statement after the process stood still", async () => {
    await using server = await startTestServer();
    const client = await server.connect(short);
    const held = await lock(client, PATH).acquire();
    server.faults.stallClient(client, 3 * TIMEOUT_MS);
    await server.clock.advance(TIMEOUT_MS);
    expect([held.isValid, held.signal.aborted]).toEqual([false, false]);
    await server.clock.advance(2 * TIMEOUT_MS);
    expect([held.isValid, held.signal.aborted]).toEqual([false, true]);
  });

  test("is for good: a clock that is set back, or a connection that comes back, does not bring it back", async () => {
    await using server = await startTestServer();
    const client = await server.connect(short);
    const held = await lock(client, PATH).acquire();
    server.faults.jumpClock(client, TIMEOUT_MS);
    expect(held.isValid).toBe(false);
    server.faults.jumpClock(client, -TIMEOUT_MS);
    expect(held.isValid).toBe(false);
    await server.clock.advance(TIMEOUT_MS);
    expect(client.state.name).toBe("connected");
    expect(held.isValid).toBe(false);
    expect(standing(server)).toEqual([]);
  });

  test("is told by the clock that says more: one that is set back changes nothing", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(short), await server.connect()];
    const held = await lock(a, PATH).acquire();
    server.faults.jumpClock(a, -3_600_000);
    server.faults.partition(a);
    await server.clock.advance(TIMEOUT_MS);
    expect(held.signal.aborted).toBe(true);
    expect(await b.exists(held.path)).toBe(true);
  });

  test("leaves a broken connection alone by default, and gives up at once if asked to", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(short), await server.connect(short)];
    const patient = await lock(a, PATH).acquire();
    const careful = await lock(b, "/locks/b").acquire({ onSuspended: "abort" });
    server.faults.cut("all");
    await server.clock.advance(1_000);
    expect(patient.isValid).toBe(true);
    expect(await patient.verify()).toBe(true);
    expect(careful.isValid).toBe(false);
    expect(careful.signal.reason).toMatchObject({ code: "SUSPENDED", outcome: "no" });
    // What is given up is given back, as soon as the server can be reached.
    expect(await a.children("/locks/b")).toEqual([]);
    expect(await careful.release()).toBe("released");
  });

  test("is told also after the znode was changed, and looked at again in vain for a while", async () => {
    const IN_FLIGHT = 16;
    await using server = await startTestServer({ limits: { inFlight: IN_FLIGHT } });
    const [a, b] = [await server.connect({ ...short, queue: { calls: 4 } }), await server.connect()];
    const held = await lock(a, PATH).acquire();
    const looks = (): number => server.requests({ op: "get", path: held.path }).length;
    const before = looks();
    const partition = server.faults.partition(a, { oneWay: "to-server" });
    const asked: Promise<unknown>[] = [];
    for (let i = 0; i < IN_FLIGHT + 4; i++) {
      asked.push(a.exists("/x"));
      await server.clock.runUntilIdle();
    }
    await lock(b, PATH).requestRevoke("now");
    await server.clock.advance(500);
    // Its queue is full: to look again was refused.
    expect(a.stats().queued).toBe(4);
    // One look, by the other client.
    expect(looks()).toBe(before + 1);
    expect(held.revokeRequested.aborted).toBe(false);
    partition.end();
    await server.clock.advance(10_000);
    expect(await Promise.all(asked)).toHaveLength(IN_FLIGHT + 4);
    expect(held.revokeRequested.reason).toMatchObject({ why: "now" });
    expect(await lock(b, PATH).evict(held.token)).toBe(true);
    await server.clock.runUntilIdle();
    expect(held.signal.reason).toMatchObject({ code: "GUARD_FAILED" });
  });

  test("of something that may not be looked at any more is certain: without a watch nobody would be told", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(), await server.connect()];
    const held = await lock(a, PATH).acquire();
    server.faults.stallClient(a, 1_000);
    await b.set(held.path, null);
    await b.setAcl(held.path, [{ scheme: "digest", id: "ops:nobody", permissions: 31 }]);
    await server.clock.advance(1_000);
    expect(held.signal.reason).toMatchObject({ code: "NO_AUTH" });
    // Nor does a guard on it hold; it is deleted all the same.
    await server.clock.runUntilIdle();
    expect(standing(server)).toEqual([]);
    expect(await held.release()).toBe("released");
  });

  test("after the server forgot what happened meanwhile is found out by looking", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(), await server.connect()];
    const [kept, evicted] = [await lock(a, PATH).acquire(), await lock(a, "/locks/b").acquire()];
    const next = lock(b, PATH).acquire();
    await server.clock.runUntilIdle();
    const partition = server.faults.partition(a);
    server.faults.cut(a);
    await lock(b, "/locks/b").evict(evicted.token);
    server.faults.forgetHistory();
    partition.end();
    await server.clock.advance(5_000);
    expect(evicted.signal.reason).toMatchObject({ code: "GUARD_FAILED" });
    expect(kept.isValid).toBe(true);
    expect(await kept.release()).toBe("released");
    expect((await next).isValid).toBe(true);
  });
});

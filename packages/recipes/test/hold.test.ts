/** What it is to hold something, shown by a lock: when it is lost, how it is released, and that nothing stays behind. */
import { getEventListeners } from "node:events";
import type { Client, CorralError } from "@corral/client";
import { startTestServer, type TestServer } from "@corral/testing";
import { describe, expect, test } from "vitest";
import { Holding } from "../src/hold/holding.ts";
import { takePlace } from "../src/hold/place.ts";
import { lock } from "../src/lock.ts";
import { eventually } from "./faults/stage.ts";

const PATH = "/locks/a";
const TIMEOUT_MS = 6_000;
const short = { session: { timeoutMs: TIMEOUT_MS } };

const standing = (server: TestServer): string[] =>
  server
    .dump()
    .filter(({ path }) => path.startsWith(`${PATH}/`))
    .map(({ path }) => path);

/** What it rejects with. Looked at from now on, so that nobody need hurry. */
const errorOf = (promise: Promise<unknown>): Promise<CorralError> =>
  promise.then(
    () => {
      throw new Error("it did not reject");
    },
    (error: unknown) => error as CorralError,
  );

/** What is left once all clients are closed. */
async function leaksAfter(server: TestServer, clients: readonly Client[]): Promise<unknown> {
  await eventually(server, Promise.all(clients.map((client) => client.close())));
  await server.clock.advance(60_000);
  return server.leaks();
}
const NO_LEAKS = {
  clients: 0,
  connections: 0,
  sessions: 0,
  ephemerals: 0,
  watches: 0,
  subscriptions: 0,
  waiting: 0,
  timers: 0,
};

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

describe("what is held", () => {
  test("says for how long that is certain, and refuses to be relied on for longer", async () => {
    await using server = await startTestServer();
    const client = await server.connect(short);
    const held = await lock(client, PATH).acquire();
    server.faults.partition(client);
    const before = held.validForMs;
    expect(before).toBeGreaterThan(0.9 * TIMEOUT_MS);
    await server.clock.advance(1_000);
    expect(held.validForMs).toBeCloseTo(before - 1_000);
    held.assertValid();
    held.assertValid(held.validForMs - 1);
    expect(() => held.assertValid(TIMEOUT_MS)).toThrow(
      expect.objectContaining({ code: "TIMEOUT", limitName: "marginMs", limit: TIMEOUT_MS, outcome: "no" }),
    );
  });

  test("can be verified: the server is asked, and what it says is believed", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(short), await server.connect()];
    const held = await lock(a, PATH).acquire();
    expect(await held.verify()).toBe(true);
    // The event of its deletion is lost with the connection; the question is asked on the next one.
    const partition = server.faults.partition(a, { oneWay: "from-server" });
    await b.delete(held.path);
    await server.clock.runUntilIdle();
    expect(held.isValid).toBe(true);
    const verifying = held.verify();
    server.faults.cut(a);
    partition.end();
    expect(await eventually(server, verifying)).toBe(false);
    expect(held.signal.reason).toMatchObject({ code: "GUARD_FAILED" });
    expect(await held.verify()).toBe(false);
  });

  test("guards what is written: nothing of it happens once it is lost", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(), await server.connect()];
    const held = await lock(a, PATH).acquire();
    await a.create("/state", null, { guard: held.guard });
    server.faults.stallClient(a, 1_000);
    await lock(b, PATH).evict(held.token);
    // It has not heard of it, and believes what it believed.
    expect(held.isValid).toBe(true);
    const late = errorOf(a.set("/state", Uint8Array.of(1), { guard: held.guard }));
    await server.clock.advance(1_000);
    expect(await late).toMatchObject({ code: "GUARD_FAILED", outcome: "no" });
    expect((await b.get("/state")).value).toBeNull();
  });

  test("a znode of the same name made by somebody else is not it", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(), await server.connect()];
    const held = await lock(a, PATH).acquire();
    server.faults.stallClient(a, 1_000);
    await b.delete(held.path);
    await b.create(held.path, null, { lifetime: "ephemeral" });
    await server.clock.advance(1_000);
    expect(held.signal.reason).toMatchObject({ code: "GUARD_FAILED" });
    expect(await held.release()).toBe("was-gone");
    expect(await b.exists(held.path)).toBe(true);
    const late = await errorOf(a.create("/late", null, { guard: held.guard }));
    expect(late.code).toBe("GUARD_FAILED");
  });

  test("goes by `await using`", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    {
      await using held = await lock(client, PATH).acquire();
      expect(standing(server)).toEqual([held.path]);
    }
    expect(standing(server)).toEqual([]);
  });
});

describe("release", () => {
  test("that cannot reach the server in time resolves all the same, and is done as soon as it can", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(short), await server.connect()];
    const held = await lock(a, PATH).acquire();
    const next = lock(b, PATH).acquire();
    const partition = server.faults.partition(a);
    const releasing = held.release({ timeoutMs: 1_000 });
    expect(held.isValid).toBe(false);
    expect(held.signal.reason).toMatchObject({ code: "CLOSED" });
    await server.clock.advance(1_000);
    expect(await releasing).toBe("will-be-released");
    partition.end();
    await server.clock.advance(3_000);
    expect((await next).isValid).toBe(true);
    // It is told once what came of it.
    expect(await held.release()).toBe("released");
    expect(await held.release()).toBe("was-gone");
  });

  test("that never reaches the server is done by the end of the session", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(short), await server.connect()];
    const held = await lock(a, PATH).acquire();
    const next = lock(b, PATH).acquire();
    server.faults.partition(a);
    const releasing = held.release({ timeoutMs: 1_000 });
    await server.clock.advance(1_000);
    expect(await releasing).toBe("will-be-released");
    await server.clock.advance(2 * TIMEOUT_MS);
    expect((await next).isValid).toBe(true);
    expect(await held.release()).toBe("was-gone");
  });

  test("whose reply is lost is done once, and the next holder is left alone", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(short), await server.connect()];
    const held = await lock(a, PATH).acquire();
    const next = lock(b, PATH).acquire();
    await server.clock.runUntilIdle();
    server.faults.dropReply({ op: "delete", client: 1 });
    expect(await eventually(server, held.release())).toBe("released");
    expect((await next).isValid).toBe(true);
    expect(standing(server)).toEqual([(await next).path]);
  });

  test("while the client's queue is full is tried again until it is done", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect({ ...short, queue: { calls: 3 } }), await server.connect()];
    const held = await lock(a, PATH).acquire();
    const partition = server.faults.partition(a);
    server.faults.cut(a);
    await server.clock.runUntilIdle();
    const waiting = [1, 2, 3].map(() => a.exists("/x"));
    expect(await errorOf(a.exists("/x"))).toMatchObject({ code: "OVERLOADED" });
    const releasing = held.release();
    await server.clock.advance(1_000);
    partition.end();
    expect(await eventually(server, releasing)).toBe("released");
    await Promise.all(waiting);
    expect(await b.children(PATH)).toEqual([]);
  });

  test("that is aborted goes on by itself", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    const held = await lock(client, PATH).acquire();
    expect(await held.release({ signal: AbortSignal.abort() })).toBe("will-be-released");
    await server.clock.runUntilIdle();
    expect(standing(server)).toEqual([]);
  });

  test("of what is over already asks nobody: the session that held it, or its client, is gone", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(short), await server.connect(short)];
    const [lost, closed] = [await lock(a, PATH).acquire(), await lock(b, "/locks/b").acquire()];
    server.faults.partition(a);
    await server.clock.advance(TIMEOUT_MS);
    const before = server.requests().length;
    expect(await lost.release()).toBe("was-gone");
    await b.close();
    expect(await closed.release()).toBe("was-gone");
    expect(closed.signal.aborted).toBe(true);
    expect(server.requests({ op: "delete" }).slice(before)).toEqual([]);
  });

  test("of a hold that was lost unnoticed tells by the signal that it was lost, not that it was released", async () => {
    await using server = await startTestServer();
    const client = await server.connect(short);
    const held = await lock(client, PATH).acquire();
    server.faults.stallClient(client, 3 * TIMEOUT_MS);
    await server.clock.advance(2 * TIMEOUT_MS);
    expect(held.signal.aborted).toBe(false);
    void held.release();
    expect(held.signal.reason).toMatchObject({ code: "SESSION_EXPIRED" });
  });

  test("that the server refuses rejects, and can be tried again", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(), await server.connect()];
    const held = await lock(a, PATH).acquire();
    const open = [{ scheme: "world", id: "anyone", permissions: 31 }];
    await b.setAcl(PATH, [{ scheme: "world", id: "anyone", permissions: 31 - 8 }]);
    expect(await errorOf(held.release())).toMatchObject({ code: "NO_AUTH", path: PATH });
    expect(held.isValid).toBe(false);
    const worked = lock(b, "/locks/b").with(async () => {
      await b.setAcl("/locks/b", [{ scheme: "world", id: "anyone", permissions: 31 - 8 }]);
      throw new RangeError("mine");
    });
    // What the work came to is not hidden by that.
    await expect(worked).rejects.toThrow(RangeError);
    await b.setAcl(PATH, open);
    expect(await held.release()).toBe("released");
  });
});

describe("acquiring", () => {
  test("by a process that stood still between the end of the one before it and its waking up is refused, never resolved", async () => {
    for (let seed = 1; seed <= 50; seed++) {
      await using server = await startTestServer({ seed, latencyMs: 1 });
      const [a, b] = await eventually(server, Promise.all([server.connect(), server.connect(short)]));
      const held = await eventually(server, lock(a, PATH).acquire());
      const waiting = errorOf(lock(b, PATH).acquire());
      await server.clock.advance(100);
      server.faults.stallClient(b, 3 * TIMEOUT_MS);
      await eventually(server, held.release());
      await server.clock.advance(4 * TIMEOUT_MS);
      expect([seed, (await waiting).code]).toEqual([seed, "SESSION_EXPIRED"]);
      expect(standing(server)).toEqual([]);
    }
  });

  test("by a process that stands still at any message of it never makes two holders", async () => {
    for (let step = 1; step <= 6; step++) {
      await using server = await startTestServer({ seed: step, latencyMs: 1 });
      const [a, b] = await eventually(server, Promise.all([server.connect(short), server.connect()]));
      server.faults.at({ client: 1, nth: step }, () => server.faults.stallClient(a, 3 * TIMEOUT_MS));
      const first = lock(a, PATH).acquire();
      const second = lock(b, PATH).acquire();
      const outcome = await eventually(server, Promise.allSettled([first]));
      const held = await eventually(server, second);
      if (outcome[0].status === "fulfilled") expect(outcome[0].value.isValid && held.isValid).toBe(false);
      else expect(outcome[0].reason).toMatchObject({ code: "SESSION_EXPIRED" });
    }
  });

  test("whose creation was answered in a session that is over never takes the znode of that session for its own", async () => {
    await using server = await startTestServer({ latencyMs: 1 });
    const client = await eventually(server, server.connect(short));
    server.faults.dropReply({ op: "create", path: undefined });
    const acquiring = errorOf(lock(client, PATH).acquire());
    await server.clock.advance(3);
    await server.faults.expire(client).catch(() => {});
    expect(["SESSION_EXPIRED", "OUTCOME_UNKNOWN"]).toContain((await eventually(server, acquiring)).code);
    const held = await eventually(server, lock(client, PATH).acquire());
    expect(server.dump().filter(({ path }) => path.startsWith(`${PATH}/`))).toMatchObject([
      { czxid: held.token, owner: client.session!.id },
    ]);
  });

  test("that is given up while its znode is being made leaves none, however late the answer comes", async () => {
    await using server = await startTestServer();
    const client = await server.connect(short);
    await client.create(PATH, null, { parents: true });
    const late = server.faults.delayReply({ op: "create" }, 3_000);
    const abort = new AbortController();
    const aborted = errorOf(lock(client, PATH).acquire({ signal: abort.signal }));
    const timedOut = errorOf(lock(client, PATH).acquire({ timeoutMs: 1_000 }));
    await server.clock.advance(500);
    expect(standing(server)).toHaveLength(2);
    abort.abort(new RangeError("no more"));
    expect(await aborted).toMatchObject({ code: "ABORTED", op: "lock.acquire", path: PATH, outcome: "no" });
    expect((await aborted).cause).toBeInstanceOf(RangeError);
    await server.clock.advance(500);
    expect(await timedOut).toMatchObject({ code: "TIMEOUT", op: "lock.acquire", path: PATH, outcome: "no" });
    await server.clock.advance(3_000);
    late.end();
    await server.clock.advance(3_000);
    expect(standing(server)).toEqual([]);
    expect(client.session!.isValid).toBe(true);
  });

  test("that is given up in its last step lets go of what it had got", async () => {
    await using server = await startTestServer();
    const client = await server.connect(short);
    using late = server.faults.delayReply({ op: "get" }, 3_000);
    const timedOut = errorOf(lock(client, PATH).acquire({ timeoutMs: 1_000 }));
    await server.clock.advance(1_000);
    expect((await timedOut).code).toBe("TIMEOUT");
    expect(late.hits).toBe(1);
    await server.clock.advance(4_000);
    expect(standing(server)).toEqual([]);
    expect(client.session!.isValid).toBe(true);
  });

  test("while the server refuses writes is answered in the end, though the list overtook the creation", async () => {
    const MIB = 1024 * 1024;
    await using server = await startTestServer({
      log: "file",
      fileLimits: { softMarkBytes: MIB, reserveBytes: 4 * MIB },
    });
    const client = await server.connect();
    await client.create(PATH, null, { parents: true });
    await server.clock.advance(2_000);
    server.faults.disk.leave(100_000);
    await server.clock.advance(60_000);
    const acquiring = lock(client, PATH).acquire();
    await server.clock.advance(1_000);
    // It was refused, and sent again; the list was answered meanwhile.
    expect(server.requests({ op: "create" }).length).toBeGreaterThan(2);
    expect(server.requests({ op: "children" })).toHaveLength(1);
    expect(standing(server)).toEqual([]);
    server.faults.disk.leave(Infinity);
    expect((await eventually(server, acquiring)).isValid).toBe(true);
  });

  test("never takes for its own what was made in another session than it began in", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    const { signal } = new AbortController();
    const former = { ...client.session!, id: 1, timeoutMs: 1, ordinal: 1, signal, isValid: true, validForMs: 1 };
    const options = { parent: PATH, prefix: "x-lock-", data: null };
    const taking = takePlace(client, former, "test", client.deadline("test"), options);
    expect(await errorOf(taking)).toMatchObject({ code: "SESSION_EXPIRED", op: "test", path: PATH, retryable: true });
    await server.clock.runUntilIdle();
    expect(standing(server)).toEqual([]);
  });

  test("with a signal that is aborted already, or with no time, asks nothing", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    const before = server.requests().length;
    expect((await errorOf(lock(client, PATH).acquire({ signal: AbortSignal.abort() }))).code).toBe("ABORTED");
    expect((await errorOf(lock(client, PATH).acquire({ timeoutMs: 0 }))).code).toBe("TIMEOUT");
    expect((await errorOf(lock(client, PATH).tryAcquire({ signal: AbortSignal.abort() }))).code).toBe("ABORTED");
    expect(server.requests().slice(before)).toEqual([]);
  });

  test("while the connection is down waits for it, and keeps nothing in the queue that nobody could take back", async () => {
    await using server = await startTestServer();
    const client = await server.connect(short);
    const partition = server.faults.partition(client);
    server.faults.cut(client);
    await server.clock.runUntilIdle();
    const given = Array.from({ length: 50 }, () => errorOf(lock(client, PATH).acquire({ timeoutMs: 500 })));
    const patient = lock(client, PATH).acquire();
    await server.clock.advance(1_000);
    expect(new Set((await Promise.all(given)).map(({ code }) => code))).toEqual(new Set(["TIMEOUT"]));
    expect(client.stats().queued).toBe(1);
    // Longer than the session: what has not begun is not over with it.
    await server.clock.advance(2 * TIMEOUT_MS);
    partition.end();
    expect((await eventually(server, patient)).isValid).toBe(true);
    expect(standing(server)).toHaveLength(1);
  });

  test("with a client that does not wait while it is down is refused at once", async () => {
    await using server = await startTestServer();
    const client = await server.connect({ queue: { whileDown: "reject" } });
    server.faults.partition(client);
    server.faults.cut(client);
    await server.clock.runUntilIdle();
    expect((await errorOf(lock(client, PATH).acquire())).code).toBe("SUSPENDED");
  });

  test("with a client that is closed, before or meanwhile, is refused", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(), await server.connect()];
    await using held = await lock(a, PATH).acquire();
    const waiting = errorOf(lock(b, PATH).acquire());
    await server.clock.runUntilIdle();
    await b.close();
    expect(["SESSION_EXPIRED", "CLOSED", "GUARD_FAILED"]).toContain((await waiting).code);
    expect((await errorOf(lock(b, PATH).acquire())).code).toBe("CLOSED");
    expect(standing(server)).toEqual([held.path]);
  });

  test("right after the process stood still, in a session that it does not know to be over, happens in the next one", async () => {
    await using server = await startTestServer();
    const client = await server.connect(short);
    const ended = client.session!;
    server.faults.jumpClock(client, 2 * TIMEOUT_MS);
    expect(ended.signal.aborted).toBe(false);
    const held = await eventually(server, lock(client, PATH).acquire());
    expect(client.session!.id).toBeGreaterThan(ended.id);
    expect(held.isValid).toBe(true);
    expect(server.dump().filter(({ owner }) => owner !== 0)).toMatchObject([{ owner: client.session!.id }]);
  });

  test("makes the queue's znode again if that vanishes just before", async () => {
    await using server = await startTestServer({ latencyMs: 1 });
    const [a, b] = await eventually(server, Promise.all([server.connect(), server.connect()]));
    let vanished = 0;
    for (let nth = 1; nth <= 2; nth++) {
      server.faults.at({ op: "create", path: PATH, client: 1, nth }, () => {
        void b.delete(PATH, { missing: "ok" }).then((count) => (vanished += count));
      });
    }
    const acquiring = lock(a, PATH).acquire();
    expect((await eventually(server, acquiring)).isValid).toBe(true);
    expect(vanished).toBe(2);
  });

  test("that the server refuses leaves nothing", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(), await server.connect()];
    const held = await lock(a, PATH).acquire();
    // Nobody may read the one before it: it cannot be waited for.
    await a.setAcl(held.path, [{ scheme: "digest", id: "x:y", permissions: 31 }]);
    expect((await errorOf(lock(b, PATH).acquire())).code).toBe("NO_AUTH");
    await server.clock.runUntilIdle();
    expect(standing(server)).toEqual([held.path]);
    await a.setAcl(PATH, [{ scheme: "world", id: "anyone", permissions: 1 }]);
    expect((await errorOf(lock(b, PATH).acquire())).code).toBe("NO_AUTH");
    expect(standing(server)).toEqual([held.path]);
  });

  test("with the client's queue full in the middle of it gives the place back", async () => {
    await using server = await startTestServer({ latencyMs: 1 });
    const client = await eventually(server, server.connect({ queue: { calls: 2 } }));
    await eventually(server, client.create(PATH, null, { parents: true }));
    let fillers: Promise<unknown>[] = [];
    server.faults.at({ op: "create" }, () => {
      // Between the creation's answer and the next step.
      client.clock.setTimeout(() => {
        fillers = Array.from({ length: 4 }, () => client.exists("/x").catch((error: unknown) => error));
      }, 2);
    });
    const outcome = await eventually(server, Promise.allSettled([lock(client, PATH).acquire()]));
    await eventually(server, Promise.all(fillers));
    await server.clock.advance(10_000);
    expect(standing(server)).toHaveLength(outcome[0].status === "fulfilled" ? 1 : 0);
  });

  test("has one time limit, however many it has to wait for", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(), await server.connect()];
    const limitMs = 10_000;
    const before = Promise.allSettled(Array.from({ length: 100 }, () => lock(a, PATH).acquire()));
    await server.clock.runUntilIdle();
    const started = server.clock.now;
    let endedAt = 0;
    let waits = 0;
    const waiting = errorOf(lock(b, PATH).acquire({ timeoutMs: limitMs, onWait: () => waits++ })).finally(
      () => (endedAt = server.clock.now),
    );
    await server.clock.runUntilIdle();
    // From the last to the first: each of them is the one that it waits for.
    for (const path of standing(server).slice(0, 100).toReversed()) {
      await server.clock.advance(0.9 * limitMs);
      await a.delete(path);
    }
    expect((await waiting).code).toBe("TIMEOUT");
    expect(endedAt - started).toBe(limitMs);
    expect(waits).toBe(2);
    expect(await before).toHaveLength(100);
  });

  test("of a server that says nothing ends in time, whatever is called", async () => {
    await using server = await startTestServer();
    const client = await server.connect({ timeoutMs: 1_000 });
    const held = await lock(client, PATH).acquire();
    server.faults.partition(client);
    const started = server.clock.now;
    const ends: number[] = [];
    const free = lock(client, "/locks/b");
    const calls = [
      free.acquire({ timeoutMs: 1_000 }),
      free.tryAcquire(),
      free.with(() => 1, { timeoutMs: 1_000 }),
      free.contenders(),
      free.requestRevoke(),
      free.evict(1),
      held.verify(),
    ].map((call) => errorOf(call).finally(() => ends.push(server.clock.now - started)));
    const released = held.release().finally(() => ends.push(server.clock.now - started));
    await server.clock.advance(1_000);
    expect((await Promise.all(calls)).map(({ code }) => code)).toEqual(calls.map(() => "TIMEOUT"));
    expect(await released).toBe("will-be-released");
    expect(ends).toEqual(ends.map(() => 1_000));
  });
});

describe("manners", () => {
  test("whoever listens may call the client, and wait for it, without stopping anything", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(short), await server.connect()];
    const held = await lock(a, PATH).acquire();
    const seen: string[] = [];
    a.on("state", ({ name }) => {
      if (name === "suspended") void a.exists(PATH).then(() => seen.push("state"));
    });
    held.signal.addEventListener("abort", () => {
      void lock(a, PATH)
        .acquire()
        .then(() => seen.push("again"));
    });
    held.revokeRequested.addEventListener("abort", () => void held.release().then((what) => seen.push(what)));
    await lock(b, PATH).requestRevoke("go");
    await server.clock.runUntilIdle();
    server.faults.cut(a);
    await server.clock.advance(1_000);
    expect(seen).toContain("released");
    expect(seen).toContain("again");
    expect(seen).toContain("state");
    expect((await lock(b, PATH).contenders()).map(({ isMine }) => isMine)).toEqual([false]);
  });

  test("a listener that closes the client when the hold is lost is obeyed", async () => {
    await using server = await startTestServer();
    const client = await server.connect(short);
    const held = await lock(client, PATH).acquire();
    let closing: Promise<void> | undefined;
    held.signal.addEventListener("abort", () => {
      closing = client.close();
    });
    await server.faults.expire(client);
    await server.clock.advance(10_000);
    await closing;
    expect(client.state.name).toBe("closed");
    expect(server.leaks()).toEqual(NO_LEAKS);
  });

  test("however many wait and hold with one signal in one session, each signal has one listener", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    const { signal } = new AbortController();
    const held = await Promise.all(
      Array.from({ length: 300 }, (_, i) => lock(client, `/locks/${i}`).acquire({ signal })),
    );
    const waiting = held.map((_, i) => lock(client, `/locks/${i}`).acquire({ signal }));
    await server.clock.runUntilIdle();
    expect(getEventListeners(signal, "abort").length).toBeLessThanOrEqual(1);
    expect(getEventListeners(client.session!.signal, "abort").length).toBeLessThanOrEqual(1);
    await Promise.all(held.map((one) => one.release()));
    await Promise.all((await Promise.all(waiting)).map((one) => one.release()));
    expect(getEventListeners(signal, "abort")).toEqual([]);
    expect(server.leaks()).toMatchObject({ ephemerals: 0, watches: 0, waiting: 0 });
    expect(await leaksAfter(server, [client])).toEqual(NO_LEAKS);
  });

  test("thousands of acquisitions, released, given up or refused, leave no watch, no timer, no listener and no znode", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(), await server.connect()];
    const shared = new AbortController();
    const blocker = await lock(b, "/locks/b").acquire();
    for (let i = 0; i < 300; i++) {
      await (await lock(a, PATH).acquire({ signal: shared.signal })).release();
      const given = new AbortController();
      const aborted = errorOf(lock(a, "/locks/b").acquire({ signal: given.signal }));
      if (i % 3 > 0) await server.clock.runUntilIdle();
      given.abort();
      expect((await aborted).code).toBe("ABORTED");
      expect(await lock(a, "/locks/b").tryAcquire({ signal: shared.signal })).toBeUndefined();
    }
    await server.clock.runUntilIdle();
    expect(getEventListeners(shared.signal, "abort")).toEqual([]);
    expect(getEventListeners(a.session!.signal, "abort").length).toBeLessThanOrEqual(1);
    // The one that is held is watched by its holder, and perhaps still by a client whose last read was given up on its way.
    expect(server.leaks().watches).toBeLessThanOrEqual(2);
    expect(server.leaks()).toMatchObject({ ephemerals: 1, waiting: 0 });
    expect(await blocker.release()).toBe("released");
    await server.clock.runUntilIdle();
    expect(server.leaks()).toMatchObject({ ephemerals: 0, watches: 0 });
    expect(await leaksAfter(server, [a, b])).toEqual(NO_LEAKS);
  });

  test("a session that is handed on takes what it holds with it, and this process holds nothing any more", async () => {
    await using server = await startTestServer();
    const client = await server.connect(short);
    const held = await lock(client, PATH).acquire();
    const session = await client.detach();
    expect(held.isValid).toBe(false);
    expect(held.signal.reason).toMatchObject({ code: "SESSION_EXPIRED" });
    const heir = await server.connect({ session: { timeoutMs: TIMEOUT_MS, resume: session } });
    const [mine] = await lock(heir, PATH).contenders();
    expect(mine).toMatchObject({ isMine: true, holds: true, token: held.token });
    expect(await lock(heir, PATH).evict(mine!.token)).toBe(true);
    expect(standing(server)).toEqual([]);
  });

  test("a hold that ends before it was confirmed was never one", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(), await server.connect()];
    await a.create(PATH, null, { parents: true });
    const { path, stat } = await a.create(`${PATH}/x-lock-`, null, { lifetime: "ephemeral", sequential: true });
    const session = a.session!;
    const place = { path, name: path.slice(PATH.length + 1), parent: PATH, czxid: stat.czxid, session };
    const holding = new Holding(a, PATH, place);
    await b.delete(path);
    expect(await errorOf(holding.confirm("test", {}))).toMatchObject({ code: "GUARD_FAILED", op: "test" });
    expect(holding.isValid).toBe(false);
    const wrong = new Holding(a, PATH, { ...place, czxid: stat.czxid + 1 });
    await b.create(path, null);
    expect(await errorOf(wrong.confirm("test", {}))).toMatchObject({ code: "GUARD_FAILED" });
  });
});

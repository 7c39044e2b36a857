/** The way to hold something, shown by a lock: what strikes on it, and that nothing stays behind of who gives up. */
import { startTestServer } from "@corral/testing";
import { describe, expect, test } from "vitest";
import { takePlace } from "../src/hold/place.ts";
import { lock } from "../src/lock.ts";
import { eventually } from "./faults/stage.ts";
import { errorOf, PATH, short, standing, TIMEOUT_MS } from "./locking.ts";

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

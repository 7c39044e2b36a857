/** The selector: work that runs while it leads, what becomes of it, and that it stands again. */
import type { CorralError } from "@corral/client";
import { startTestServer } from "@corral/testing";
import { expect, test } from "vitest";
import { election, type Leadership } from "../src/election.ts";
import { candidatesLeft, connect, fails, named, PATH, sleep, TIMEOUT_MS, until, utf8 } from "./electing.ts";
import { eventually } from "./faults/stage.ts";

test("run leads, calls, and resigns when the call has ended", async () => {
  await using server = await startTestServer();
  const [a, b] = [await connect(server), await connect(server)];
  const seen: number[] = [];
  await named(a, "a").run((leadership) => {
    expect(leadership.isValid).toBe(true);
    seen.push(leadership.term);
  });
  expect(seen).toHaveLength(1);
  expect(candidatesLeft(server)).toEqual([]);
  expect((await named(b, "b").campaign()).term).toBeGreaterThan(seen[0]!);
});

test("what run's work throws is thrown on after resigning, also with again", async () => {
  await using server = await startTestServer();
  const a = await connect(server);
  const broken = new TypeError("broken");
  let calls = 0;
  const throws = (): never => {
    calls++;
    throw broken;
  };
  await expect(named(a, "a").run(throws)).rejects.toBe(broken);
  await expect(named(a, "a").run(throws, { again: true })).rejects.toBe(broken);
  expect(calls).toBe(2);
  expect(candidatesLeft(server)).toEqual([]);
});

test("run rejects with why the leadership was lost, once its work has ended, with what that came to as the cause", async () => {
  await using server = await startTestServer();
  const a = await connect(server);
  let hasEnded = false;
  const aborted = new Error("stopped");
  aborted.name = "AbortError";
  const running = fails(
    named(a, "a").run(async (_leadership, signal) => {
      await until(signal);
      await sleep(a, 1_000);
      hasEnded = true;
      throw aborted;
    }),
  );
  await server.clock.runUntilIdle();
  server.faults.partition(a);
  await server.clock.advance(TIMEOUT_MS + 500);
  expect(hasEnded).toBe(false);
  const error = await eventually(server, running);
  expect([error.code, error.cause, hasEnded]).toEqual(["SESSION_EXPIRED", aborted, true]);
});

test("with again the leader that lost its session leads anew in the next one, after its work has ended", async () => {
  await using server = await startTestServer();
  const a = await connect(server);
  const stop = new AbortController();
  const events: string[] = [];
  let under = 0;
  const running = named(a, "a").run(
    async (leadership, signal) => {
      expect(++under).toBe(1);
      events.push("begins");
      await until(signal);
      expect(leadership.signal.aborted).toBe(!stop.signal.aborted);
      await sleep(a, 3_000);
      events.push("ends");
      under--;
    },
    { again: true, signal: stop.signal },
  );
  await server.clock.advance(1_000);
  await server.faults.expire(a);
  await server.clock.advance(2_000);
  // Back with a new session since long, and still one at a time.
  expect([events, a.state.name]).toEqual([["begins"], "connected"]);
  await server.clock.advance(5_000);
  expect(events).toEqual(["begins", "ends", "begins"]);
  stop.abort();
  await eventually(server, running);
  expect(events).toEqual(["begins", "ends", "begins", "ends"]);
  expect(candidatesLeft(server)).toEqual([]);
});

test("with again a work that ends lets the others lead in turn", async () => {
  await using server = await startTestServer();
  const clients = [await connect(server), await connect(server), await connect(server)];
  const stop = new AbortController();
  const order: number[] = [];
  const running = clients.map((client, i) =>
    named(client, `${i}`).run(
      async () => {
        order.push(i);
        await sleep(client, 1_000);
      },
      { again: true, signal: stop.signal },
    ),
  );
  await server.clock.advance(9_500);
  stop.abort();
  await eventually(server, Promise.all(running));
  expect(order.slice(0, 9)).toEqual([0, 1, 2, 0, 1, 2, 0, 1, 2]);
});

test("a work that does not stop within stopGraceMs is told by TIMEOUT, and no other is begun beside it", async () => {
  await using server = await startTestServer();
  const [a, b] = [await connect(server), await connect(server)];
  let calls = 0;
  const running = fails(
    named(a, "a").run(
      () => {
        calls++;
        return new Promise(() => {});
      },
      { again: true, stopGraceMs: 4_000 },
    ),
  );
  await server.clock.runUntilIdle();
  const next = named(b, "b").campaign();
  await server.clock.runUntilIdle();
  const partition = server.faults.partition(a);
  await server.clock.advance(TIMEOUT_MS + 3_000);
  partition.end();
  expect((await next).isValid).toBe(true);
  expect(calls).toBe(1);
  const error = await eventually(server, running, 2_000);
  expect([error.code, error.limitName, error.limit]).toEqual(["TIMEOUT", "stopGraceMs", 4_000]);
  expect((error.cause as CorralError).code).toBe("SESSION_EXPIRED");
  await server.clock.advance(60_000);
  expect(calls).toBe(1);
});

test("to stop a run tells its work while it still leads, and takes the leadership away if that does not end in time", async () => {
  await using server = await startTestServer();
  const [a, b] = [await connect(server), await connect(server)];
  const stop = new AbortController();
  let mine: Leadership | undefined;
  const running = fails(
    named(a, "a").run(
      (leadership) => {
        mine = leadership;
        return new Promise(() => {});
      },
      { again: true, stopGraceMs: 4_000, signal: stop.signal },
    ),
  );
  await server.clock.runUntilIdle();
  const next = named(b, "b").campaign();
  stop.abort();
  await server.clock.advance(3_900);
  expect(mine!.isValid).toBe(true);
  expect(await eventually(server, running)).toMatchObject({ code: "TIMEOUT", limitName: "stopGraceMs" });
  expect(mine!.isValid).toBe(false);
  expect((await next).isValid).toBe(true);
});

test("a run that is stopped resolves with again, and rejects with ABORTED without if it did not lead", async () => {
  await using server = await startTestServer();
  const [a, b] = [await connect(server), await connect(server)];
  const leader = await named(b, "b").campaign();
  const stop = new AbortController();
  const never = (): void => expect.unreachable("it never leads");
  const again = named(a, "a").run(never, { again: true, signal: stop.signal });
  const once = fails(named(a, "a").run(never, { signal: stop.signal }));
  await server.clock.advance(1_000);
  stop.abort();
  await again;
  expect((await once).code).toBe("ABORTED");
  await server.clock.runUntilIdle();
  expect(candidatesLeft(server)).toEqual([leader.path]);
});

test("what stopped work throws for being stopped does not make the run fail; another error does", async () => {
  await using server = await startTestServer();
  const a = await connect(server);
  const runUntilStopped = async (why: unknown): Promise<void> => {
    const stop = new AbortController();
    const running = named(a, "a").run(
      async (_leadership, signal) => {
        await until(signal);
        throw why ?? signal.reason;
      },
      { again: true, signal: stop.signal },
    );
    await server.clock.runUntilIdle();
    stop.abort(new Error("enough"));
    await eventually(server, running);
  };
  await runUntilStopped(undefined);
  await runUntilStopped(new DOMException("no", "AbortError"));
  await expect(runUntilStopped(new RangeError("of its own"))).rejects.toThrow("of its own");
  expect(candidatesLeft(server)).toEqual([]);
});

test("a work that resigns by itself has not lost", async () => {
  await using server = await startTestServer();
  const a = await connect(server);
  await named(a, "a").run(async (leadership, signal) => {
    await leadership.resign();
    expect(signal.aborted).toBe(true);
    signal.throwIfAborted();
  });
  expect(candidatesLeft(server)).toEqual([]);
});

test("with again a leader that is evicted over and over campaigns once for each time, with pauses", async () => {
  await using server = await startTestServer();
  const [a, b] = [await connect(server), await connect(server)];
  const stop = new AbortController();
  const terms: number[] = [];
  const running = named(a, "a").run(
    async ({ term }, signal) => {
      terms.push(term);
      await until(signal);
    },
    { again: true, signal: stop.signal },
  );
  const evictor = named(b, "b");
  for (let i = 0; i < 10; i++) {
    await server.clock.advance(1_000);
    const leader = await evictor.current();
    expect(await evictor.evict(leader!.term)).toBe(true);
    // However often it was lost: each term that was won makes up for the losses before.
    await server.clock.advance(20);
    expect(terms).toHaveLength(i + 2);
  }
  await server.clock.advance(1_000);
  expect(terms).toHaveLength(11);
  expect(terms).toEqual(terms.toSorted((x, y) => x - y));
  stop.abort();
  await eventually(server, running);
  const creates = server.requests({ op: "create", client: 1 }).filter(({ path }) => path!.startsWith(`${PATH}/`));
  // The first one finds no queue to stand in.
  expect(creates.length).toBeLessThanOrEqual(12);
});

test("a guarded write that is refused before the news of the loss has come does not end a run with again", async () => {
  await using server = await startTestServer({ latencyMs: 10 });
  const [a, b] = await Promise.all([connect(server), connect(server)]);
  const stop = new AbortController();
  const wasLost: boolean[] = [];
  const running = named(a, "a").run(
    async (leadership, signal) => {
      if (wasLost.length > 0) return stop.abort();
      const { path, guard } = leadership;
      // On their way at the same time; the watch is used up by the change, so that nobody tells of the deletion.
      const evicting = Promise.all([b.set(path, utf8.encode("?")), b.delete(path)]);
      await sleep(a, 5);
      const refused = await fails(a.create("/x", null, { guard, signal }));
      wasLost.push(leadership.signal.aborted);
      await evicting;
      throw refused;
    },
    { again: true, signal: stop.signal },
  );
  await eventually(server, running);
  expect(wasLost).toEqual([false]);
});

test("a run ends with the client: it rejects with CLOSED, and its work is told", async () => {
  await using server = await startTestServer();
  const a = await connect(server);
  let wasTold = false;
  const running = fails(
    named(a, "a").run(
      async (_leadership, signal) => {
        await until(signal);
        wasTold = true;
      },
      { again: true },
    ),
  );
  await server.clock.runUntilIdle();
  await a.close();
  expect((await eventually(server, running)).code).toBe("CLOSED");
  expect(wasTold).toBe(true);
});

test("a run leaves no listener at the signals that it was given, however often it leads", async () => {
  await using server = await startTestServer();
  const a = await connect(server);
  const stop = new AbortController();
  let [added, removed] = [0, 0];
  const { signal } = stop;
  const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
  signal.addEventListener = (...args: Parameters<typeof add>) => (added++, add(...args));
  signal.removeEventListener = (...args: Parameters<typeof remove>) => (removed++, remove(...args));
  let turns = 0;
  await eventually(
    server,
    named(a, "a").run(
      () => {
        if (++turns === 20) stop.abort();
      },
      { again: true, signal },
    ),
  );
  expect(turns).toBe(20);
  expect(added).toBeGreaterThan(0);
  expect(added).toBe(removed);
});

test("a grace that is no time is refused with BAD_ARGUMENTS", async () => {
  await using server = await startTestServer();
  const a = await connect(server);
  for (const stopGraceMs of [-1, Number.NaN])
    expect(await fails(named(a, "a").run(() => {}, { stopGraceMs }))).toMatchObject({
      code: "BAD_ARGUMENTS",
      limitName: "stopGraceMs",
    });
  expect(() => election(a, PATH, { identity: "x".repeat(1_025) })).toThrow("identity");
});

import type { Client } from "@corral/client";
import { startTestServer, type TestServer } from "@corral/testing";
import { between, drawFrom, oneOf } from "@corral/testing/world";
import { describe, expect, test } from "vitest";
import type { Held } from "../src/hold/held.ts";
import { lock } from "../src/lock.ts";
import { type ReadWriteLock, readWriteLock } from "../src/read-write-lock.ts";
import { chaos, type ChaosNow } from "./faults/chaos.ts";
import { eventually } from "./faults/stage.ts";

const PATH = "/locks/a";

const connected = (server: TestServer, count: number): Promise<Client[]> =>
  Promise.all(Array.from({ length: count }, () => server.connect({ session: { timeoutMs: 6_000 } })));

/** What it comes to, or is doing. */
function observed(promise: Promise<Held>): { held: Held | undefined; error: unknown } {
  const seen: { held: Held | undefined; error: unknown } = { held: undefined, error: undefined };
  promise.then(
    (held) => (seen.held = held),
    (error: unknown) => (seen.error = error),
  );
  return seen;
}

const inQueue = (server: TestServer, path = PATH): string[] =>
  server
    .dump()
    .map((node) => node.path)
    .filter((at) => at.startsWith(`${path}/`));

const KINDS = ["read", "read", "write", "write"] as const;

type Step = "start" | "release" | "downgrade";
interface Move {
  readonly who: number;
  readonly step: Step;
}

/** Who stands in the queue, in its order: all that decides who holds. */
type Model = readonly { readonly who: number; readonly isReading: boolean }[];

const mayHold = (queue: Model, i: number): boolean =>
  queue[i]!.isReading ? queue.slice(0, i).every(({ isReading }) => isReading) : i === 0;

function after(queue: Model, { who, step }: Move): Model {
  if (step === "start") return [...queue, { who, isReading: KINDS[who] === "read" }];
  if (step === "release") return queue.filter((one) => one.who !== who);
  return queue.map((one) => (one.who === who ? { who, isReading: true } : one));
}

/** Every order in which all can come, downgrade or not if they write, and let go. */
function* schedules(queue: Model = [], moves: readonly Move[] = []): Generator<readonly Move[]> {
  const have = (who: number): boolean => moves.some((move) => move.who === who);
  const next: Move[] = [];
  for (const who of KINDS.keys()) {
    // Of two of a kind the first comes first: the other order is the same.
    if (!have(who) && (who % 2 === 0 || have(who - 1))) next.push({ who, step: "start" });
  }
  for (const [i, { who, isReading }] of queue.entries()) {
    if (!mayHold(queue, i)) continue;
    next.push({ who, step: "release" });
    if (!isReading) next.push({ who, step: "downgrade" });
  }
  if (next.length === 0) yield moves;
  for (const move of next) yield* schedules(after(queue, move), [...moves, move]);
}

/** Plays the moves, and after each compares who holds with who may. */
async function play(server: TestServer, locks: readonly ReadWriteLock[], moves: readonly Move[]): Promise<void> {
  const seen: ReturnType<typeof observed>[] = [];
  let queue: Model = [];
  let writerToken = 0;
  for (const [i, move] of moves.entries()) {
    const { who, step } = move;
    queue = after(queue, move);
    if (step === "start") seen[who] = observed(locks[who]![KINDS[who]!].acquire());
    else if (step === "release") expect(await seen[who]!.held!.release()).toBe("released");
    else {
      const before = seen[who]!.held!;
      seen[who]!.held = await locks[who]!.downgrade(before);
      expect(before.isValid).toBe(false);
      expect(seen[who]!.held.token).toBe(before.token);
    }
    await server.clock.runUntilIdle();
    for (const [at, { who: party, isReading }] of queue.entries()) {
      const { held, error } = seen[party]!;
      expect(error).toBeUndefined();
      const when = `party ${party} after ${JSON.stringify(moves.slice(0, i + 1))}`;
      expect(held?.isValid === true, when).toBe(mayHold(queue, at));
      if (held === undefined) continue;
      // A store that keeps the greatest token of a writer refuses nobody who holds.
      expect(held.token, when).toBeGreaterThanOrEqual(writerToken);
      if (!isReading) writerToken = held.token;
    }
    expect(inQueue(server)).toHaveLength(queue.length);
  }
}

describe("read-write lock", () => {
  test("readers hold together, writers alone, in the order of asking", async () => {
    await using server = await startTestServer();
    const clients = await connected(server, 5);
    const locks = clients.map((client) => readWriteLock(client, PATH));
    const wants = ["read", "read", "write", "read", "write"] as const;
    const seen: ReturnType<typeof observed>[] = [];
    for (const [i, kind] of wants.entries()) {
      seen.push(observed(locks[i]![kind].acquire()));
      await server.clock.runUntilIdle();
    }
    const holding = (): number[] => seen.flatMap(({ held }, i) => (held?.isValid === true ? [i] : []));
    expect(holding()).toEqual([0, 1]);
    expect((await locks[0]!.contenders()).map((one) => [one.wants, one.holds])).toEqual([
      ["read", true],
      ["read", true],
      ["write", false],
      ["read", false],
      ["write", false],
    ]);
    expect(await locks[0]!.read.contenders()).toHaveLength(3);
    expect(await locks[0]!.write.contenders()).toHaveLength(2);
    // A reader that comes now would wait for a writer that waits.
    expect(await locks[4]!.read.tryAcquire()).toBeUndefined();
    for (const [i, next] of [
      [0, [1]],
      [1, [2]],
      [2, [3]],
      [3, [4]],
      [4, []],
    ] as const) {
      await seen[i]!.held!.release();
      await server.clock.runUntilIdle();
      expect(holding()).toEqual(next);
    }
    expect(inQueue(server)).toEqual([]);
  });

  test("whatever the order of two readers and two writers that may downgrade, who holds is who may (pain 10)", async () => {
    await using server = await startTestServer();
    const clients = await connected(server, KINDS.length);
    const locks = clients.map((client) => readWriteLock(client, PATH));
    let count = 0;
    for (const moves of schedules()) {
      await play(server, locks, moves);
      count++;
    }
    expect(count).toBe(1_180);
  }, 120_000);

  test("a downgraded writer keeps its rank and its token: the writer behind waits for it, the readers in between do not (pain 10)", async () => {
    await using server = await startTestServer();
    const clients = await connected(server, 4);
    const [first, reader, second, last] = clients.map((client) => readWriteLock(client, PATH));
    const writing = await first!.write.acquire();
    const between = observed(reader!.read.acquire());
    await server.clock.runUntilIdle();
    const next = observed(second!.write.acquire());
    await server.clock.runUntilIdle();
    const behind = observed(last!.read.acquire());
    await server.clock.runUntilIdle();
    const reading = await first!.downgrade(writing);
    await server.clock.runUntilIdle();
    expect(reading.path.slice(-10)).toBe(writing.path.slice(-10));
    expect(reading.token).toBe(writing.token);
    expect((writing.signal.reason as { code: string }).code).toBe("CLOSED");
    expect(await writing.release()).toBe("was-gone");
    expect(between.held?.isValid).toBe(true);
    expect(next.held).toBeUndefined();
    expect(behind.held).toBeUndefined();
    // The guard is that of the znode which stands for it now.
    await clients[0]!.create("/guarded", null, { guard: reading.guard });
    await expect(clients[0]!.create("/too-late", null, { guard: writing.guard })).rejects.toMatchObject({
      code: "GUARD_FAILED",
    });
    await between.held!.release();
    await server.clock.runUntilIdle();
    expect(next.held).toBeUndefined();
    await reading.release();
    await server.clock.runUntilIdle();
    expect(next.held?.isValid).toBe(true);
    expect(next.held!.token).toBeGreaterThan(reading.token);
    await next.held!.release();
    await server.clock.runUntilIdle();
    expect(behind.held?.isValid).toBe(true);
    await behind.held!.release();
    expect(inQueue(server)).toEqual([]);
  });

  test("a store that keeps the greatest token of a writer refuses one that came too late, and nobody who holds", async () => {
    await using server = await startTestServer();
    const [a, b] = await connected(server, 2);
    const mine = readWriteLock(a!, PATH);
    const theirs = readWriteLock(b!, PATH);
    let greatest = 0;
    const takes = ({ token }: Held, kind: "read" | "write"): boolean => {
      if (token < greatest) return false;
      if (kind === "write") greatest = token;
      return true;
    };
    const writing = await mine.write.acquire();
    expect(takes(writing, "write")).toBe(true);
    const next = theirs.write.acquire();
    await server.clock.runUntilIdle();
    const reading = await mine.downgrade(writing);
    expect(takes(reading, "read")).toBe(true);
    // One who reads beside it came later than the writer who waits: its token must not be kept.
    await server.clock.advance(1);
    await reading.release();
    expect(takes(await next, "write")).toBe(true);
    expect(takes(reading, "read")).toBe(false);
  });

  test("who holds the read lock is refused the write lock at once, by the same object only", async () => {
    await using server = await startTestServer();
    const [client] = await connected(server, 1);
    const mine = readWriteLock(client!, PATH);
    const refused = { code: "BAD_ARGUMENTS", outcome: "no", path: PATH };
    const one = await mine.read.acquire();
    const two = await mine.read.acquire();
    const before = server.requests().length;
    await expect(mine.write.acquire()).rejects.toMatchObject(refused);
    await expect(mine.write.tryAcquire()).rejects.toMatchObject(refused);
    await expect(mine.write.with(() => 1)).rejects.toMatchObject(refused);
    expect(server.requests()).toHaveLength(before);
    // Another party waits as anybody does.
    const other = observed(readWriteLock(client!, PATH).write.acquire());
    await one.release();
    await expect(mine.write.acquire()).rejects.toMatchObject(refused);
    await two.release();
    await server.clock.runUntilIdle();
    await other.held!.release();
    const reading = await mine.downgrade(await mine.write.acquire());
    await expect(mine.write.acquire()).rejects.toMatchObject(refused);
    // Lost is not held any more.
    const lost = mine.read.acquire();
    await lost;
    await server.faults.expire(client!);
    await server.clock.advance(1_000);
    expect(reading.isValid).toBe(false);
    expect((await mine.write.acquire()).isValid).toBe(true);
  });

  test("only a write lock of the same object can be downgraded; anything else stays what it is", async () => {
    await using server = await startTestServer();
    const [a, b] = await connected(server, 2);
    const mine = readWriteLock(a!, PATH);
    const refused = { code: "BAD_ARGUMENTS" };
    const reading = await mine.read.acquire();
    await expect(mine.downgrade(reading)).rejects.toMatchObject(refused);
    expect(reading.isValid).toBe(true);
    await reading.release();
    const theirs = await readWriteLock(b!, PATH).write.acquire();
    await expect(mine.downgrade(theirs)).rejects.toMatchObject(refused);
    expect(theirs.isValid).toBe(true);
    await theirs.release();
    const plain = await lock(a!, PATH).acquire();
    await expect(mine.downgrade(plain)).rejects.toMatchObject(refused);
    await plain.release();
    const writing = await mine.write.acquire();
    await writing.release();
    await expect(mine.downgrade(writing)).rejects.toMatchObject({ code: "CLOSED" });
    expect(inQueue(server)).toEqual([]);
  });

  test("a downgrade that is aborted or out of time leaves nothing held, whether it was done or not", async () => {
    await using server = await startTestServer({ latencyMs: 10 });
    const [a, b] = await connected(server, 2);
    for (const strike of ["abort", "request lost", "reply lost"] as const) {
      const mine = readWriteLock(a!, PATH);
      const writing = await eventually(server, mine.write.acquire());
      const next = readWriteLock(b!, PATH).write.acquire();
      await server.clock.advance(100);
      const stop = new AbortController();
      const downgrading = mine.downgrade(writing, { signal: stop.signal, timeoutMs: 500 });
      downgrading.catch(() => {});
      expect(writing.isValid).toBe(false);
      using partition =
        strike === "abort"
          ? undefined
          : server.faults.partition(a!, { oneWay: strike === "reply lost" ? "from-server" : "to-server" });
      if (strike === "abort") stop.abort();
      await server.clock.advance(500);
      await expect(downgrading).rejects.toMatchObject({ code: strike === "abort" ? "ABORTED" : "TIMEOUT" });
      partition?.end();
      const then = await eventually(server, next, 10_000);
      expect(then.isValid).toBe(true);
      expect(inQueue(server)).toEqual([then.path]);
      await eventually(server, then.release());
    }
  });

  test("of many writers a release wakes one, of many readers behind a writer all", async () => {
    await using server = await startTestServer();
    const [client, ...others] = await connected(server, 21);
    const first = await readWriteLock(client!, PATH).write.acquire();
    const writers = others.map((one) => observed(readWriteLock(one, PATH).write.acquire()));
    await server.clock.runUntilIdle();
    let before = server.requests().length;
    await first.release();
    await server.clock.runUntilIdle();
    // The release; the one who is woken looks, confirms, and takes its watches back.
    expect(server.requests().length - before).toBeLessThanOrEqual(5);
    expect(writers.filter(({ held }) => held !== undefined)).toHaveLength(1);
    for (const writer of writers) {
      await writer.held!.release();
      await server.clock.runUntilIdle();
    }

    // A reader behind two writers is not woken by the first.
    const one = await readWriteLock(others[0]!, PATH).write.acquire();
    const second = observed(readWriteLock(others[1]!, PATH).write.acquire());
    await server.clock.runUntilIdle();
    const last = observed(readWriteLock(client!, PATH).read.acquire());
    await server.clock.runUntilIdle();
    before = server.requests({ client: 1 }).length;
    await one.release();
    await server.clock.runUntilIdle();
    expect(second.held?.isValid).toBe(true);
    expect(server.requests({ client: 1 })).toHaveLength(before);
    await second.held!.release();
    await server.clock.runUntilIdle();
    await last.held!.release();

    const writing = await readWriteLock(client!, PATH).write.acquire();
    const readers = others.map((one) => observed(readWriteLock(one, PATH).read.acquire()));
    await server.clock.runUntilIdle();
    before = server.requests().length;
    await writing.release();
    await server.clock.runUntilIdle();
    expect(readers.every(({ held }) => held?.isValid === true)).toBe(true);
    expect(server.requests().length - before).toBeLessThanOrEqual(1 + 4 * readers.length);
  });

  test("whoever asks to let go is heard by all readers who hold, and still by a writer that downgrades", async () => {
    await using server = await startTestServer();
    const [a, b, c] = await connected(server, 3);
    const ops = readWriteLock(c!, PATH, { identity: "ops" });
    const mine = readWriteLock(a!, PATH);
    const reason = { by: "ops", why: "deploy" };
    expect(await ops.write.requestRevoke("deploy")).toBe(false);
    const writing = await mine.write.acquire();
    const behind = observed(readWriteLock(b!, PATH).read.acquire());
    await server.clock.runUntilIdle();
    expect(await ops.read.requestRevoke("deploy")).toBe(false);
    expect(await ops.write.requestRevoke("deploy")).toBe(true);
    await server.clock.runUntilIdle();
    expect(writing.revokeRequested.reason).toEqual(reason);
    const reading = await mine.downgrade(writing);
    await server.clock.runUntilIdle();
    expect(reading.revokeRequested.reason).toEqual(reason);
    expect(behind.held!.revokeRequested.aborted).toBe(false);
    expect(await ops.read.requestRevoke("deploy")).toBe(true);
    await server.clock.runUntilIdle();
    expect(behind.held!.revokeRequested.reason).toEqual(reason);
    expect(await ops.write.evict(behind.held!.token)).toBe(true);
    await server.clock.runUntilIdle();
    expect(behind.held!.isValid).toBe(false);
    expect(reading.isValid).toBe(true);
  });

  test("a piece of work under the write lock may downgrade it", async () => {
    await using server = await startTestServer();
    const [client] = await connected(server, 1);
    const mine = readWriteLock(client!, PATH);
    const came = await mine.write.with(async (writing) => {
      await using reading = await mine.downgrade(writing);
      return reading.isValid;
    });
    expect(came).toBe(true);
    expect(inQueue(server)).toEqual([]);
  });

  test("contenders of Curator, kazoo and plain locks stand in the same queue", async () => {
    await using server = await startTestServer();
    const [a, b, c, d] = await connected(server, 4);
    const theirs = await readWriteLock(a!, PATH, { layout: "kazoo" }).read.acquire();
    expect(theirs.path).toMatch(/\/[0-9a-f]{32}__rlock__\d{10}$/);
    const ours = await readWriteLock(b!, PATH).read.acquire();
    expect(ours.path).toMatch(/\/_c_[0-9a-f-]{36}-__READ__\d{10}$/);
    const plain = observed(lock(c!, PATH).acquire());
    await server.clock.runUntilIdle();
    const behind = observed(readWriteLock(d!, PATH, { layout: "kazoo" }).read.acquire());
    await server.clock.runUntilIdle();
    expect(plain.held).toBeUndefined();
    await theirs.release();
    await ours.release();
    await server.clock.runUntilIdle();
    expect(plain.held?.isValid).toBe(true);
    expect(behind.held).toBeUndefined();
    await plain.held!.release();
    await server.clock.runUntilIdle();
    expect(behind.held?.isValid).toBe(true);
  });

  test.each([1, 2, 3, 4, 5, 6])(
    "whatever happens, no writer holds together with anybody (chaos, seed %i)",
    async (seed) => {
      await using server = await startTestServer({ seed, latencyMs: 1, log: "file" });
      const clients = await connected(server, 4);
      const draw = drawFrom(seed, "read-write work");
      const over = new AbortController();
      let holds: { readonly client: Client; readonly held: Held; readonly isReading: boolean }[] = [];
      const count = { read: 0, write: 0, downgrade: 0, together: 0 };
      const pause = (client: Client, ms: number): Promise<void> =>
        new Promise((resolve) => void client.clock.setTimeout(resolve, ms));
      const working = clients.map(async (client) => {
        while (!over.signal.aborted) {
          const mine = readWriteLock(client, PATH);
          const kind = oneOf(draw, ["read", "write"] as const);
          try {
            const timeoutMs = oneOf(draw, [300, 3_000, 60_000]);
            let held = await mine[kind].acquire({ signal: over.signal, timeoutMs });
            count[kind]++;
            holds.push({ client, held, isReading: kind === "read" });
            await pause(client, between(draw, 1, 300));
            if (kind === "write" && draw() < 0.5) {
              held = await mine.downgrade(held, { timeoutMs });
              count.downgrade++;
              holds.push({ client, held, isReading: true });
              await pause(client, between(draw, 1, 300));
            }
            await held.release();
          } catch (error) {
            const codes = ["SESSION_EXPIRED", "OUTCOME_UNKNOWN", "ABORTED", "TIMEOUT", "GUARD_FAILED"];
            if (!codes.includes((error as { code: string }).code)) throw error;
          }
        }
      });
      const always = ({ isStalled, isOverruled }: ChaosNow): void => {
        holds = holds.filter(({ client, held }) => isStalled(client) || held.isValid);
        const valid = holds.filter(({ client }) => !isStalled(client) && !isOverruled(client));
        count.together = Math.max(count.together, valid.length);
        if (valid.length > 1 && valid.some(({ isReading }) => !isReading)) throw new Error("a writer is not alone");
      };
      await chaos({ server, clients, seed, steps: 60, always });
      over.abort();
      await eventually(server, Promise.all(working));
      await server.clock.advance(30_000);
      expect(inQueue(server)).toEqual([]);
      for (const part of ["read", "write", "downgrade"] as const) expect(count[part], part).toBeGreaterThan(1);
      expect(count.together).toBeGreaterThan(1);
    },
    30_000,
  );
});

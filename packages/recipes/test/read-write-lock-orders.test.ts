/** Every order in which two readers and two writers can come, downgrade and go, compared with a model of the queue. */
import { startTestServer, type TestServer } from "@corral/testing";
import { describe, expect, test } from "vitest";
import { type ReadWriteLock, readWriteLock } from "../src/read-write-lock.ts";
import { connected } from "./connecting.ts";
import { inQueue, observed, PATH } from "./reading-and-writing.ts";

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
});

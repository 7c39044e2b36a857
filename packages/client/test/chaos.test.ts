import { isWrite, Op, type Request } from "@corral/protocol";
import { describe, expect, test } from "vitest";
import type { CorralError } from "../src/error.ts";
import { statFields, type Answer, type FakeConnection } from "./fake-server.ts";
import { connectHarness } from "./harness.ts";

/** Numbers from 0 up to 1 that follow from the seed. */
function dice(seed: number): () => number {
  let state = seed * 2_654_435_761 + 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

interface Fate {
  outcome: "resolved" | "no" | "unknown" | undefined;
  /** What the server says it did, when resolved. */
  answered: number | undefined;
}

/**
 * Writes under cuts before and after the server applies them, lost replies, refusals for overload, ends of sessions, aborts and
 * time limits. The server applies each request number of a session once, as the protocol demands of it.
 */
async function run(seed: number): Promise<void> {
  const roll = dice(seed);
  const { client, clock, server } = await connectHarness({ timeoutMs: 6_000 });
  /** How often each write was applied, by its path. */
  const applied = new Map<string, number>();
  /** Remembered answers of each session. */
  const memory = new Map<number, Map<number, Answer>>();
  /** Of each session: the refused write that must come again before any later one. */
  const refused = new Map<number, number>();
  let stamp = 0;

  const apply = (request: Request, connection: FakeConnection): Answer => {
    if (!isWrite(request)) return request.op === Op.get ? [null, statFields(1)] : [];
    const session = connection.sessionId;
    const remembered = memory.get(session) ?? new Map<number, Answer>();
    memory.set(session, remembered);
    const before = remembered.get(request.xid);
    if (before !== undefined) return before;
    if (request.xid > (refused.get(session) ?? Infinity)) return { code: "OVERLOADED", detail: { name: "load" } };
    if (roll() < 0.05) {
      refused.set(session, request.xid);
      return { code: "OVERLOADED", detail: { name: "load" } };
    }
    refused.delete(session);
    if (request.op === Op.close) return [];
    const path = "path" in request ? request.path : "/";
    if (request.op === Op.set) applied.set(path, (applied.get(path) ?? 0) + 1);
    const answer: Answer = request.op === Op.set ? [statFields(++stamp)] : [[[]]];
    remembered.set(request.xid, answer);
    return answer;
  };
  server.answer = (request, connection) => {
    const chance = roll();
    if (chance < 0.03) {
      connection.cut();
      return undefined;
    }
    const answer = apply(request, connection);
    if (chance < 0.09) {
      connection.cut();
      return undefined;
    }
    return answer;
  };

  const fates = new Map<string, Fate>();
  let open = 0;
  for (let i = 0; i < 150; i++) {
    const path = `/w${i}`;
    const fate: Fate = { outcome: undefined, answered: undefined };
    fates.set(path, fate);
    const abort = new AbortController();
    open++;
    const write = client.set(path, null, roll() < 0.1 ? { signal: abort.signal } : {});
    write.then(
      ({ czxid }) => {
        open--;
        fate.outcome = "resolved";
        fate.answered = czxid;
      },
      (error: CorralError) => {
        open--;
        fate.outcome = error.outcome;
      },
    );
    if (roll() < 0.3) client.get("/x").then(undefined, () => undefined);
    if (roll() < 0.5) await clock.advance(roll() * 600);
    if (roll() < 0.5) abort.abort();
    if (roll() < 0.02) {
      for (const id of server.sessions.keys()) memory.delete(id);
      server.sessions.clear();
      server.last.cut();
    }
  }
  server.answer = apply;
  await clock.advance(30_000);
  const closed = client.close();
  await clock.advance(10_000);
  await closed;

  expect(open, `seed ${seed}: promises that never settled`).toBe(0);
  expect(clock.pendingTimers, `seed ${seed}: timers`).toBe(0);
  const wrong = [...fates].filter(([path, { outcome }]) => {
    const times = applied.get(path) ?? 0;
    return (
      outcome === undefined || times > 1 || (outcome === "resolved" && times !== 1) || (outcome === "no" && times !== 0)
    );
  });
  expect(wrong, `seed ${seed}`).toEqual([]);
  const answers = [...fates.values()].flatMap(({ answered }) => answered ?? []);
  expect(new Set(answers).size, `seed ${seed}: an answer was given to two writes`).toBe(answers.length);
  expect(answers.length).toBeGreaterThan(5);
}

describe("under faults", () => {
  test.each(Array.from({ length: 60 }, (_, i) => i + 1))(
    "each write is applied as its promise says, and every promise settles (seed %i)",
    run,
  );
});

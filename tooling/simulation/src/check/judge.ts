/** All checks of a run, in one walk through its log. */
import { DEFAULT_OPTIONS } from "@corral/state-machine";
import type { History, Violation } from "../history.ts";
import type { Model, Step } from "../model/model.ts";
import { checkInFlight } from "./in-flight.ts";
import { checkOrder } from "./order.ts";
import { checkRegisters } from "./registers.ts";
import { replay } from "./replayed.ts";
import { checkSessionIds, SessionEnds } from "./session-ids.ts";
import { checkSessions } from "./sessions.ts";
import { checkState, compareDump, SequenceCheck } from "./states.ts";
import { SubscriptionCheck } from "./subscriptions.ts";
import { checkWatches } from "./watches.ts";
import { type Asked, checkReply, pair } from "./wire.ts";
import { checkWitness, executions } from "./witness.ts";
import { checkWriteReplies } from "./writes.ts";

/** More of the same says no more. */
const VIOLATIONS_MAX = 20;

export interface JudgeOptions {
  /** The server's history may be too short to tell what was missed: then nothing is demanded of it. */
  readonly checksWatches: boolean;
  /** Told of what was searched, and what was given up. */
  readonly count?: ((what: string, howMany: number) => void) | undefined;
}

export function judge(history: History, { checksWatches, count }: JudgeOptions): Violation[] {
  const violations: Violation[] = [];
  const asked = pair(history.frames, violations);
  const readsAt = by(asked, ({ reply }) => reply.zxid);
  const dumpsAt = by(history.dumps, ({ zxid }) => zxid);
  const subscriptions = new SubscriptionCheck(history.followed);
  const sequences = new SequenceCheck();
  const sessions = new SessionEnds();
  const { entries } = history;
  let index = 0;
  const look = (model: Model, step: Step | undefined): void => {
    const next = entries[index++]?.zxid ?? Number.POSITIVE_INFINITY;
    const wrong = checkState(model);
    if (wrong !== undefined) violations.push({ check: "states", what: `at ${model.zxid}: ${wrong}` });
    for (const one of readsAt.get(model.zxid) ?? []) {
      const fault = checkReply(model, one);
      if (fault !== undefined) violations.push({ check: "wire", what: `${describe(one)}: ${fault}` });
      readsAt.delete(model.zxid);
    }
    for (const dump of dumpsAt.get(model.zxid) ?? []) violations.push(...compareDump(dump, model));
    dumpsAt.delete(model.zxid);
    subscriptions.look(model, step, next);
    sequences.look(model, step);
    sessions.look(model, step);
  };
  const replayed = replay(entries, DEFAULT_OPTIONS, look, history.counters);
  for (const zxid of [...dumpsAt.keys(), ...readsAt.keys()])
    violations.push({ check: "states", what: `a state at ${zxid}, where no entry stands` });
  violations.push(...subscriptions.violations, ...sequences.violations);
  violations.push(...checkSessions(history.sessionFacts), ...checkSessionIds(history.frames, sessions.ends));
  violations.push(...checkInFlight(history.frames));
  violations.push(...checkWriteReplies(asked, replayed.steps));
  violations.push(...checkWitness(history.calls, replayed.steps));
  violations.push(...checkOrder(history.calls, history.seen, replayed));
  const registers = checkRegisters(history.registers, new Set(executions(replayed.steps).keys()));
  violations.push(...registers.violations);
  count?.("register groups", registers.searched);
  count?.("register groups given up", registers.givenUp);
  if (checksWatches) violations.push(...checkWatches(history.frames, replayed));
  return violations.slice(0, VIOLATIONS_MAX);
}

function by<T>(list: readonly T[], keyOf: (item: T) => number): Map<number, T[]> {
  const groups = new Map<number, T[]>();
  for (const item of list) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

const describe = ({ request, session, link, reply }: Asked): string =>
  `connection ${link} of session ${session}, request ${request.xid} (operation ${request.op}${"path" in request ? ` ${request.path}` : ""}) at ${reply.zxid}`;

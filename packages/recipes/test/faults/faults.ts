/**
 * What can strike the subject at a step, and what its call may come to for that.
 *
 * A fault that the session survives must not be seen at all: what was called comes to what it comes to without it.
 */
import type { ErrorName } from "@corral/client";
import type { Fault, NthMatch, RestartOptions } from "@corral/testing";
import { LATENCY_MS, type Setting, SUBJECT } from "./stage.ts";

export interface FaultCase {
  /** `drop reply`. */
  readonly name: string;
  /** What a rejection may be, beside what the call comes to without a fault. */
  readonly codes: readonly ErrorName[];
  /** Of the server. Default `memory`. */
  readonly log?: "file";
  /** Milliseconds until it is over by itself, or by `end`. Default 0. */
  readonly lastsMs?: (timeoutMs: number) => number;
  /** Can it strike before the first request, at step 0? */
  readonly isFree: boolean;
  /** Strikes once: at the step-th request of the subject from now on, or now. */
  arm(setting: Setting, step: number, begun: Begun): Fault;
}

/** What a fault leaves to do: to be called when its time is over, and to be waited for. */
export interface Aftermath {
  readonly end?: () => void;
  readonly done?: Promise<unknown>;
}

/** Told when it strikes. */
export type Begun = (aftermath: Aftermath) => void;

/** The server stays away for so long when it is restarted, milliseconds: less than any session timeout. */
const DOWN_MS = 500;

/** A session that the server has ended, or that the client has given up: the call says so, or does not know what came of a write. */
const SESSION_OVER: readonly ErrorName[] = ["SESSION_EXPIRED", "OUTCOME_UNKNOWN"];

const twice = (timeoutMs: number): number => 2 * timeoutMs;

export const FAULTS: readonly FaultCase[] = [
  { name: "drop request", codes: [], ...loss((setting, nth) => setting.server.faults.dropRequest(stepOf(nth))) },
  { name: "drop reply", codes: [], ...loss((setting, nth) => setting.server.faults.dropReply(stepOf(nth))) },
  // Of everybody: that of the subject alone is a lost request.
  { name: "cut", codes: [], ...whenSent(({ server }) => server.faults.cut("all")) },
  { name: "short partition", codes: [], lastsMs: (timeoutMs) => timeoutMs / 3, ...whenSent(partition) },
  { name: "long partition", codes: SESSION_OVER, lastsMs: twice, ...whenSent(partition) },
  { name: "long silence", codes: SESSION_OVER, lastsMs: twice, ...whenDone(partition) },
  { name: "expire before", codes: SESSION_OVER, ...whenSent(expire) },
  { name: "expire after", codes: SESSION_OVER, ...whenDone(expire) },
  {
    name: "stall",
    codes: SESSION_OVER,
    lastsMs: twice,
    ...whenSent(({ server, subject, timeoutMs }) => server.faults.stallClient(subject, twice(timeoutMs))),
  },
  {
    name: "sleep",
    codes: SESSION_OVER,
    lastsMs: twice,
    ...whenSent(({ server, subject, timeoutMs }) => server.faults.sleepClient(subject, twice(timeoutMs))),
  },
  {
    name: "clock forward",
    codes: SESSION_OVER,
    lastsMs: twice,
    ...whenSent(({ server, subject, timeoutMs }) => server.faults.jumpClock(subject, twice(timeoutMs))),
  },
  {
    name: "clock back",
    codes: [],
    lastsMs: twice,
    ...whenSent(({ server, subject, timeoutMs }) => server.faults.jumpClock(subject, -twice(timeoutMs))),
  },
  {
    name: "server stall",
    codes: SESSION_OVER,
    lastsMs: twice,
    ...whenSent(({ server, timeoutMs }) => server.faults.stall(twice(timeoutMs))),
  },
  { name: "restart", codes: [], ...whenSent(restart({})) },
  { name: "crash before", codes: [], log: "file", ...whenSent(restart({ crash: true })) },
  { name: "crash after", codes: [], log: "file", ...whenDone(restart({ crash: true })) },
  { name: "abort", codes: ["ABORTED"], ...whenSent(({ abort }) => abort.abort()) },
];

/** What it leaves to do. */
type Strike = (setting: Setting) => Aftermath | void;
type When = Pick<FaultCase, "isFree" | "arm">;

const stepOf = (nth: number): NthMatch => ({ client: SUBJECT, nth });

/** When the request has been sent and not arrived; or when nothing has been sent. */
function whenSent(strike: Strike): When {
  return {
    isFree: true,
    arm(setting, nth, begun) {
      if (nth > 0) return setting.server.faults.at(stepOf(nth), () => begun(strike(setting) ?? {}));
      begun(strike(setting) ?? {});
      return { hits: 1, end() {}, [Symbol.dispose]() {} };
    },
  };
}

/** When the request has been executed, and its reply is on its way. */
function whenDone(strike: Strike): When {
  return {
    isFree: false,
    arm: (setting, nth, begun) =>
      setting.server.faults.at(stepOf(nth), () => {
        // By the timer of one that nothing happens to.
        setting.other.clock.setTimeout(() => begun(strike(setting) ?? {}), 1.5 * LATENCY_MS);
      }),
  };
}

function loss(arm: (setting: Setting, nth: number) => Fault): When {
  return { isFree: false, arm };
}

function partition({ server, subject }: Setting): Aftermath {
  const fault = server.faults.partition(subject);
  return { end: () => fault.end() };
}

function expire({ server, subject }: Setting): Aftermath {
  return { done: server.faults.expire(subject) };
}

function restart(options: RestartOptions): Strike {
  return ({ server }) => ({ done: server.faults.restart({ ...options, downMs: DOWN_MS }) });
}

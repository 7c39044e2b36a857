/**
 * A job that a cluster runs about every so often, by one of its members at a time: whoever leads. What cron is to one machine; Curator and
 * kazoo leave it to their users.
 *
 * When the last run began is kept in a znode, written at the beginning of each run under the leader's guard, so a new leader runs
 * neither early nor once more. Time is the server's, told by the stamps of writes; between them each leader counts on its monotonic
 * clock, so no wall clock of a client matters. (A server that comes back with its clock ahead makes one period shorter.)
 *
 * Never begins a period twice, and never two runs at once, as the server sees it. Does not promise that a run which was begun is
 * finished: if its leader is lost underway, the next run begins with the next period. So a run does what is due since the last success,
 * not "this period's work", and whatever it writes elsewhere goes with `leadership.term`.
 */
import { type Client, type Codec, CorralError, isCorralError, type ReadOptions } from "@corral/client";
import { isConsequence } from "./election/run.ts";
import { election, type ElectionOptions, type Leadership } from "./election.ts";
import { drawIdentity } from "./hold/contender-data.ts";
import type { HoldOptions } from "./hold/held.ts";
import { childOf } from "./hold/turn.ts";
import { pause } from "./wait/pause.ts";

/** The election's znode, below the job's. */
const CANDIDATES = "candidates";
/** The znode of the last beginning, below the job's. */
const LAST = "last";
const OP = "periodicJob";

export interface PeriodicJobOptions extends ElectionOptions, HoldOptions {
  /** From the beginning of a run to that of the next, milliseconds; the same for all members. A run that takes longer is followed by the next at once. */
  readonly everyMs: number;
  /** What is to be done. It has to end soon after its signal aborts. */
  readonly run: (turn: Turn) => Promise<void> | void;
  /** Told of what a run throws, which changes nothing; and of what ended the job in this process, if not `stop`. */
  readonly onError: (error: unknown) => void;
  /** How long a run has to end once its signal has aborted, milliseconds. Default 30,000. After that this process takes part no more. */
  readonly stopGraceMs?: number | undefined;
}

/** One run. */
export interface Turn {
  readonly leadership: Leadership;
  /** When it began: the server's time, milliseconds since 1970. At least `everyMs` after the run before, but for clocks of different rate and for what the server's machine slept. */
  readonly at: number;
  /** Aborted when it has to end: the leadership is lost, or the job is stopped. */
  readonly signal: AbortSignal;
}

/** The beginning of the last run, anywhere. */
export interface LastRun {
  /** The server's time, milliseconds since 1970. */
  readonly at: number;
  /** Of the member that ran it. */
  readonly identity: string;
  /** Of its leadership. */
  readonly term: number;
}

/** Takes part until it is stopped, whatever becomes of sessions. */
export interface PeriodicJob extends AsyncDisposable {
  readonly path: string;
  /** Does this member certainly lead, now? */
  readonly isLeader: boolean;
  /** Resolves when this member takes part no more: it was stopped, or what `onError` was told has ended it. */
  readonly ended: Promise<void>;
  /** Of the whole cluster. Undefined if there was none. */
  last(options?: ReadOptions): Promise<LastRun | undefined>;
  /** Ends this member's part: waits for the run under way, at most `stopGraceMs`, and resigns. Harmless when repeated. */
  stop(): Promise<void>;
}

/**
 * Takes part from now on. The first run of all is due at once; whoever deletes the znode `last` below the path makes the next one due
 * for the next leader. Throws `BAD_ARGUMENTS` for a period that is none.
 */
export function periodicJob(client: Client, path: string, options: PeriodicJobOptions): PeriodicJob {
  const { everyMs, layout, onSuspended, stopGraceMs } = options;
  if (!(everyMs >= 1 && everyMs <= Number.MAX_SAFE_INTEGER)) throw badPeriod(path, everyMs);
  const identity = options.identity ?? drawIdentity(client.random);
  const contest = election(client, childOf(path, CANDIDATES), { identity, layout });
  const stopping = new AbortController();
  let leading: Leadership | undefined;
  const lead = async (leadership: Leadership, signal: AbortSignal): Promise<void> => {
    leading = leadership;
    await runTurns(client, childOf(path, LAST), identity, leadership, signal, options);
  };
  const ended = contest
    .run(lead, { again: true, signal: stopping.signal, stopGraceMs, onSuspended })
    .catch((error: unknown) => {
      tell(options, error);
    });
  const stop = (): Promise<void> => {
    stopping.abort();
    return ended;
  };
  return {
    path,
    get isLeader() {
      return leading?.isValid ?? false;
    },
    ended,
    async last(how) {
      const found = await client.find(childOf(path, LAST), { ...how, codec: beginning });
      return found && { at: found.stat.mtime, ...found.value };
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** What one leader does until its signal aborts. Rejects then, and with what the server has against it. */
async function runTurns(
  client: Client,
  lastPath: string,
  identity: string,
  leadership: Leadership,
  signal: AbortSignal,
  options: PeriodicJobOptions,
): Promise<void> {
  const { clock } = client;
  const calls = { signal, timeoutMs: Infinity };
  const deadline = client.deadline(OP, calls);
  let dueMs = await insist(firstDueMs);
  for (;;) {
    // A platform's timer may be at its end before the time is.
    for (let restMs; (restMs = dueMs - clock.monotonicMs()) > 0;) await deadline.pause(restMs);
    const at = await insist(begin);
    dueMs = clock.monotonicMs() + options.everyMs;
    try {
      await options.run({ leadership, at, signal });
    } catch (error) {
      if (!isConsequence(error, signal)) tell(options, error);
    }
  }

  /** By the monotonic clock of this process; at first the only way to know the server's time is to write. */
  async function firstDueMs(): Promise<number> {
    const last = await client.stat(lastPath, calls);
    const { mtime: now } = await leadership.proclaim(utf8.encode(JSON.stringify({ everyMs: options.everyMs })), calls);
    const restMs = last === undefined ? 0 : last.mtime + options.everyMs - now;
    return clock.monotonicMs() + restMs;
  }

  /** The server's time of it. From then on the period has had its run, whatever becomes of it. */
  async function begin(): Promise<number> {
    const { stat } = await client.update(lastPath, () => ({ identity, term: leadership.term }), {
      ...calls,
      codec: beginning,
      create: { parents: true },
      guard: leadership.guard,
    });
    return stat.mtime;
  }

  /** Again while the server or the client is too busy. The end is heard at once, whatever a step waits for. */
  async function insist<T>(step: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; await pause(client, deadline, tries++)) {
      try {
        return await deadline.race(step());
      } catch (error) {
        if (signal.aborted || !isCorralError(error) || !error.retryable) throw error;
      }
    }
  }
}

/** In a turn of its own: what the hook throws is an unhandled rejection, and harms nothing here. */
function tell({ onError }: PeriodicJobOptions, error: unknown): void {
  void Promise.resolve(error).then(onError);
}

const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder();

/** The data of `last`. What somebody else wrote there counts as a run of nobody's. */
const beginning: Codec<Omit<LastRun, "at">> = {
  name: "beginning",
  encode: (value) => utf8.encode(JSON.stringify(value)),
  decode: (bytes) => {
    const text = fromUtf8.decode(bytes ?? new Uint8Array());
    try {
      const { identity, term } = JSON.parse(text) as Record<string, unknown>;
      if (typeof identity === "string" && typeof term === "number") return { identity, term };
    } catch {
      // Not ours.
    }
    return { identity: text, term: 0 };
  },
};

function badPeriod(path: string, everyMs: number): CorralError {
  return new CorralError("BAD_ARGUMENTS", {
    op: OP,
    detail: { path, name: "everyMs", limit: 1, actual: everyMs },
    means: "a period is a time in milliseconds, 1 or more",
  });
}

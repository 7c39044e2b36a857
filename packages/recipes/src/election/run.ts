/**
 * Work that only the leader does: campaigns, calls, resigns, and, if asked to, begins anew.
 *
 * Never calls a second time before the first call has ended, whatever became of its leadership: one process does not work twice. That
 * two processes do not is what the term is for.
 */
import { type Client, CorralError, isCorralError } from "@corral/client";
import type { AcquireOptions } from "../hold/acquire.ts";
import { lostDuring } from "../hold/with-held.ts";
import { pause } from "../wait/pause.ts";
import type { Leadership, Term } from "./leadership.ts";

const OP = "election.run";
/** What runs as leader, and has to stop, has this long to end, milliseconds. */
const STOP_GRACE_MS = 30_000;

/** `timeoutMs` is for each campaign; none by default. `signal` ends it all. */
export interface RunOptions extends AcquireOptions {
  /** Campaign anew after finishing or losing, in a new session if need be, until the signal aborts. Default false. */
  readonly again?: boolean | undefined;
  /** How long what runs as leader has to end, once its signal has been aborted, milliseconds. Default 30,000; `Infinity` for no limit. */
  readonly stopGraceMs?: number | undefined;
}

/**
 * Called with each term that is won. `signal` is aborted when it has to stop: by the loss of the leadership, for whose reason see
 * `leadership.signal`, or because the signal given to `run` was aborted; in that case it still leads until it has ended.
 */
export type Lead = (leadership: Leadership, signal: AbortSignal) => Promise<void> | void;

/** `path`: of the election, for errors. */
export async function runTerms(
  client: Client,
  path: string,
  campaign: (options: AcquireOptions) => Promise<Term>,
  lead: Lead,
  options: RunOptions,
): Promise<void> {
  const { signal, again = false, stopGraceMs = STOP_GRACE_MS } = options;
  if (!(stopGraceMs >= 0)) throw badGrace(path, stopGraceMs);
  const deadline = client.deadline(OP, { signal, timeoutMs: Infinity });
  /** Campaigns in a row that came to nothing, and the loss that was before them. */
  let failures = 0;
  try {
    for (;;) {
      const failure = await runTerm();
      if (failure !== undefined) {
        if (!again) throw failure;
        await pause(client, deadline, ++failures);
      } else if (!again) return;
    }
  } catch (error) {
    // To be stopped is how a run without end ends.
    if (!(again && signal?.aborted === true && isConsequence(error, signal))) throw error;
  }

  /** Resolves with what went wrong and may go well at the next try. */
  async function runTerm(): Promise<CorralError | undefined> {
    let term: Term;
    try {
      term = await campaign(options);
    } catch (error) {
      if (mayPass(error)) return error;
      throw error;
    }
    failures = 0;
    return serve(client, path, term, lead, signal, stopGraceMs);
  }
}

/** A refusal that is not for good; or the session is over, and the next one may do better. A time limit of the campaign is the caller's. */
function mayPass(error: unknown): error is CorralError {
  if (isCorralError(error, "SESSION_EXPIRED", "OUTCOME_UNKNOWN")) return true;
  return isCorralError(error) && error.retryable && error.code !== "TIMEOUT";
}

/**
 * One term, to its end: resigned, if it was not lost. Resolves with why it was lost. Rejects with an error of the work that is not the
 * consequence of having to stop; with `TIMEOUT` if the work goes on regardless.
 */
async function serve(
  client: Client,
  path: string,
  term: Term,
  lead: Lead,
  stop: AbortSignal | undefined,
  stopGraceMs: number,
): Promise<CorralError | undefined> {
  const over = new AbortController();
  const onLost = (): void => {
    over.abort(term.signal.reason);
  };
  const onStop = (): void => {
    over.abort(stop?.reason);
  };
  term.signal.addEventListener("abort", onLost);
  stop?.addEventListener("abort", onStop);
  if (term.lost !== undefined) onLost();
  if (stop?.aborted === true) onStop();

  let hasEnded = true;
  let failure: { readonly error: unknown } | undefined;
  try {
    if (!over.signal.aborted) hasEnded = await endsInTime(client, lead, term, over.signal, stopGraceMs);
  } catch (error) {
    failure = { error };
    // A guarded write may tell of the loss before the watch does.
    if (isCorralError(error, "GUARD_FAILED")) await Promise.allSettled([term.verify()]);
  } finally {
    term.signal.removeEventListener("abort", onLost);
    stop?.removeEventListener("abort", onStop);
  }

  const { lost } = term;
  try {
    await term[Symbol.asyncDispose]();
  } catch (error) {
    failure ??= { error };
  }
  if (!hasEnded) throw stillRunning(path, stopGraceMs, over.signal.reason);
  if (failure !== undefined && !(lost !== undefined && isConsequence(failure.error, over.signal))) throw failure.error;
  // One that the work has resigned by itself was not lost.
  if (lost === undefined || lost.code === "CLOSED") return undefined;
  return failure === undefined || failure.error === lost ? lost : lostDuring(lost, failure.error);
}

/** Rejects with what the work rejects with. False if it goes on so long after its signal was aborted; then nobody looks at what it comes to. */
function endsInTime(
  client: Client,
  lead: Lead,
  term: Term,
  signal: AbortSignal,
  stopGraceMs: number,
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    let cancel: (() => void) | undefined;
    const count = (): void => {
      if (stopGraceMs === Infinity) return;
      cancel = client.clock.setTimeout(() => {
        resolve(false);
      }, stopGraceMs);
    };
    signal.addEventListener("abort", count);
    const work = async (): Promise<boolean> => {
      await lead(term, signal);
      return true;
    };
    work()
      .then(resolve, reject)
      .finally(() => {
        cancel?.();
        signal.removeEventListener("abort", count);
      });
  });
}

/** What one who had to stop may end with, for just that reason. */
const CONSEQUENCES = ["ABORTED", "CLOSED", "GUARD_FAILED", "OUTCOME_UNKNOWN", "SESSION_EXPIRED", "SUSPENDED"] as const;

/** Is it the error of one who was told to stop, and did? */
export function isConsequence(error: unknown, signal: AbortSignal): boolean {
  if (!signal.aborted) return false;
  if (error === signal.reason || isCorralError(error, ...CONSEQUENCES)) return true;
  return error instanceof Error && error.name === "AbortError";
}

function stillRunning(path: string, stopGraceMs: number, cause: unknown): CorralError {
  return new CorralError("TIMEOUT", {
    op: OP,
    detail: { path, name: "stopGraceMs", limit: stopGraceMs },
    outcome: "no",
    retryable: false,
    cause,
    means: "what ran as leader had to stop and goes on, as leader no more",
  });
}

function badGrace(path: string, stopGraceMs: number): CorralError {
  return new CorralError("BAD_ARGUMENTS", {
    op: OP,
    detail: { path, name: "stopGraceMs", actual: stopGraceMs },
    means: "a time in milliseconds, 0 or more",
  });
}

/** How the partitions of one consumer are handled: what all of its deliveries share. */
import { backoffMs } from "@corral/recipes/authoring";
import { type Client, type CorralError, isCorralError } from "@corral/client";
import type { HeldClaim } from "../claims/claim.ts";
import type { Committer } from "../claims/committer.ts";
import type { ConsumeOptions, Mode, Reset } from "../consumer.ts";
import type { TraceEvent } from "../history.ts";
import type { Source, TopicPartition } from "../source.ts";

export interface Where {
  readonly partition: TopicPartition;
  readonly offset: number | undefined;
}

/** What is to be done about something that threw. */
export type Verdict = "retry" | "skip" | "stop";

const VERDICTS: readonly unknown[] = ["retry", "skip", "stop"] satisfies Verdict[];

export interface Handling<M> {
  readonly client: Client;
  readonly source: Source<M>;
  readonly handle: ConsumeOptions<M>["handle"];
  readonly mode: Mode;
  readonly concurrency: number;
  readonly reset: Reset;
  readonly start: ConsumeOptions<M>["start"];
  readonly handlerTimeoutMs: number;
  readonly committer: Committer;
  /** When others than the handlers of this consumer last had their turn; monotonic. */
  readonly turn: { sinceMs: number };
  readonly trace: (event: TraceEvent) => void;
  /** Something threw. What is to be done about it; if it is to stop, that has begun already. */
  readonly fault: (error: unknown, where: Where) => Verdict;
  /** It is not certain any more that the claim is held: all that this life of the member had is given up. */
  readonly doubt: (claim: HeldClaim) => void;
  /** The server has refused something because of the claim: it is another's, or nobody's. */
  readonly lost: (claim: HeldClaim, why: CorralError) => void;
  /** A handler has taken longer than it may. */
  readonly stuck: (where: Where) => void;
  /** So many messages more are handled. */
  readonly handled: () => void;
  /** Something has changed that people may look at. */
  readonly changed: () => void;
}

/** As `onError` says, `retry` if it says nothing. What it throws, and what it returns that is no verdict, is a reason to stop. */
export function verdictOf(
  onError: ConsumeOptions<never>["onError"],
  error: unknown,
  where: Where,
): { readonly verdict: Verdict; readonly why: unknown } {
  try {
    const verdict = onError?.(error, where) ?? "retry";
    if (VERDICTS.includes(verdict)) return { verdict, why: error };
    throw new TypeError(`onError returned ${String(verdict)}, not one of ${VERDICTS.join(", ")}`);
  } catch (thrown) {
    return { verdict: "stop", why: thrown };
  }
}

/** The first pause after a failure is random between 0 and this, milliseconds; doubled each time … */
const RETRY_FIRST_MS = 100;
/** … up to this. */
const RETRY_MAX_MS = 10_000;

/** Before the next try after the `tries`-th, from 1; ends early by the signal. */
export async function retryPause(client: Client, tries: number, signal: AbortSignal): Promise<void> {
  const waiting = client.deadline("consume", { signal, timeoutMs: Infinity });
  try {
    await waiting.pause(backoffMs(client, tries, RETRY_FIRST_MS, RETRY_MAX_MS));
  } catch (error) {
    if (!isCorralError(error, "ABORTED")) throw error;
  }
}

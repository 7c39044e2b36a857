/**
 * A broker as a candidate for the controllership: campaigns while it is registered, serves its terms, resigns when it cannot go on, so that
 * another may try.
 *
 * Candidate, registration and term belong to one session: none of them outlives it. Never campaigns without being registered.
 */
import { type Client, type CorralError, type Guard, isCorralError } from "@corral/client";
import { election, type Leadership, type Registration } from "@corral/recipes";
import { backoffMs } from "@corral/recipes/authoring";
import type { ClusterImage } from "../image/cluster-image.ts";
import type { ClusterPaths } from "../layout.ts";
import type { MakeDuty, Term } from "./duty.ts";
import { serveTerm } from "./term.ts";

/** Before campaigning again after a failure: random, at most this, milliseconds, doubled each time … */
const PAUSE_FIRST_MS = 100;
/** … up to this. */
const PAUSE_MAX_MS = 30_000;

export interface ControllerOptions {
  readonly client: Client;
  readonly paths: ClusterPaths;
  /** The broker's id. */
  readonly broker: number;
  /** The broker's own, by the same client. */
  readonly registration: Pick<Registration<unknown>, "epoch" | "guard" | "states" | "signal">;
  readonly image: ClusterImage;
  /** In the order in which they are asked. */
  readonly duties: readonly MakeDuty[];
  /** Of what ended a term that would otherwise have gone on, and of what a term had to leave alone. */
  readonly onError?: ((error: unknown, where: string) => void) | undefined;
  /** Resigns, and ends. */
  readonly signal: AbortSignal;
}

/**
 * Resolves when the signal aborts, after resigning. Rejects when no term can follow: the client is closed, the image or the registration is
 * over for good.
 */
export async function runController(options: ControllerOptions): Promise<void> {
  const { client, image, registration, signal } = options;
  const deadline = client.deadline("controller", { signal, timeoutMs: Infinity });
  let failures = 0;
  while (!signal.aborted) {
    try {
      const wasServed = await serveNext(options);
      failures = wasServed ? 0 : failures + 1;
    } catch (error) {
      if (signal.aborted) return;
      if (client.state.name === "closed") throw error;
      if (!isPassing(error)) options.onError?.(error, "controller");
      failures += 1;
    }
    for (const over of [image.signal, registration.signal]) if (over.aborted) throw over.reason as CorralError;
    // Also after a term that ended as it should: whoever loses it again and again must not keep everybody busy.
    if (!signal.aborted && failures > 0) await pause(failures);
  }

  async function pause(tries: number): Promise<void> {
    try {
      await deadline.pause(backoffMs(client, tries, PAUSE_FIRST_MS, PAUSE_MAX_MS));
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}

/** The session is over, or the candidate was taken away: campaigning again is the way on. */
function isPassing(error: unknown): boolean {
  return isCorralError(error, "SESSION_EXPIRED", "OUTCOME_UNKNOWN", "GUARD_FAILED");
}

/** One campaign and its term. False if it was won in vain. */
async function serveNext(options: ControllerOptions): Promise<boolean> {
  const { client, paths, broker, registration, signal } = options;
  const guard = await registered(registration, signal);
  const leadership = await election(client, paths.controller, { identity: String(broker) }).campaign({ signal });
  try {
    return await serve(options, leadership, guard);
  } finally {
    await leadership[Symbol.asyncDispose]();
  }
}

/** The guard of the present registration, once there is one. */
async function registered(
  registration: ControllerOptions["registration"],
  signal: AbortSignal,
): Promise<Guard & { readonly czxid: number }> {
  for await (const { epoch } of registration.states(signal)) if (epoch !== undefined) return registration.guard;
  signal.throwIfAborted();
  throw registration.signal.reason as CorralError;
}

/** False if the broker's registration was not the one any more that it had campaigned with. */
async function serve(
  options: ControllerOptions,
  leadership: Leadership,
  registrationGuard: Guard & { readonly czxid: number },
): Promise<boolean> {
  const { client, broker, registration, image, duties, onError, signal } = options;
  if (registration.epoch !== registrationGuard.czxid) return false;
  const over = new AbortController();
  const sources = [leadership.signal, registration.signal, image.signal, signal];
  const end = (event: Event): void => {
    over.abort((event.target as AbortSignal).reason);
  };
  for (const source of sources) source.addEventListener("abort", end);
  for (const source of sources) if (source.aborted) over.abort(source.reason);
  const watching = endWith(registration, registrationGuard.czxid, over);
  const term: Term = {
    broker,
    epoch: leadership.term,
    guard: leadership.guard,
    signal: over.signal,
    image,
    client,
  };
  try {
    const guards = [{ path: leadership.path, czxid: leadership.term }, registrationGuard];
    await serveTerm({ term, guards, duties, onError: (error, where) => onError?.(error, where) });
    return over.signal.aborted;
  } finally {
    for (const source of sources) source.removeEventListener("abort", end);
    over.abort();
    await watching;
  }
}

/** Ends the term when the registration is another one, or none. Resolves when the term is over. */
async function endWith(
  registration: ControllerOptions["registration"],
  epoch: number,
  over: AbortController,
): Promise<void> {
  try {
    for await (const status of registration.states(over.signal)) if (status.epoch !== epoch) over.abort(status.cause);
  } catch (error) {
    over.abort(error);
  }
}

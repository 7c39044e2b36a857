/**
 * What a recipe does step by step, for the fault table: every request that the subject sends while it acts is a step, and every
 * fault strikes at every step, and before the first, each in a world of its own.
 *
 * Beside what `settled` looks at, the table sees to it that `act` comes to something, and to what is allowed under that fault; that nothing
 * is rejected or thrown unseen; that at the end no more ephemerals, watches, subscriptions and waiting requests are there than without the
 * fault, and nothing at all once the clients are closed. So whatever was begun is ended by `act` or `settled`, in every outcome.
 */
import type { Client } from "@corral/client";
import type { TestServer } from "@corral/testing";

export interface Stage {
  readonly server: TestServer;
  /** The client that the fault strikes. */
  readonly subject: Client;
  /** A second client, with a session of its own, that nothing happens to unless it happens to the server. */
  readonly other: Client;
  /** Aborted by the fault `abort`: to be given to what the subject calls. */
  readonly signal: AbortSignal;
  /** Lets virtual time pass until the promise has settled, and then gives what it came to. Fails if that takes longer than `withinMs` of it. */
  readonly eventually: <T>(promise: Promise<T>, withinMs?: number) => Promise<T>;
}

/** How `act` ended. */
export type Outcome = { readonly value: unknown } | { readonly error: unknown };

export interface Scenario {
  /** `lock: acquire and release`. */
  readonly name: string;
  /** The session timeout of the subject, milliseconds. Default 6,000. */
  readonly sessionTimeoutMs?: number;
  /** What must be there before; nothing is struck yet. Whatever it returns is given to the others. */
  prepare?(stage: Stage): Promise<unknown>;
  /**
   * What the subject does. It may reject: with a `CorralError`, never with anything else. Must neither hang nor wait for virtual time by
   * itself: whoever calls lets time pass.
   */
  act(stage: Stage, prepared: unknown): Promise<unknown>;
  /**
   * When the fault is over, everything is healed, and all sessions that were to end have ended: throws (by `expect`) if something is not
   * as it must be, whatever `act` came to: nobody left in the queue, the next one gets it at once, values neither lost nor doubled.
   * Time passes by `eventually` and `clock.advance` only.
   */
  settled(stage: Stage, outcome: Outcome, prepared: unknown): Promise<void>;
}

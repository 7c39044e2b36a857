/**
 * What every recipe gives to whoever holds something.
 *
 * It belongs to its session: a process that hands its session on by `detach()` holds nothing any more, but what it had not released
 * stays at the server, in the name of whoever has taken over, until that one ends the session or evicts it.
 */
import type { CallOptions, Guard } from "@corral/client";
import type { LetGo } from "./let-go.ts";

/** Why a holder is asked to let go: the reason of `revokeRequested`. */
export interface RevokeRequest {
  /** Identity of whoever asks. */
  readonly by: string;
  readonly why: string;
}

/** `will-be-released`: the server could not be reached in time; it is let go of as soon as it can, at the latest when the session ends. */
export type Released = LetGo | "will-be-released";

/**
 * A hold is a lease: nobody on this side can know that he holds, only until when the server has promised it. So whatever is written
 * elsewhere goes with the token, to be refused there if a greater one was seen; and what is written to Corral goes with the guard.
 * Once lost it stays lost; to acquire again gives another one.
 */
export interface Held extends AsyncDisposable {
  /** A zxid, greater than that of every holder before. Give it to whatever is protected: it must refuse a smaller one than it has seen. */
  readonly token: number;
  /**
   * Aborted when it is lost or released; the reason is a `CorralError`: `SESSION_EXPIRED`, `GUARD_FAILED` (the znode was deleted by
   * somebody else), `SUSPENDED` (if asked for), `CLOSED` (released). That is before anybody else holds it, unless this process stood still.
   */
  readonly signal: AbortSignal;
  /**
   * Is it certainly held, now? Computed from the clocks at each look, so it tells the truth also after a stall; once false, false for ever.
   * What somebody takes away on purpose (an eviction, a session ended by the server's operator) is known only when that has been told:
   * token and guard know it at once.
   */
  readonly isValid: boolean;
  /** For how long that is certain if nothing more is heard from the server, milliseconds; 0 once it is lost. */
  readonly validForMs: number;
  /** What is held: the path given to the recipe. */
  readonly name: string;
  /** The znode that stands for this holder. */
  readonly path: string;
  /** For the `guard` of writes: they happen only while it is held, whatever this process believes. */
  readonly guard: Guard;
  /** Aborted when somebody asks this holder to let go; the reason is a {@link RevokeRequest}. Nothing else happens by itself. */
  readonly revokeRequested: AbortSignal;
  /** Throws why it is lost, or `TIMEOUT` if it is certain for less than `marginMs` (default 0). */
  assertValid(marginMs?: number): void;
  /** Asks the server: true if it was held when the server answered. If not, it is lost here too. */
  verify(options?: CallOptions): Promise<boolean>;
  /** Ends it, here at once. Harmless when repeated. Rejects only if the server refuses, as with `NO_AUTH`. */
  release(options?: CallOptions): Promise<Released>;
  /** Releases, and waits 5 s at most. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** How to hold, beside how long to wait for it. */
export interface HoldOptions {
  /**
   * While the connection is broken: `continue` (default) until the session can no longer be known to live; `abort`: give it up at once.
   */
  readonly onSuspended?: "continue" | "abort" | undefined;
}

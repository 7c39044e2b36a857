/**
 * One session as this side knows it: who it is, and until when it certainly lives.
 *
 * The server's countdown began no earlier than the moment at which we sent the last message that was answered. So up to
 * that moment plus the timeout (less a margin for clocks that run at different rates) the session lives, and after it
 * nobody on this side can know. Time passed is the greater of what the two clocks say: a monotonic clock may stand still
 * while the machine sleeps, and a wall clock that jumps forward only ends the session early here. Once over, it stays over.
 */
import type { CorralError } from "../error.ts";
import { instantOf, type Clock, type Instant } from "../world.ts";

/** Share of the timeout given away to clocks of different rate. */
const VALIDITY_MARGIN = 0.01;

/** What a program may know of its session. */
export interface SessionInfo {
  /** The zxid that opened it. */
  readonly id: number;
  /** As the server granted it, milliseconds. */
  readonly timeoutMs: number;
  /** The how many-eth session of this client, from 1. */
  readonly ordinal: number;
  /** Aborted when the session is over, with the {@link CorralError} as the reason. */
  readonly signal: AbortSignal;
  /** Does the session certainly live? Computed from the clocks at each look; once false, false for ever. */
  readonly isValid: boolean;
  /** For how long it certainly lives if nothing more is heard, milliseconds; 0 when it is over. */
  readonly validForMs: number;
}

export class Session implements SessionInfo {
  readonly id: number;
  readonly secret: Uint8Array;
  timeoutMs: number;
  readonly ordinal: number;
  readonly #clock: Clock;
  readonly #over = new AbortController();
  /** When the latest answered message was sent. */
  #provenAt: Instant;
  #expired = false;

  constructor(
    facts: { readonly id: number; readonly secret: Uint8Array; readonly timeoutMs: number; readonly ordinal: number },
    provenAt: Instant,
    clock: Clock,
  ) {
    this.id = facts.id;
    this.secret = facts.secret;
    this.timeoutMs = facts.timeoutMs;
    this.ordinal = facts.ordinal;
    this.#provenAt = provenAt;
    this.#clock = clock;
  }

  get signal(): AbortSignal {
    return this.#over.signal;
  }

  get isValid(): boolean {
    return this.validForMs > 0;
  }

  get validForMs(): number {
    return this.validForMsAt(instantOf(this.#clock));
  }

  /** Both clocks have just been read. */
  validForMsAt(now: Instant): number {
    if (this.#expired) return 0;
    const left = this.timeoutMs * (1 - VALIDITY_MARGIN) - elapsedMs(this.#provenAt, now);
    if (left > 0) return left;
    // Latched: a wall clock that jumps back must not bring a session back to life.
    this.#expired = true;
    return 0;
  }

  /** A message that was sent at this moment has been answered. */
  provenAlive(sentAt: Instant): void {
    if (sentAt.monotonicMs > this.#provenAt.monotonicMs) this.#provenAt = sentAt;
  }

  /** For good. */
  end(cause: CorralError): void {
    this.#expired = true;
    if (!this.#over.signal.aborted) this.#over.abort(cause);
  }
}

/** Milliseconds passed, by whichever clock says more. */
function elapsedMs(since: Instant, now: Instant): number {
  return Math.max(now.monotonicMs - since.monotonicMs, now.wallMs - since.wallMs);
}

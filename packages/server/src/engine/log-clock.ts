/**
 * The log clock, by which entries are stamped. It begins at the later of the last stamp and wall time, runs on the monotonic
 * clock, leans towards wall time by at most 5 %, and never goes back: a jump of the wall clock moves no deadline at once.
 */

const SLEW = 0.05;

export class LogClock {
  #value: number;
  #at: number;

  constructor(lastStampMs: number, wallMs: number, monotonicMs: number) {
    this.#value = Math.max(lastStampMs, wallMs);
    this.#at = monotonicMs;
  }

  /** Whole milliseconds since 1970. */
  read(wallMs: number, monotonicMs: number): number {
    const elapsed = Math.max(0, monotonicMs - this.#at);
    this.#at = Math.max(this.#at, monotonicMs);
    const behind = wallMs - (this.#value + elapsed);
    const lean = Math.max(-SLEW * elapsed, Math.min(SLEW * elapsed, behind));
    this.#value += elapsed + lean;
    return Math.floor(this.#value);
  }
}

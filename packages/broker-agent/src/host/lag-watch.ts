/**
 * When leaders look whether followers have fallen behind: all together, so that what they find is written together, twice within the time
 * that a follower has.
 */
import type { Clock } from "@corral/client";

export class LagWatch {
  readonly #clock: Clock;
  readonly #lagTimeMs: () => number;
  readonly #check: () => void;
  #everyMs = 0;
  #cancel = (): void => {};

  constructor(clock: Clock, lagTimeMs: () => number, check: () => void) {
    this.#clock = clock;
    this.#lagTimeMs = lagTimeMs;
    this.#check = check;
    this.#again();
  }

  /** The setting may have changed. */
  look(): void {
    if (this.#every() !== this.#everyMs) this.#again();
  }

  stop(): void {
    this.#cancel();
  }

  #every(): number {
    return Math.max(1, Math.floor(this.#lagTimeMs() / 2));
  }

  #again(): void {
    this.#cancel();
    const everyMs = this.#every();
    this.#everyMs = everyMs;
    const dueAt = this.#clock.monotonicMs() + everyMs;
    this.#cancel = this.#clock.setTimeout(() => {
      // If this process stood still, fetches have been waiting with it: who lags is seen when they have been taken in.
      const stoodStill = this.#clock.monotonicMs() - dueAt >= everyMs;
      if (!stoodStill) this.#check();
      this.#again();
    }, everyMs);
  }
}

/**
 * How much may be done, and how long to wait after too much. Tokens come in at a steady rate, up to a burst; taking may leave a debt, which is
 * waited off. So nothing is ever too large to be done, only too large to be followed by more at once. KIP-599.
 *
 * Reads the clock; sets no timer: whoever takes is told how long to wait, and does so by its own means.
 */
import type { Clock } from "@corral/client";

/** Of a rate that says nothing else: what comes in within so many seconds may be done at once. Kafka's eleven windows of a second. */
export const BURST_SECONDS = 11;

/** What is owed for no longer than that is owed by rounding: who has waited as told is not told to wait again. Milliseconds. */
const ROUNDING_MS = 1e-6;

export class TokenBucket {
  readonly #clock: Clock;
  #perSecond = 0;
  #burst = 0;
  /** Below 0: debt. */
  #tokens = 0;
  /** When that was so. */
  #atMs: number;

  /** Full. RangeError for a rate that is not above 0, or a burst below 0. */
  constructor(clock: Clock, perSecond: number, burst?: number) {
    this.#clock = clock;
    this.#atMs = clock.monotonicMs();
    this.setRate(perSecond, burst);
    this.#tokens = this.#burst;
  }

  /** From now on. What is there above the new burst is lost, what is owed stays. */
  setRate(perSecond: number, burst: number = perSecond * BURST_SECONDS): void {
    if (!(perSecond > 0)) throw new RangeError(`token bucket: rate is ${perSecond}, not above 0`);
    if (!(burst >= 0)) throw new RangeError(`token bucket: burst is ${burst}, not 0 or above`);
    if (this.#perSecond > 0) this.#refill();
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = Math.min(this.#tokens, burst);
  }

  get tokens(): number {
    this.#refill();
    return this.#tokens;
  }

  /** Takes in any case. How long to be held back for it, whole milliseconds; 0: nothing is owed. */
  take(amount: number): number {
    this.#check(amount);
    this.#refill();
    this.#tokens -= amount;
    return this.#waitMs();
  }

  /** Takes unless something is owed, and then nothing. 0: taken; else when to ask again, whole milliseconds from now. */
  tryTake(amount: number): number {
    this.#check(amount);
    this.#refill();
    const waitMs = this.#waitMs();
    if (waitMs === 0) this.#tokens -= amount;
    return waitMs;
  }

  #waitMs(): number {
    const owedMs = (-this.#tokens / this.#perSecond) * 1_000;
    return Math.max(0, Math.ceil(owedMs - ROUNDING_MS));
  }

  #refill(): void {
    const now = this.#clock.monotonicMs();
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#atMs) / 1_000) * this.#perSecond);
    this.#atMs = now;
  }

  #check(amount: number): void {
    if (!(amount >= 0) || amount === Infinity) throw new RangeError(`token bucket: ${amount} cannot be taken`);
  }
}

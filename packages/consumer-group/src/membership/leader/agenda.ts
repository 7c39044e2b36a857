/**
 * When the leader does what: a loop that sleeps until something has happened or is due.
 *
 * Owns one timer and the times of the changes. Divisions wait for changes that come together: a short while after the last one, at most
 * `BURST_MAX_MS` after the first.
 */
import type { Client } from "@corral/client";

/** The longest that a change waits, milliseconds. */
const BURST_MAX_MS = 1_000;

export class Agenda {
  readonly #client: Client;
  readonly #debounceMs: number;
  #firstMs: number | undefined;
  #lastMs = 0;
  #wake = (): void => undefined;
  #isAwake = true;

  constructor(client: Client, debounceMs: number) {
    this.#client = client;
    this.#debounceMs = debounceMs;
  }

  get nowMs(): number {
    return this.#client.clock.monotonicMs();
  }

  /** Something by which partitions are divided has changed. */
  changed(): void {
    this.#lastMs = this.nowMs;
    this.#firstMs ??= this.#lastMs;
    this.wake();
  }

  get hasChanges(): boolean {
    return this.#firstMs !== undefined;
  }

  /** When to divide, by the monotonic clock: at once for one member, who would wait for nobody. */
  divisionDueMs(members: number): number {
    if (this.#firstMs === undefined) return Infinity;
    if (members <= 1) return this.#firstMs;
    return Math.min(this.#lastMs + this.#debounceMs, this.#firstMs + BURST_MAX_MS);
  }

  /** What has changed until now is being dealt with. */
  taken(): void {
    this.#firstMs = undefined;
  }

  wake(): void {
    this.#isAwake = true;
    this.#wake();
  }

  /** Until then, or until something happens. */
  async sleep(untilMs: number): Promise<void> {
    if (!this.#isAwake) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        if (untilMs === Infinity) return;
        const cancel = this.#client.clock.setTimeout(resolve, Math.max(0, untilMs - this.nowMs));
        this.#wake = (): void => {
          cancel();
          resolve();
        };
      });
    }
    this.#isAwake = false;
  }
}

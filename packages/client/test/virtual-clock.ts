/** Time that passes when a test says so. */
import type { Clock } from "../src/world.ts";

interface Timer {
  readonly atMs: number;
  readonly order: number;
  readonly fn: () => void;
}

export class VirtualClock implements Clock {
  #nowMs = 1_000;
  #wallOffsetMs = 1_700_000_000_000;
  #order = 0;
  readonly #timers = new Set<Timer>();

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs + this.#wallOffsetMs;
  }

  setTimeout(fn: () => void, ms: number): () => void {
    const timer = { atMs: this.#nowMs + Math.max(0, ms), order: this.#order++, fn };
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
    };
  }

  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** Runs what falls due, in order, and lets everything that follows from it happen. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await settled();
    for (;;) {
      const due = [...this.#timers].filter((timer) => timer.atMs <= untilMs);
      due.sort((a, b) => a.atMs - b.atMs || a.order - b.order);
      const timer = due[0];
      if (timer === undefined) break;
      this.#timers.delete(timer);
      this.#nowMs = Math.max(this.#nowMs, timer.atMs);
      timer.fn();
      await settled();
    }
    this.#nowMs = untilMs;
    await settled();
  }

  /** The process stands still: time passes, no timer fires until the test goes on. */
  stall(ms: number): void {
    this.#nowMs += ms;
  }

  /** The wall clock jumps. */
  jumpWall(ms: number): void {
    this.#wallOffsetMs += ms;
  }
}

/** Every promise that can be settled without time passing is. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}

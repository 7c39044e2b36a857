/**
 * The clock of one load: warm-up, then the measured time. Says the marks `begin` and `end` when they come and counts what
 * ended between them. Never starts an operation itself.
 */
import type { EndMark, LoadJob, Mark } from "../job.ts";
import { LatencyCounts } from "./latencies.ts";

export class Meter {
  readonly #counts = new LatencyCounts();
  readonly #say: (mark: Mark) => void;
  #isMeasuring = false;
  #isOver = false;
  #timer: NodeJS.Timeout;

  constructor({ warmUpMs, measureMs }: LoadJob, say: (mark: Mark) => void) {
    this.#say = say;
    this.#timer = setTimeout(() => this.#begin(measureMs), warmUpMs);
  }

  /** Nothing more is to be started. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Both by `performance.now()`. */
  ended(startedAt: number, endedAt: number): void {
    if (this.#isMeasuring) this.#counts.add(endedAt - startedAt);
  }

  /** An operation failed: nothing more is counted or said. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#isMeasuring = false;
    this.#isOver = true;
  }

  #begin(measureMs: number): void {
    this.#say({ mark: "begin" });
    this.#isMeasuring = true;
    const from = performance.now();
    this.#timer = setTimeout(() => this.#end(performance.now() - from), measureMs);
  }

  #end(ms: number): void {
    this.stop();
    const end: EndMark = {
      mark: "end",
      operations: this.#counts.total,
      seconds: ms / 1_000,
      latencies: this.#counts.quantiles,
    };
    this.#say(end);
  }
}

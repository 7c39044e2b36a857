/** Who waits for records of one partition to be committed: those that want the least first. */
import { CorralError } from "@corral/client";
import { WAITERS_MAX } from "./limits.ts";

export type Commitment = "committed" | "NOT_ENOUGH_REPLICAS_AFTER_APPEND" | "NOT_LEADER";

interface Waiter {
  readonly offset: number;
  readonly resolve: (commitment: Commitment) => void;
}

const OP = "committed";

export class CommitWaiters {
  /** By offset, ascending; of one offset in the order of asking. */
  readonly #waiting: Waiter[] = [];

  /** The offset that is waited for next. */
  get next(): number | undefined {
    return this.#waiting[0]?.offset;
  }

  add(offset: number, signal: AbortSignal | undefined, path: string): Promise<Commitment> {
    if (signal?.aborted === true) return Promise.reject(aborted(signal, path));
    if (this.#waiting.length >= WAITERS_MAX) {
      const detail = { path, name: "waitersMax", limit: WAITERS_MAX };
      const means = "so many acknowledgements of this partition are waited for already";
      return Promise.reject(new CorralError("LIMIT_EXCEEDED", { op: OP, detail, means }));
    }
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        reject(aborted(signal as AbortSignal, path));
      };
      const waiter: Waiter = {
        offset,
        resolve: (commitment) => {
          signal?.removeEventListener("abort", leave);
          resolve(commitment);
        },
      };
      signal?.addEventListener("abort", leave);
      // Mostly it is the last one: logs grow.
      const at = this.#waiting.findLastIndex((other) => other.offset <= offset);
      this.#waiting.splice(at + 1, 0, waiter);
    });
  }

  /** Those up to this offset. */
  settle(offset: number, commitment: Commitment): void {
    const beyond = this.#waiting.findIndex((waiter) => waiter.offset > offset);
    const settled = this.#waiting.splice(0, beyond === -1 ? this.#waiting.length : beyond);
    for (const { resolve } of settled) resolve(commitment);
  }
}

function aborted(signal: AbortSignal, path: string): CorralError {
  return new CorralError("ABORTED", { op: OP, detail: { path }, outcome: "unknown", cause: signal.reason });
}

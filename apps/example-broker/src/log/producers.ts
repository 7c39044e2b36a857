/**
 * Which batch of each producer came last, so that one that is sent again is not written again.
 *
 * Everything is learnt from the batches in the log itself: a follower that becomes leader, and a broker that starts again, know what the
 * leader before knew. A producer has one batch of a partition under way at a time, and counts its records per partition from 0.
 */
import type { BatchHeader } from "./batch.ts";

/** Producers remembered per partition. The one that has been silent the longest is forgotten; it then needs a new id. */
const PRODUCERS_MAX = 10_000;

export type SequenceVerdict =
  | { readonly kind: "new" }
  /** It is in the log already, up to this offset. */
  | { readonly kind: "duplicate"; readonly baseOffset: number; readonly endOffset: number }
  /** Something before it is missing, or it is of a producer that this log knows nothing of. */
  | { readonly kind: "out-of-order"; readonly expected: number };

interface LastBatch {
  readonly sequence: number;
  readonly count: number;
  readonly baseOffset: number;
}

export class Producers {
  /** In the order of their last batches. */
  readonly #last = new Map<number, LastBatch>();

  judge(producerId: number, sequence: number, count: number): SequenceVerdict {
    const last = this.#last.get(producerId);
    const expected = last === undefined ? 0 : last.sequence + last.count;
    if (sequence === expected) return { kind: "new" };
    if (last !== undefined && sequence === last.sequence && count === last.count) {
      return { kind: "duplicate", baseOffset: last.baseOffset, endOffset: last.baseOffset + last.count };
    }
    return { kind: "out-of-order", expected };
  }

  note(batch: BatchHeader): void {
    const { producerId, sequence, count, baseOffset } = batch;
    this.#last.delete(producerId);
    this.#last.set(producerId, { sequence, count, baseOffset });
    if (this.#last.size <= PRODUCERS_MAX) return;
    for (const oldest of this.#last.keys()) {
      this.#last.delete(oldest);
      break;
    }
  }

  clear(): void {
    this.#last.clear();
  }
}

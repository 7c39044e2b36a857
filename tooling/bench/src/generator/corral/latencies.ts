/**
 * How long operations took: counts in buckets that are a hundredth wide or less, so that a run of any length takes the same
 * memory and nothing is sorted. Owns the counts; knows nothing of operations.
 */
import type { Latencies as Quantiles } from "../job.ts";

/** Buckets count tenths of a microsecond. */
const UNITS_A_MS = 10_000;
/** Values below this have a bucket each; above, each doubling has half as many. */
const EXACT = 256;
const EXACT_BITS = 8;
const HALF = EXACT / 2;
/** About three and a half minutes; more counts as that much. */
const UNITS_MAX = 2 ** 31 - 1;
const BUCKETS = (32 - EXACT_BITS) * HALF + EXACT;

export class LatencyCounts {
  readonly #counts = new Float64Array(BUCKETS);
  #total = 0;
  #max = 0;

  get total(): number {
    return this.#total;
  }

  add(ms: number): void {
    const units = Math.min(ms * UNITS_A_MS, UNITS_MAX) | 0;
    this.#counts[bucketOf(units)]!++;
    this.#total++;
    if (ms > this.#max) this.#max = ms;
  }

  get quantiles(): Quantiles {
    return { p50: this.#at(0.5), p99: this.#at(0.99), p999: this.#at(0.999), max: this.#max * 1_000 };
  }

  /** Microseconds. */
  #at(share: number): number {
    const rank = Math.ceil(this.#total * share);
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.#counts[bucket]!;
      if (seen >= rank && seen > 0) return (middleOf(bucket) / UNITS_A_MS) * 1_000;
    }
    return 0;
  }
}

function bucketOf(units: number): number {
  if (units < EXACT) return units;
  const shift = 32 - EXACT_BITS - Math.clz32(units);
  return shift * HALF + (units >>> shift);
}

function middleOf(bucket: number): number {
  if (bucket < EXACT) return bucket + 0.5;
  const shift = Math.floor(bucket / HALF) - 1;
  return (bucket - shift * HALF + 0.5) * 2 ** shift;
}

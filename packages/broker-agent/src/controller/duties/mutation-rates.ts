/**
 * How many partitions each asker may make and delete. Kafka's KIP-599: whoever still has something left may do what it asks for, however large,
 * and is then refused until the debt is worked off.
 *
 * In memory only: a new controller begins with full buckets.
 */
import { Refused } from "../../admin/refusal.ts";
import type { RequestView } from "../../image/views.ts";
import { quotaOf } from "../../quotas/lookup.ts";
import { TokenBucket } from "../../quotas/token-bucket.ts";
import type { Term } from "../duty.ts";

/** Buckets that are kept; who was not seen for longest is forgotten. */
const BUCKETS_MAX = 10_000;

export class MutationRates {
  readonly #term: Term;
  readonly #buckets = new Map<string, TokenBucket>();
  /** The request that has paid: it may have to be decided on again. */
  #paid: string | undefined;

  constructor(term: Term) {
    this.#term = term;
  }

  /** Throws `Refused` with `THROTTLING_QUOTA_EXCEEDED`. */
  charge({ path, by }: RequestView, mutations: number): void {
    if (mutations === 0 || this.#paid === path) return;
    const quota = quotaOf(this.#term.image, "controller_mutation_rate", { client: by });
    if (quota !== undefined) {
      const waitMs = this.#bucket(quota.bucket, quota.limit).tryTake(mutations);
      if (waitMs > 0) {
        throw new Refused(
          "THROTTLING_QUOTA_EXCEEDED",
          `controller_mutation_rate is ${quota.limit} partitions a second; ask again in ${waitMs} ms`,
        );
      }
    }
    this.#paid = path;
  }

  #bucket(name: string, perSecond: number): TokenBucket {
    const known = this.#buckets.get(name);
    const bucket = known ?? new TokenBucket(this.#term.client.clock, perSecond);
    known?.setRate(perSecond);
    this.#buckets.delete(name);
    this.#buckets.set(name, bucket);
    if (this.#buckets.size > BUCKETS_MAX) {
      const [oldest] = this.#buckets.keys();
      this.#buckets.delete(oldest as string);
    }
    return bucket;
  }
}

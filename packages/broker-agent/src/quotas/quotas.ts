/**
 * Holds the clients of one broker to their quotas: the limit that the cluster's state has now, and a bucket for all who share it. A quota that
 * changes holds from the next request on; what was owed before stays owed.
 *
 * Each broker counts for itself, as in Kafka: a limit is one for each broker.
 */
import type { Clock } from "@corral/client";
import type { ClusterImage } from "../image/cluster-image.ts";
import { type ClientQuotaKey, type QuotaKey, QUOTAS } from "./keys.ts";
import { connectionQuotaOf, type Quota, type QuotaClient, quotaOf } from "./lookup.ts";
import { TokenBucket } from "./token-bucket.ts";

/** Buckets kept: beyond it the one used longest ago goes, and whoever owed it something owes it no more. */
export const BUCKETS_MAX = 10_000;

interface Held {
  readonly tokens: TokenBucket;
  limit: number;
}

export class Quotas {
  readonly #image: ClusterImage;
  readonly #clock: Clock;
  readonly #bucketsMax: number;
  /** By key and bucket; those used last at the end. */
  readonly #held = new Map<string, Held>();

  constructor(image: ClusterImage, clock: Clock, options: { readonly bucketsMax?: number | undefined } = {}) {
    this.#image = image;
    this.#clock = clock;
    this.#bucketsMax = options.bucketsMax ?? BUCKETS_MAX;
  }

  /**
   * For what was done: how long to hold the client back, whole milliseconds; 0: not at all. `amount`: bytes, milliseconds of a thread, or
   * partitions, by the key.
   */
  take(key: ClientQuotaKey, who: QuotaClient, amount: number): number {
    return this.#bucket(key, quotaOf(this.#image, key, who))?.take(amount) ?? 0;
  }

  /** For what may be refused. 0: it may be done; else when to ask again, and nothing was taken. Kafka's THROTTLING_QUOTA_EXCEEDED. */
  tryTake(key: ClientQuotaKey, who: QuotaClient, amount: number): number {
    return this.#bucket(key, quotaOf(this.#image, key, who))?.tryTake(amount) ?? 0;
  }

  /** The same for one connection from an address. */
  tryConnect(ip: string): number {
    return this.#bucket("connection_creation_rate", connectionQuotaOf(this.#image, ip))?.tryTake(1) ?? 0;
  }

  get buckets(): number {
    return this.#held.size;
  }

  #bucket(key: QuotaKey, quota: Quota | undefined): TokenBucket | undefined {
    if (quota === undefined) return undefined;
    const name = `${key} ${quota.bucket}`;
    const { limit } = quota;
    const perSecond = limit * QUOTAS[key].unitsPerSecond;
    const held = this.#held.get(name) ?? { tokens: new TokenBucket(this.#clock, perSecond), limit };
    if (held.limit !== limit) {
      held.tokens.setRate(perSecond);
      held.limit = limit;
    }
    this.#held.delete(name);
    this.#held.set(name, held);
    if (this.#held.size > this.#bucketsMax) this.#held.delete(this.#held.keys().next().value!);
    return held.tokens;
  }
}

/** What leaders know of brokers where followers live, kept by the image: who may come into the in-sync replicas. */
import type { ClusterImage } from "../image/cluster-image.ts";
import type { BrokerView, Delta } from "../image/views.ts";
import type { BrokerStanding } from "../partition/isr.ts";

export class Standings {
  readonly #standings = new Map<number, BrokerStanding>();
  /** Replicas that brokers cannot keep; only those who have such. */
  readonly #failed = new Map<number, ReadonlySet<string>>();

  constructor(image: ClusterImage) {
    for (const broker of image.brokers()) this.#take(broker.id, broker);
  }

  apply({ brokers }: Delta): void {
    for (const { before, now } of brokers) this.#take((now ?? before)?.id as number, now);
  }

  #take(id: number, broker: BrokerView | undefined): void {
    if (broker === undefined) this.#standings.delete(id);
    else {
      const { epoch, status } = broker;
      this.#standings.set(id, { epoch, fenced: status === "fenced", draining: status === "draining" });
    }
    if (broker === undefined || broker.failedReplicas.length === 0) this.#failed.delete(id);
    else this.#failed.set(id, new Set(broker.failedReplicas));
  }

  /** By broker, as they stand to the replica `<topicId>/<n>`: whose disk has lost it is as good as fenced. */
  of(replica: string): ReadonlyMap<number, BrokerStanding> {
    let own: Map<number, BrokerStanding> | undefined;
    for (const [id, failed] of this.#failed) {
      const standing = this.#standings.get(id);
      if (standing === undefined || !failed.has(replica)) continue;
      own ??= new Map(this.#standings);
      own.set(id, { ...standing, fenced: true });
    }
    return own ?? this.#standings;
  }
}

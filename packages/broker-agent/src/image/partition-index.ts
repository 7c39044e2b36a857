/** The partitions of an image, by topic and by the brokers that keep them. Each view is in both, or in neither. */
import type { PartitionView } from "./views.ts";

const NONE: ReadonlyMap<number, PartitionView> = new Map();
const NOBODY: ReadonlySet<PartitionView> = new Set();

export class PartitionIndex {
  readonly #byTopic = new Map<string, Map<number, PartitionView>>();
  readonly #kept = new Map<number, Set<PartitionView>>();

  get(topicId: string, partition: number): PartitionView | undefined {
    return this.#byTopic.get(topicId)?.get(partition);
  }

  /** In no order. */
  ofTopic(topicId: string): IterableIterator<PartitionView> {
    return (this.#byTopic.get(topicId) ?? NONE).values();
  }

  topicIds(): IterableIterator<string> {
    return this.#byTopic.keys();
  }

  /** In no order. */
  keptBy(broker: number): IterableIterator<PartitionView> {
    return (this.#kept.get(broker) ?? NOBODY).values();
  }

  /** Those that keep any. */
  keepers(): IterableIterator<number> {
    return this.#kept.keys();
  }

  /** `now` undefined: it is gone. */
  put(topicId: string, partition: number, now: PartitionView | undefined): void {
    const ofTopic = this.#byTopic.get(topicId) ?? new Map<number, PartitionView>();
    const before = ofTopic.get(partition);
    if (now === undefined) ofTopic.delete(partition);
    else ofTopic.set(partition, now);
    if (ofTopic.size === 0) this.#byTopic.delete(topicId);
    else this.#byTopic.set(topicId, ofTopic);
    if (before !== undefined) this.#keepNoMore(before);
    if (now !== undefined) this.#keep(now);
  }

  #keep(view: PartitionView): void {
    for (const id of view.state.replicas) {
      const kept = this.#kept.get(id);
      if (kept === undefined) this.#kept.set(id, new Set([view]));
      else kept.add(view);
    }
  }

  #keepNoMore(view: PartitionView): void {
    for (const id of view.state.replicas) {
      const kept = this.#kept.get(id);
      kept?.delete(view);
      if (kept?.size === 0) this.#kept.delete(id);
    }
  }
}

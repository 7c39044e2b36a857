/**
 * What a duty has to look at: partitions, each once, in the order in which they became due. By name, not by state: what is looked at is what
 * the image has then.
 */
import type { ClusterImage } from "../image/cluster-image.ts";
import type { PartitionView } from "../image/views.ts";
import { partitionKey } from "../layout.ts";

type PartitionName = Pick<PartitionView, "topicId" | "partition">;

export class Due {
  /** Those that clients wait for. */
  readonly #urgent = new Map<string, PartitionName>();
  readonly #others = new Map<string, PartitionName>();

  get size(): number {
    return this.#urgent.size + this.#others.size;
  }

  add(name: PartitionName): void {
    const key = partitionKey(name);
    if (!this.#urgent.has(key)) this.#others.set(key, nameOf(name));
  }

  /** Before all that are not urgent. */
  addUrgent(name: PartitionName): void {
    const key = partitionKey(name);
    this.#others.delete(key);
    this.#urgent.set(key, nameOf(name));
  }

  delete(name: PartitionName): void {
    const key = partitionKey(name);
    this.#urgent.delete(key);
    this.#others.delete(key);
  }

  has(name: PartitionName): boolean {
    const key = partitionKey(name);
    return this.#urgent.has(key) || this.#others.has(key);
  }

  /** Those that are there still; each is due no more when it has been given. Stop in the middle, and the rest stays due. */
  *take(image: ClusterImage): Generator<PartitionView, void, undefined> {
    for (const names of [this.#urgent, this.#others]) {
      for (const [key, { topicId, partition }] of names) {
        names.delete(key);
        const view = image.partition(topicId, partition);
        if (view !== undefined) yield view;
      }
    }
  }

  /** Those that are there, and stay due. */
  *views(image: ClusterImage): Generator<PartitionView, void, undefined> {
    for (const names of [this.#urgent, this.#others]) {
      for (const { topicId, partition } of names.values()) {
        const view = image.partition(topicId, partition);
        if (view !== undefined) yield view;
      }
    }
  }
}

function nameOf({ topicId, partition }: PartitionName): PartitionName {
  return { topicId, partition };
}

/**
 * What a duty has to look at: partitions, each once, in the order in which they became due. By name, not by state: what is looked at is what
 * the image has then.
 */
import type { ClusterImage } from "../image/cluster-image.ts";
import type { PartitionView } from "../image/views.ts";

type PartitionName = Pick<PartitionView, "topicId" | "partition">;

export class Due {
  readonly #names = new Map<string, PartitionName>();

  get size(): number {
    return this.#names.size;
  }

  add({ topicId, partition }: PartitionName): void {
    this.#names.set(keyOf({ topicId, partition }), { topicId, partition });
  }

  delete(name: PartitionName): void {
    this.#names.delete(keyOf(name));
  }

  has(name: PartitionName): boolean {
    return this.#names.has(keyOf(name));
  }

  /** Those that are there still; each is due no more when it has been given. Stop in the middle, and the rest stays due. */
  *take(image: ClusterImage): Generator<PartitionView, void, undefined> {
    for (const [key, { topicId, partition }] of this.#names) {
      this.#names.delete(key);
      const view = image.partition(topicId, partition);
      if (view !== undefined) yield view;
    }
  }

  /** Those that are there, and stay due. */
  *views(image: ClusterImage): Generator<PartitionView, void, undefined> {
    for (const { topicId, partition } of this.#names.values()) {
      const view = image.partition(topicId, partition);
      if (view !== undefined) yield view;
    }
  }
}

/** One name for both. */
export function keyOf({ topicId, partition }: PartitionName): string {
  return `${topicId}/${partition}`;
}

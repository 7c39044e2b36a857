/**
 * What brokers may be for a partition now: who can lead it or be in sync, who is leaving, whose replica has failed. By the image alone.
 *
 * Never counts a fenced broker, or one whose replica has failed, as live.
 */
import type { Guard } from "@corral/client";
import type { ClusterImage } from "../image/cluster-image.ts";
import type { BrokerView, PartitionView } from "../image/views.ts";
import type { PartitionState } from "../partition/state.ts";
import { partitionKey } from "../layout.ts";

export interface Standing {
  /** Of the partition's replicas, or of those asked about: those that live, the leaving ones too. */
  readonly live: ReadonlySet<number>;
  /** Those of the live that drain. */
  readonly leaving: ReadonlySet<number>;
}

/** Kept for as long as the view is: a broker may name thousands of them. */
const failedOf = new WeakMap<BrokerView, ReadonlySet<string>>();

function hasFailed(broker: BrokerView, partition: Pick<PartitionView, "topicId" | "partition">): boolean {
  if (broker.failedReplicas.length === 0) return false;
  let failed = failedOf.get(broker);
  if (failed === undefined) {
    failed = new Set(broker.failedReplicas);
    failedOf.set(broker, failed);
  }
  return failed.has(partitionKey(partition));
}

export function isLive(
  image: ClusterImage,
  id: number,
  partition: Pick<PartitionView, "topicId" | "partition">,
): boolean {
  const broker = image.broker(id);
  return broker !== undefined && broker.status !== "fenced" && !hasFailed(broker, partition);
}

export function standingOf(
  image: ClusterImage,
  partition: Pick<PartitionView, "topicId" | "partition">,
  ids: readonly number[],
): Standing {
  const live = new Set(ids.filter((id) => isLive(image, id, partition)));
  const leaving = new Set([...live].filter((id) => image.broker(id)?.status === "draining"));
  return { live, leaving };
}

/** Those who can be given something to keep or to lead: live, and staying. */
export function stayingOf(
  image: ClusterImage,
  partition: Pick<PartitionView, "topicId" | "partition">,
  ids: readonly number[],
): ReadonlySet<number> {
  const { live, leaving } = standingOf(image, partition, ids);
  return new Set([...live].filter((id) => !leaving.has(id)));
}

/**
 * That those who lead by these states, or are in sync, are registered still as the image has it; by path. Goes with whatever writes the states:
 * so nobody is made or kept leader who is gone by then, and who bounced is not kept in sync. A state that is older than somebody's registration
 * is then always one that an earlier life of his was meant by, and a newer one never is.
 */
export function registrationsOf(image: ClusterImage, states: Iterable<PartitionState>): Map<string, Guard> {
  const guards = new Map<string, Guard>();
  for (const { isr } of states) {
    for (const id of isr) {
      const czxid = image.broker(id)?.epoch;
      const path = image.paths.broker(id);
      if (czxid !== undefined) guards.set(path, { path, czxid });
    }
  }
  return guards;
}

/** Does it concern any partition whether a broker was this or is that? What it says of itself beside that does not. */
export function isSameStanding(before: BrokerView, now: BrokerView): boolean {
  if (before.epoch !== now.epoch || before.status !== now.status) return false;
  const [was, is] = [before.failedReplicas, now.failedReplicas];
  return was === is || (was.length === is.length && was.every((one, at) => one === is[at]));
}

/** Partitions of topics that are being deleted, or that are not known, are nobody's business but the topics' own. */
export function isInUse(image: ClusterImage, { topicId }: Pick<PartitionView, "topicId">): boolean {
  const topic = image.topicById(topicId);
  return topic !== undefined && topic.state !== "deleting";
}

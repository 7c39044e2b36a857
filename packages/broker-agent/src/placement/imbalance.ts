/** How far leadership is from where it is preferred: the first replica of each partition. */
import type { PartitionState } from "../partition/state.ts";

export interface PreferredImbalance {
  /** Partitions that prefer this broker. */
  readonly preferred: number;
  /** Those of them that it does not lead. */
  readonly elsewhere: number;
  /** elsewhere / preferred, 0 to 1. */
  readonly share: number;
}

/** By broker, for those that any partition prefers. */
export function preferredImbalance(
  partitions: Iterable<Pick<PartitionState, "replicas" | "leader">>,
): Map<number, PreferredImbalance> {
  const counted = new Map<number, { preferred: number; elsewhere: number }>();
  for (const { replicas, leader } of partitions) {
    const [broker] = replicas;
    if (broker === undefined) throw new RangeError("a partition has no replicas");
    const counts = counted.get(broker) ?? { preferred: 0, elsewhere: 0 };
    counts.preferred += 1;
    if (leader !== broker) counts.elsewhere += 1;
    counted.set(broker, counts);
  }
  return new Map(
    [...counted].map(([broker, counts]) => [broker, { ...counts, share: counts.elsewhere / counts.preferred }]),
  );
}

/**
 * Where the partitions go that a topic's record promises. By the record alone, so that whoever makes the rest of them chooses as the one
 * before would have.
 */
import { firstState } from "../partition/election.ts";
import type { PartitionState } from "../partition/state.ts";
import { placeReplicas, type PlacementBroker } from "../placement/replicas.ts";
import type { BrokerRecord, PlacementPlan, TopicRecord } from "../records.ts";

/** The replicas of the partitions from `record.partitions` to `record.growth.to`, in order; none if it does not grow. */
export function promisedReplicas(record: Pick<TopicRecord, "partitions" | "growth">): readonly (readonly number[])[] {
  const { partitions, growth } = record;
  if (growth === null || growth.to <= partitions) return [];
  const { to, plan } = growth;
  if (plan.kind === "manual") return plan.replicas.slice(partitions - plan.from, to - plan.from);
  const { start, shift, replicationFactor } = plan;
  // Racks count if all brokers of the plan have one: a cluster that is only getting racks goes on making topics.
  return placeReplicas(plan.brokers.map(asPlaced), {
    partitions: to - partitions,
    firstPartition: partitions,
    replicationFactor,
    start,
    shift,
    racks: "safe",
  });
}

/** As Kafka begins, with what it draws by lot: the broker of the first replica, and the distance of the second. */
export function planAnew(
  brokers: readonly BrokerRecord[],
  replicationFactor: number,
  draw: (below: number) => number,
): PlacementPlan {
  const start = draw(brokers.length);
  return { kind: "placed", brokers: brokers.map(known), start, shift: draw(brokers.length), replicationFactor };
}

/**
 * As Kafka goes on after partition 0, whose first replica is on broker `first`: from there, in the order of ids. A broker that is gone stands where
 * the next one is.
 */
export function planOn(brokers: readonly BrokerRecord[], replicationFactor: number, first: number): PlacementPlan {
  const start = Math.max(
    0,
    brokers
      .map(({ id }) => id)
      .toSorted((a, b) => a - b)
      .findIndex((id) => id >= first),
  );
  return { kind: "placed", brokers: brokers.map(known), start, shift: start, replicationFactor };
}

/**
 * A new partition. Where none of its replicas lives nobody leads it, and all are in sync, since nobody can have less than nothing: whichever
 * comes first leads. Kafka with ZooKeeper does not make such a partition, and its topic waits.
 */
export function newPartition(replicas: readonly number[], active: ReadonlySet<number>): PartitionState {
  const first = firstState(replicas, active);
  if (first.outcome === "elected") return first.state;
  return { replicas, adding: [], removing: [], leader: null, leaderEpoch: 0, isr: replicas, recovering: false };
}

function known({ id, rack }: BrokerRecord): { readonly id: number; readonly rack: string | null } {
  return { id, rack };
}

function asPlaced({ id, rack }: { readonly id: number; readonly rack: string | null }): PlacementBroker {
  return { id, rack: rack ?? undefined };
}

/**
 * Where the replicas of new partitions go: round the brokers, and round the racks where they have some. The first replica of a
 * partition is its preferred leader.
 *
 * Kafka's two algorithms, to the digit. What Kafka draws by lot comes in as arguments, so the same arguments give the same placement.
 */
import { checkBrokerIds, checkInteger, checkReplicas, REPLICAS_MAX } from "../check.ts";

export const BROKERS_MAX = 10_000;
/** Partitions of one topic. */
export const PARTITIONS_MAX = 200_000;

export interface PlacementBroker {
  readonly id: number;
  readonly rack?: string | undefined;
}

export interface Placement {
  readonly partitions: number;
  readonly replicationFactor: number;
  /** Place in the order of brokers where partition 0 has its first replica. */
  readonly start: number;
  /** How far behind the first replica the second one is, less one; grows by one with each round over all brokers. */
  readonly shift: number;
  /** The number of the first partition to place. Default 0. */
  readonly firstPartition?: number | undefined;
  /**
   * `enforced`: racks count, and either all brokers have one or none has. `safe`: they count if all brokers have one.
   * `ignored`: they do not. Default `enforced`.
   */
  readonly racks?: RackMode | undefined;
}

export type RackMode = "enforced" | "safe" | "ignored";

/** The replicas of each partition, from `firstPartition` on. */
export function placeReplicas(brokers: readonly PlacementBroker[], placement: Placement): number[][] {
  const { partitions, replicationFactor, start, shift, firstPartition = 0, racks = "enforced" } = placement;
  checkBrokers(brokers);
  const n = brokers.length;
  checkInteger(partitions, "partitions", 1, PARTITIONS_MAX);
  checkInteger(firstPartition, "firstPartition", 0, PARTITIONS_MAX - partitions);
  checkInteger(replicationFactor, `replicationFactor for ${n} brokers`, 1, Math.min(n, REPLICAS_MAX));
  checkInteger(start, "start", 0, n - 1);
  checkInteger(shift, "shift", 0, PARTITIONS_MAX);
  const rackOf = racksThatCount(brokers, racks);
  const order = rackOf === undefined ? byId(brokers) : alternatingRacks(brokers);
  const placed: number[][] = [];
  let grown = shift;
  for (let partition = firstPartition; partition < firstPartition + partitions; partition += 1) {
    if (partition > 0 && partition % n === 0) grown += 1;
    const first = (partition + start) % n;
    placed.push(
      rackOf === undefined
        ? placeRound(order, first, grown, replicationFactor)
        : placeOverRacks(order, rackOf, first, grown, replicationFactor),
    );
  }
  return placed;
}

/**
 * Replicas of `count` partitions more, after those that there are: as many replicas as partition 0 has, beginning at the broker
 * of its first replica.
 */
export function continuePlacement(
  brokers: readonly PlacementBroker[],
  existing: readonly (readonly number[])[],
  count: number,
  racks: RackMode = "enforced",
): number[][] {
  checkBrokers(brokers);
  const pattern = existing[0];
  if (pattern === undefined) throw new RangeError("existing has no partition 0, whose pattern would be continued");
  checkReplicas(pattern, "existing[0]");
  const first = pattern[0];
  if (first === undefined) throw new RangeError("existing[0] has no replicas");
  // A broker that is gone stands where the next one is; Kafka takes the place in the order of ids also where racks count.
  const start = Math.max(
    0,
    byId(brokers).findIndex((id) => id >= first),
  );
  return placeReplicas(brokers, {
    partitions: count,
    replicationFactor: pattern.length,
    start,
    shift: start,
    firstPartition: existing.length,
    racks,
  });
}

/** Ids so that neighbours are in different racks as long as that goes: one of each rack in turn, racks by name, brokers by id. */
export function alternatingRacks(brokers: readonly PlacementBroker[]): number[] {
  const racks = new Map<string, number[]>();
  for (const { id, rack = "" } of brokers.toSorted((a, b) => a.id - b.id)) {
    const there = racks.get(rack);
    if (there === undefined) racks.set(rack, [id]);
    else there.push(id);
  }
  const queues = [...racks].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, ids]) => ids);
  const order: number[] = [];
  for (let turn = 0; order.length < brokers.length; turn += 1) {
    for (const queue of queues) {
      const id = queue[turn];
      if (id !== undefined) order.push(id);
    }
  }
  return order;
}

export function checkBrokers(brokers: readonly PlacementBroker[]): void {
  checkInteger(brokers.length, "number of brokers", 1, BROKERS_MAX);
  checkBrokerIds(
    brokers.map(({ id }) => id),
    "brokers",
  );
}

/** Racks by broker id; undefined if they do not count. */
export function racksThatCount(brokers: readonly PlacementBroker[], mode: RackMode): Map<number, string> | undefined {
  if (mode === "ignored") return undefined;
  const rackOf = new Map<number, string>();
  for (const { id, rack } of brokers) if (rack !== undefined) rackOf.set(id, rack);
  if (rackOf.size === brokers.length) return rackOf;
  if (rackOf.size === 0 || mode === "safe") return undefined;
  const bare = brokers.find(({ rack }) => rack === undefined);
  throw new RangeError(`broker ${bare?.id} has no rack, ${rackOf.size} of ${brokers.length} brokers have one`);
}

function byId(brokers: readonly PlacementBroker[]): number[] {
  return brokers.map(({ id }) => id).toSorted((a, b) => a - b);
}

/** The broker `steps` after the one at `first`, never that one itself. */
function after(order: readonly number[], first: number, steps: number): number {
  const n = order.length;
  return order[(first + 1 + (steps % (n - 1))) % n] as number;
}

function placeRound(order: readonly number[], first: number, shift: number, factor: number): number[] {
  const replicas = [order[first] as number];
  for (let j = 0; j < factor - 1; j += 1) replicas.push(after(order, first, shift + j));
  return replicas;
}

function placeOverRacks(
  order: readonly number[],
  rackOf: ReadonlyMap<number, string>,
  first: number,
  shift: number,
  factor: number,
): number[] {
  const racks = new Set(rackOf.values()).size;
  const replicas = [order[first] as number];
  const used = new Set([rackOf.get(replicas[0] as number)]);
  // Ends: n − 1 steps pass all others, and while a rack is unused one of them is in it.
  for (let k = 0; replicas.length < factor; k += 1) {
    const candidate = after(order, first, shift * racks + k);
    const rack = rackOf.get(candidate);
    if ((used.has(rack) && used.size < racks) || replicas.includes(candidate)) continue;
    replicas.push(candidate);
    used.add(rack);
  }
  return replicas;
}

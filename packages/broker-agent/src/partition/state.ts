/**
 * One partition: who keeps it, who leads, who is in sync. One value, as it stands in one znode, so that every change is one
 * compare-and-set and nobody sees half of it.
 *
 * Owns the invariants P1–P6. The leader epoch rises when the controller changes who leads, or takes a replica off `replicas`; a change of
 * the in-sync replicas alone leaves it. What tells two states of one epoch apart is the version of their znode.
 */
import { BROKER_ID_MAX, checkInteger, checkReplicas, LEADER_EPOCH_MAX } from "../check.ts";

export interface PartitionState {
  /** In order of preference. While a reassignment runs: the target, then those that will go. */
  readonly replicas: readonly number[];
  /** Those of `replicas` that the running reassignment brings, ascending. */
  readonly adding: readonly number[];
  /** Those of `replicas` that will go with the running reassignment, ascending. */
  readonly removing: readonly number[];
  /** Null: nobody leads. */
  readonly leader: number | null;
  /** Never falls. Whoever hosts a replica refuses what comes with a smaller one. */
  readonly leaderEpoch: number;
  /** Those that have everything that is committed. While all of them are down, the last ones known. */
  readonly isr: readonly number[];
  /** The leader was elected uncleanly and has not yet repaired its log. */
  readonly recovering: boolean;
}

/** Throws a RangeError that names the invariant that does not hold. */
export function checkPartition(state: PartitionState): void {
  const { replicas, adding, removing, leader, leaderEpoch, isr, recovering } = state;
  // P1: each list has valid ids, each once; the epoch is one.
  checkReplicas(replicas, "replicas");
  checkReplicas(adding, "adding");
  checkReplicas(removing, "removing");
  checkReplicas(isr, "isr");
  checkInteger(leaderEpoch, "leaderEpoch", 0, LEADER_EPOCH_MAX);
  if (leader !== null) checkInteger(leader, "leader", 0, BROKER_ID_MAX);
  // P2: all are replicas.
  for (const [what, ids] of [
    ["adding", adding],
    ["removing", removing],
    ["isr", isr],
  ] as const) {
    const stranger = ids.find((id) => !replicas.includes(id));
    if (stranger !== undefined) throw new RangeError(`${what} has broker ${stranger}, which is not in replicas`);
  }
  // P3: nobody comes and goes at once.
  const both = adding.find((id) => removing.includes(id));
  if (both !== undefined) throw new RangeError(`broker ${both} is in adding and in removing`);
  // P4: somebody stays, somebody is in sync.
  if (removing.length >= replicas.length) {
    throw new RangeError(`removing takes all ${replicas.length} replicas; at least 1 must stay`);
  }
  if (isr.length === 0) throw new RangeError("isr is empty; at least 1 replica, the last known, must stay in it");
  // P5: who leads is in sync.
  if (leader !== null && !isr.includes(leader)) throw new RangeError(`leader ${leader} is not in isr [${isr}]`);
  // P6: nobody can be in sync with a log that is being repaired.
  if (recovering && isr.length > 1) throw new RangeError(`recovering, but isr has ${isr.length} members instead of 1`);
}

/** The target of the running reassignment; without one, all replicas. */
export function targetOf(state: PartitionState): readonly number[] {
  return without(state.replicas, state.removing);
}

export function isReassigning(state: PartitionState): boolean {
  return state.adding.length > 0 || state.removing.length > 0;
}

/** The leader's own change of the in-sync replicas: the epoch stays. RangeError if nobody leads, or the result breaks an invariant. */
export function withIsr(state: PartitionState, isr: readonly number[]): PartitionState {
  if (state.leader === null) throw new RangeError("isr cannot change while nobody leads");
  const next = { ...state, isr: [...isr] };
  checkPartition(next);
  return next;
}

/** The leader has repaired its log; from here on others may come into the in-sync replicas. RangeError if nobody leads. */
export function withRecovered(state: PartitionState): PartitionState {
  if (state.leader === null) throw new RangeError("nobody can have recovered while nobody leads");
  return { ...state, recovering: false };
}

/**
 * What the controller makes of the end of brokers: a leader among them leads no more, and they leave the in-sync replicas. When that
 * would leave nobody in sync, all stay as the last known: each of them has everything, whichever comes back first. The same state if
 * nothing changes.
 */
export function withoutBrokers(state: PartitionState, gone: ReadonlySet<number>): PartitionState {
  const led = state.leader !== null && gone.has(state.leader);
  const left = state.isr.filter((id) => !gone.has(id));
  const isr = left.length === 0 ? state.isr : left;
  if (!led && isr.length === state.isr.length) return state;
  return led ? { ...state, leader: null, leaderEpoch: nextEpoch(state.leaderEpoch), isr } : { ...state, isr };
}

/** RangeError at the last epoch there is. */
export function nextEpoch(epoch: number): number {
  checkInteger(epoch + 1, "leaderEpoch", 0, LEADER_EPOCH_MAX);
  return epoch + 1;
}

export function without(ids: readonly number[], gone: readonly number[]): number[] {
  return ids.filter((id) => !gone.includes(id));
}

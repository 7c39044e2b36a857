/**
 * A partition moves to other brokers: start, replace, cancel, complete. All that a reassignment is stands in the partition's own state,
 * so whichever controller comes next can go on with it.
 *
 * Target first, then those that will go: that is the order of `replicas` until it is complete. The order from before is not kept: after
 * `cancel` the same brokers are there, those that would have stayed first.
 */
import { checkReplicas, REPLICAS_MAX } from "../check.ts";
import { firstInSync } from "./election.ts";
import { checkPartition, isReassigning, nextEpoch, type PartitionState, targetOf, without } from "./state.ts";

export type Reassigned =
  | { readonly outcome: "changed"; readonly state: PartitionState }
  /** There is nothing to do, or not yet. */
  | { readonly outcome: "unchanged" }
  /** It cannot be done now; the state stays as it is. */
  | { readonly outcome: "refused"; readonly why: string };

export interface ReassignOptions {
  /** Where dropping replicas would leave nobody in sync: let one lead that is not. Committed data may be lost. Default false. */
  readonly unclean?: boolean | undefined;
}

export interface ReassignmentProgress {
  /** Where the partition was before the first of the reassignments that replaced each other. */
  readonly originals: readonly number[];
  readonly target: readonly number[];
  /** Those of the target that are not in sync yet. */
  readonly missing: readonly number[];
  /** `completeReassignment` may be asked for: all of the target are in sync. */
  readonly complete: boolean;
}

/**
 * Starts a reassignment to `target`, in its order, or replaces the one that runs: what that one brought and this one does not want is
 * dropped at once. A target of the same brokers in another order is done with this. Refused if a broker that comes is not live.
 */
export function startReassignment(
  state: PartitionState,
  target: readonly number[],
  live: ReadonlySet<number>,
  options: ReassignOptions = {},
): Reassigned {
  checkPartition(state);
  checkReplicas(target, "target");
  if (target.length === 0) throw new RangeError("target is empty; at least 1 replica must stay");
  if (sameOrder(target, targetOf(state))) return { outcome: "unchanged" };
  const originals = originalsOf(state);
  const adding = ascending(without(target, originals));
  const removing = ascending(without(originals, target));
  if (target.length + removing.length > REPLICAS_MAX) {
    throw new RangeError(
      `target and those that go are ${target.length + removing.length} replicas, more than ${REPLICAS_MAX}`,
    );
  }
  const dead = adding.filter((id) => !live.has(id));
  if (dead.length > 0) return { outcome: "refused", why: `brokers [${dead}] of the target are not live` };
  return withReplicas(state, { replicas: [...target, ...removing], adding, removing }, live, options);
}

/** Back to where it was. Refused without a reassignment, or if nobody of before is in sync and `unclean` is not given. */
export function cancelReassignment(
  state: PartitionState,
  live: ReadonlySet<number>,
  options: ReassignOptions = {},
): Reassigned {
  checkPartition(state);
  if (!isReassigning(state)) return { outcome: "refused", why: "no reassignment is running" };
  return withReplicas(state, { replicas: originalsOf(state), adding: [], removing: [] }, live, options);
}

/**
 * Ends a reassignment whose target is in sync: exactly the target stays. A leader that goes hands over to the first of the target that is
 * live and in sync; refused if there is none. Unchanged while the target is not in sync.
 */
export function completeReassignment(state: PartitionState, live: ReadonlySet<number>): Reassigned {
  checkPartition(state);
  if (reassignmentProgress(state)?.complete !== true) return { outcome: "unchanged" };
  const target = targetOf(state);
  if (firstInSync(target, state.isr, (id) => live.has(id)) === undefined) {
    return { outcome: "refused", why: `none of the target [${target}] is live` };
  }
  return withReplicas(state, { replicas: target, adding: [], removing: [] }, live, {});
}

/** Undefined if none is running. */
export function reassignmentProgress(state: PartitionState): ReassignmentProgress | undefined {
  if (!isReassigning(state)) return undefined;
  const target = targetOf(state);
  const missing = without(target, state.isr);
  return { originals: originalsOf(state), target, missing, complete: missing.length === 0 };
}

/** Other replicas, and what follows: who is dropped leaves the in-sync replicas, and leads no more. The epoch rises if anybody is. */
function withReplicas(
  state: PartitionState,
  change: Pick<PartitionState, "replicas" | "adding" | "removing">,
  live: ReadonlySet<number>,
  { unclean = false }: ReassignOptions,
): Reassigned {
  const { replicas } = change;
  const dropped = without(state.replicas, replicas);
  let isr: readonly number[] = without(state.isr, dropped);
  let { leader, recovering } = state;
  if (isr.length === 0) {
    if (!unclean) return { outcome: "refused", why: `of the in-sync replicas [${state.isr}] none would stay` };
    isr = [replicas.find((id) => live.has(id)) ?? (replicas[0] as number)];
    recovering = true;
  }
  if (leader === null || dropped.includes(leader)) leader = firstInSync(replicas, isr, (id) => live.has(id)) ?? null;
  const moved = leader !== state.leader || dropped.length > 0;
  const leaderEpoch = moved ? nextEpoch(state.leaderEpoch) : state.leaderEpoch;
  const next = { ...change, leader, leaderEpoch, isr, recovering };
  checkPartition(next);
  return { outcome: "changed", state: next };
}

/** Without those that were to be added. */
function originalsOf(state: PartitionState): number[] {
  return without(state.replicas, state.adding);
}

function ascending(ids: readonly number[]): number[] {
  return ids.toSorted((a, b) => a - b);
}

function sameOrder(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((id, at) => id === b[at]);
}

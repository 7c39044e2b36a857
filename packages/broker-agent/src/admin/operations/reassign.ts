/** Starts, replaces and cancels reassignments, each partition for itself. What follows is the reassignments duty's. KIP-455. */
import { settingOf } from "../../config/settings.ts";
import type { PartitionView } from "../../image/views.ts";
import { cancelReassignment, type Reassigned, startReassignment } from "../../partition/reassignment.ts";
import { isReassigning, type PartitionState, without } from "../../partition/state.ts";
import { integerAt, listAt, optional } from "../arguments.ts";
import { REPLICAS_MAX } from "../../check.ts";
import type { AdminOperation } from "../operation.ts";
import { Refused } from "../refusal.ts";
import { type Standing, standingOf } from "../../controller/standing.ts";
import { decideEach, partitionsAt } from "./partition-items.ts";

export const alterPartitionReassignments: AdminOperation = {
  name: "alterPartitionReassignments",
  decide(term, args) {
    const items = partitionsAt(args, (item, fields, what) => ({
      ...item,
      replicas: optional(fields["replicas"], (ids) =>
        listAt(ids, `${what}.replicas`, REPLICAS_MAX).map((id, at) => integerAt(id, `${what}.replicas[${at}]`)),
      ),
    }));
    return decideEach(term, items, (view, { topic, replicas }) => {
      const unclean = settingOf(term.image, "unclean.leader.election.enable", { topic }) === "true";
      const { live, leaving } = standingOf(term.image, view, [...view.state.replicas, ...(replicas ?? [])]);
      if (replicas !== undefined) return start(view, replicas, { live, leaving }, unclean);
      if (!isReassigning(view.state)) throw new Refused("NO_REASSIGNMENT_IN_PROGRESS", "no reassignment is running");
      return stateOf(cancelReassignment(view.state, live, { unclean }));
    });
  },
};

function start(
  { state }: PartitionView,
  target: readonly number[],
  { live, leaving }: Standing,
  unclean: boolean,
): PartitionState | undefined {
  // One that drains may go on with what it has, but gets nothing new.
  const unfit = without(target, state.replicas).filter((id) => !live.has(id) || leaving.has(id));
  if (unfit.length > 0)
    throw new Refused("INVALID_REPLICA_ASSIGNMENT", `brokers [${unfit}] of the target are not active`);
  try {
    return stateOf(startReassignment(state, target, live, { unclean }));
  } catch (error) {
    if (error instanceof RangeError) throw new Refused("INVALID_REPLICA_ASSIGNMENT", error.message);
    throw error;
  }
}

function stateOf(reassigned: Reassigned): PartitionState | undefined {
  if (reassigned.outcome === "refused") throw new Refused("INVALID_REPLICA_ASSIGNMENT", reassigned.why);
  return reassigned.outcome === "changed" ? reassigned.state : undefined;
}

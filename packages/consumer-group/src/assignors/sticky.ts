/**
 * Sticky: sizes as even as subscriptions allow, and whoever owned a partition keeps it where that does no harm.
 *
 * Where all subscribe to the same topics, sizes differ by at most one and the moves are the fewest possible.
 * Elsewhere, no member could take a partition that it subscribes to from one that has two more.
 * Where members and replicas have racks, what moves anyway goes where it is near, as far as that changes nothing else.
 */
import type { Assignment, Assignor, GroupMember, Topic } from "../assignor.ts";
import { divideEvenly } from "./even.ts";
import { assignmentOf, ownersBefore, planOf } from "./plan.ts";
import { alignRacks } from "./racks.ts";
import { divideUnevenly } from "./uneven.ts";

export const sticky: Assignor = { name: "sticky", protocol: "eager", assign };

function assign(members: readonly GroupMember[], topics: readonly Topic[]): Assignment {
  const plan = planOf(members, topics);
  // Without members nothing is to be divided, and nothing to divide by.
  if (members.length === 0) return new Map();
  const before = ownersBefore(plan);
  const owners = plan.uniform ? divideEvenly(plan, before) : divideUnevenly(plan, before);
  alignRacks(plan, before, owners);
  return assignmentOf(plan, owners);
}

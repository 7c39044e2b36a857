/**
 * Round-robin: all partitions of all topics in one row, dealt to the members in a circle, passing over those that do
 * not subscribe. As Kafka's assignor of that name does it. Knows nothing of what was owned before.
 */
import type { Assignment, Assignor, GroupMember, Topic } from "../assignor.ts";
import { assignmentOf, planOf } from "./plan.ts";

export const roundRobin: Assignor = { name: "roundrobin", protocol: "eager", assign };

function assign(members: readonly GroupMember[], topics: readonly Topic[]): Assignment {
  const plan = planOf(members, topics);
  const owners = new Int32Array(plan.first[plan.topics.length]!);
  /** The member whose turn it is. */
  let turn = 0;
  for (const [t, subscribers] of plan.subscribers.entries()) {
    if (plan.topics[t]!.partitions === 0) continue;
    let at = subscribers.findIndex((member) => member >= turn);
    for (let partition = plan.first[t]!; partition < plan.first[t + 1]!; partition++) {
      if (at < 0 || at === subscribers.length) at = 0;
      owners[partition] = subscribers[at]!;
      at += 1;
    }
    turn = (subscribers[at - 1]! + 1) % members.length;
  }
  return assignmentOf(plan, owners);
}

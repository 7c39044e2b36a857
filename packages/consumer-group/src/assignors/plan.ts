/**
 * The input of an assignor as numbers: members, topics and partitions in their one order, so that what follows depends
 * on nothing else and works on typed arrays. Also the way back from numbers to an assignment.
 */
import type { Assignment, GroupMember, Topic } from "../assignor.ts";
import { checkInput } from "./check-input.ts";
import { claimsOf } from "./claims.ts";

/** No member. */
export const NOBODY = -1;

export interface Plan {
  /** Those with an instance first, by it; then the others by id. A member's place here is its number. */
  readonly members: readonly GroupMember[];
  /** Only those with subscribers, by name. */
  readonly topics: readonly Topic[];
  /** Partition p of topic t has the number `first[t] + p`; the last entry is how many there are. */
  readonly first: Int32Array;
  /** The members that subscribe to each topic, ascending. */
  readonly subscribers: readonly Int32Array[];
  /** Whether every member subscribes to every topic of the plan. */
  readonly uniform: boolean;
}

export function planOf(members: readonly GroupMember[], topics: readonly Topic[]): Plan {
  checkInput(members, topics);
  const sorted = members.toSorted(byInstanceThenId);
  const byTopic = new Map<string, number[]>(topics.map(({ name }) => [name, []]));
  for (const [member, { topics: subscribed }] of sorted.entries()) {
    for (const topic of new Set(subscribed)) byTopic.get(topic)!.push(member);
  }
  const subscribed = topics
    .filter(({ name }) => byTopic.get(name)!.length > 0)
    .toSorted((a, b) => compare(a.name, b.name));
  const first = new Int32Array(subscribed.length + 1);
  for (const [t, { partitions }] of subscribed.entries()) first[t + 1] = first[t]! + partitions;
  const subscribers = subscribed.map(({ name }) => Int32Array.from(byTopic.get(name)!));
  const uniform = subscribers.every(({ length }) => length === members.length);
  return { members: sorted, topics: subscribed, first, subscribers, uniform };
}

/** Who owned each partition before and may keep it, or NOBODY. */
export function ownersBefore({ members, topics, first, subscribers }: Plan): Int32Array {
  const before = new Int32Array(first[topics.length]!).fill(NOBODY);
  const claims = claimsOf(members);
  const subscribes = new Uint8Array(members.length);
  for (const [t, { name, partitions }] of topics.entries()) {
    const claimed = claims.get(name);
    if (claimed === undefined) continue;
    for (const member of subscribers[t]!) subscribes[member] = 1;
    for (const partition of claimed.partitions()) {
      const owner = claimed.owner(partition);
      if (partition < partitions && owner >= 0 && subscribes[owner] === 1) before[first[t]! + partition] = owner;
    }
    for (const member of subscribers[t]!) subscribes[member] = 0;
  }
  return before;
}

/** The topic of each partition. */
export function topicOfEach({ topics, first }: Plan): Int32Array {
  const topicOf = new Int32Array(first[topics.length]!);
  for (const t of topics.keys()) topicOf.fill(t, first[t], first[t + 1]);
  return topicOf;
}

/** The owners of all partitions as an assignment. */
export function assignmentOf({ members, topics, first }: Plan, owners: Int32Array): Assignment {
  const byMember = members.map(() => new Map<string, number[]>());
  /** Each member's list for the topic at hand. */
  const lists = new Array<number[] | undefined>(members.length);
  for (const [t, { name, partitions }] of topics.entries()) {
    lists.fill(undefined);
    for (let partition = 0; partition < partitions; partition++) {
      const owner = owners[first[t]! + partition]!;
      const list = lists[owner];
      if (list === undefined) byMember[owner]!.set(name, (lists[owner] = [partition]));
      else list.push(partition);
    }
  }
  return new Map(members.map(({ id }, member) => [id, byMember[member]!]));
}

function byInstanceThenId(a: GroupMember, b: GroupMember): number {
  if (a.instance !== undefined && b.instance !== undefined) return compare(a.instance, b.instance);
  if (a.instance !== undefined) return -1;
  if (b.instance !== undefined) return 1;
  return compare(a.id, b.id);
}

/** By code units, the same in every locale. */
function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

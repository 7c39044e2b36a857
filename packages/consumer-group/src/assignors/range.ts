/**
 * Range: topic by topic, each subscriber takes the next stretch of partitions; when they do not divide evenly, the
 * first subscribers take one more. As Kafka's assignor of that name does it: topics with the same number of partitions
 * and the same subscribers come out alike, so what belongs together by key is consumed by one member. The price is
 * that the first members take the one more of every topic. Knows nothing of what was owned before.
 *
 * Where members and replicas have racks, a member first takes partitions that have a replica in its rack, within the
 * same quotas, and topics that come out alike still do.
 */
import type { Assignment, Assignor, GroupMember, Topic } from "../assignor.ts";
import { assignmentOf, NOBODY, planOf, type Plan } from "./plan.ts";

export const range: Assignor = { name: "range", protocol: "eager", assign };

function assign(members: readonly GroupMember[], topics: readonly Topic[]): Assignment {
  const plan = planOf(members, topics);
  const owners = new Int32Array(plan.first[plan.topics.length]!).fill(NOBODY);
  for (const alike of topicsAlike(plan)) {
    const [one] = alike;
    const divided = divide(plan, alike, plan.subscribers[one!]!);
    for (const t of alike) owners.set(divided, plan.first[t]);
  }
  return assignmentOf(plan, owners);
}

/** The topics that have the same number of partitions and the same subscribers. */
function topicsAlike({ topics, subscribers }: Plan): Iterable<readonly number[]> {
  const alike = new Map<string, number[]>();
  for (const [t, { partitions }] of topics.entries()) {
    const key = `${partitions} ${subscribers[t]!.join(" ")}`;
    const same = alike.get(key);
    if (same === undefined) alike.set(key, [t]);
    else same.push(t);
  }
  return alike.values();
}

/** Partitions that members may take, ascending, and how far they have been looked through. */
interface Stretch {
  readonly partitions: readonly number[];
  next: number;
}

/** The owner of each partition, for topics that are alike. */
function divide(plan: Plan, alike: readonly number[], subscribers: Int32Array): Int32Array {
  const partitions = plan.topics[alike[0]!]!.partitions;
  const each = Math.floor(partitions / subscribers.length);
  /** How many may still take one more than `each`. */
  let more = partitions % subscribers.length;
  const owners = new Int32Array(partitions).fill(NOBODY);
  const taken = new Int32Array(subscribers.length);

  const take = (stretchOf: (member: number) => Stretch | undefined): void => {
    for (const [s, member] of subscribers.entries()) {
      const stretch = stretchOf(member);
      if (stretch === undefined) continue;
      // Who took one more already has its place among those that may.
      const hasMore = taken[s]! > each;
      const quota = each + Number(hasMore || more > 0);
      for (; taken[s]! < quota && stretch.next < stretch.partitions.length; stretch.next++) {
        const partition = stretch.partitions[stretch.next]!;
        if (owners[partition] !== NOBODY) continue;
        owners[partition] = member;
        taken[s]! += 1;
      }
      if (!hasMore && taken[s]! > each) more -= 1;
    }
  };
  const byRack = stretchesByRack(alike.map((t) => plan.topics[t]!));
  if (byRack.size > 0) take((member) => byRack.get(plan.members[member]!.rack ?? ""));
  const all = { partitions: Array.from(owners.keys()), next: 0 };
  take(() => all);
  return owners;
}

/** By rack, the partitions that have a replica there in every one of the topics. */
function stretchesByRack([one, ...others]: readonly Topic[]): Map<string, Stretch> {
  const byRack = new Map<string, { partitions: number[]; next: number }>();
  for (const [partition, racks] of (one?.racks ?? []).entries()) {
    for (const rack of new Set(racks)) {
      if (!others.every((topic) => topic.racks?.[partition]?.includes(rack) === true)) continue;
      const stretch = byRack.get(rack);
      if (stretch === undefined) byRack.set(rack, { partitions: [partition], next: 0 });
      else stretch.partitions.push(partition);
    }
  }
  return byRack;
}

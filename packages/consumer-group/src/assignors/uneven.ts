/**
 * The sticky division when members subscribe to different topics: no member could take a partition that it subscribes
 * to from one that has two more. To make as few moves as it can find: what is free goes where there is least, then
 * sizes are levelled, and at the end whatever can be at home without harm goes back.
 *
 * Each step lowers the sum of the squares of the sizes, or keeps it and brings home more partitions than it
 * takes away; so it ends. (The fewest moves of all is not promised here: that is another, much slower, search.)
 */
import { Heap } from "./heap.ts";
import { NOBODY, topicOfEach, type Plan } from "./plan.ts";

/** The new owners, from those before. */
export function divideUnevenly(plan: Plan, before: Int32Array): Int32Array {
  const division = { plan, before, owners: before.slice(), sizes: new Int32Array(plan.members.length) };
  for (const owner of before) if (owner !== NOBODY) division.sizes[owner]! += 1;
  giveOutFree(division);
  do level(division);
  while (bringHome(division));
  return division.owners;
}

interface Division {
  readonly plan: Plan;
  /** Who owned each partition before: its home. */
  readonly before: Int32Array;
  readonly owners: Int32Array;
  /** How many partitions each member has. */
  readonly sizes: Int32Array;
}

/** Topics with few subscribers first, because they have the least choice; each partition to the smallest subscriber. */
function giveOutFree({ plan: { topics, first, subscribers }, owners, sizes }: Division): void {
  const byChoice = Array.from(topics.keys()).sort((a, b) => subscribers[a]!.length - subscribers[b]!.length || a - b);
  for (const t of byChoice) {
    const end = first[t + 1]!;
    if (owners.subarray(first[t], end).indexOf(NOBODY) < 0) continue;
    const smallest = new Heap(subscribers[t]!, (a, b) => sizes[a]! < sizes[b]! || (sizes[a] === sizes[b] && a < b));
    for (let partition = first[t]!; partition < end; partition++) {
      if (owners[partition] !== NOBODY) continue;
      const member = smallest.first();
      owners[partition] = member;
      sizes[member]! += 1;
      smallest.firstChanged();
    }
  }
}

/** Moves partitions from larger to smaller members, topic by topic, until none of them can be moved any more. */
function level(division: Division): void {
  let moved: boolean;
  do {
    moved = false;
    for (const t of division.plan.topics.keys()) moved = levelTopic(division, t) || moved;
  } while (moved);
}

function levelTopic({ plan, owners, sizes }: Division, t: number): boolean {
  const subscribers = plan.subscribers[t]!;
  let least = Infinity;
  for (const member of subscribers) least = Math.min(least, sizes[member]!);

  /** What the larger members may give, from the end. */
  const offers = new Map<number, number[]>();
  for (let partition = plan.first[t]!; partition < plan.first[t + 1]!; partition++) {
    const owner = owners[partition]!;
    if (sizes[owner]! < least + 2) continue;
    const offered = offers.get(owner);
    if (offered === undefined) offers.set(owner, [partition]);
    else offered.push(partition);
  }
  if (offers.size === 0) return false;

  // A giver shrinks unannounced among the takers and a taker grows among the givers; it does no harm, because a giver
  // was the largest and a taker the smallest when that happened: neither can then make a difference of two again.
  const givers = new Heap(offers.keys(), (a, b) => sizes[a]! > sizes[b]! || (sizes[a] === sizes[b] && a < b));
  const takers = new Heap(subscribers, (a, b) => sizes[a]! < sizes[b]! || (sizes[a] === sizes[b] && a < b));
  let moved = false;
  while (givers.size > 0) {
    const [giver, taker] = [givers.first(), takers.first()];
    if (sizes[giver]! - sizes[taker]! < 2) break;
    const offered = offers.get(giver)!;
    owners[offered.pop()!] = taker;
    sizes[giver]! -= 1;
    sizes[taker]! += 1;
    if (offered.length === 0) givers.dropFirst();
    else givers.firstChanged();
    takers.firstChanged();
    moved = true;
  }
  return moved;
}

/**
 * Gives partitions back to their homes where no size, or no sum of squares of sizes, grows: because the home is
 * smaller than the owner, or has another one away from its own home to give for it. Says whether there was any.
 */
function bringHome({ plan, before, owners, sizes }: Division): boolean {
  const away = new Map<number, number[]>();
  const add = (partition: number): void => {
    const guests = away.get(owners[partition]!);
    if (guests === undefined) away.set(owners[partition]!, [partition]);
    else guests.push(partition);
  };
  const subscribed = plan.members.map(() => new Set<number>());
  for (const [t, subscribers] of plan.subscribers.entries()) {
    for (const member of subscribers) subscribed[member]!.add(t);
  }
  const topicOf = topicOfEach(plan);
  for (const [partition, owner] of owners.entries()) if (owner !== before[partition]) add(partition);

  let changed = false;
  for (const [partition, home] of before.entries()) {
    const owner = owners[partition]!;
    if (home === NOBODY || owner === home) continue;
    if (sizes[home]! < sizes[owner]!) {
      sizes[home]! += 1;
      sizes[owner]! -= 1;
    } else {
      const guests = away.get(home) ?? [];
      const at = guests.findLastIndex(
        (guest) => owners[guest] === home && before[guest] !== home && subscribed[owner]!.has(topicOf[guest]!),
      );
      if (at < 0) continue;
      const [guest] = guests.splice(at, 1);
      owners[guest!] = owner;
      if (before[guest!] !== owner) add(guest!);
    }
    owners[partition] = home;
    changed = true;
  }
  return changed;
}

/**
 * The sticky division when all members subscribe to the same topics: sizes differ by at most one, and no other
 * division of such sizes moves fewer partitions. Among those that move as few, it goes for even topics.
 *
 * Why as few: P partitions over M members make P mod M sizes of ⌈P/M⌉ and the others of ⌊P/M⌋, and a member keeps no
 * more than the smaller of its size and what it has. The larger sizes go to those that have most, so the sum of what
 * is kept is the greatest there can be; and all of it is kept.
 */
import { Heap } from "./heap.ts";
import { NOBODY, topicOfEach, type Plan } from "./plan.ts";

/** The new owners, from those before. */
export function divideEvenly(plan: Plan, before: Int32Array): Int32Array {
  const owned = byOwner(before, plan.members.length);
  const sizes = sizesFor(before.length, owned.starts);
  const division = { plan, topicOf: topicOfEach(plan), owned, sizes, owners: before.slice() };
  const needy = needyOf(division);
  giveUpSurplus(division, needy);
  fill(division, needy);
  return division.owners;
}

interface Division {
  readonly plan: Plan;
  readonly topicOf: Int32Array;
  readonly owned: ByOwner;
  /** How many each member is to have. */
  readonly sizes: Int32Array;
  readonly owners: Int32Array;
}

/** The partitions of each member before, ascending: those of member m stand from `starts[m]` to `starts[m + 1]`. */
interface ByOwner {
  readonly partitions: Int32Array;
  readonly starts: Int32Array;
}

/** The members that have less than their size. */
interface Needy {
  readonly members: Int32Array;
  /** Of each topic, what they have together, or can get because it is free. */
  readonly theirs: Int32Array;
}

function byOwner(before: Int32Array, members: number): ByOwner {
  const starts = new Int32Array(members + 1);
  for (const owner of before) if (owner !== NOBODY) starts[owner + 1]! += 1;
  for (let member = 0; member < members; member++) starts[member + 1]! += starts[member]!;
  const partitions = new Int32Array(starts[members]!);
  const next = starts.slice();
  for (const [partition, owner] of before.entries()) {
    if (owner === NOBODY) continue;
    partitions[next[owner]!] = partition;
    next[owner]! += 1;
  }
  return { partitions, starts };
}

/** The larger sizes go to those that have most, ties to the earlier ones. */
function sizesFor(partitions: number, starts: Int32Array): Int32Array {
  const members = starts.length - 1;
  const sizes = new Int32Array(members).fill(Math.floor(partitions / members));
  const has = (member: number): number => starts[member + 1]! - starts[member]!;
  const byHas = sizes.map((_, member) => member).sort((a, b) => has(b) - has(a) || a - b);
  for (const member of byHas.subarray(0, partitions % members)) sizes[member]! += 1;
  return sizes;
}

function needyOf({ plan, topicOf, owned: { starts }, sizes, owners }: Division): Needy {
  const lacks = sizes.map((size, member) => Number(starts[member + 1]! - starts[member]! < size));
  const theirs = new Int32Array(plan.topics.length);
  for (const [partition, owner] of owners.entries()) {
    if (owner === NOBODY || lacks[owner] === 1) theirs[topicOf[partition]!]! += 1;
  }
  return { members: sizes.map((_, member) => member).filter((member) => lacks[member] === 1), theirs };
}

/**
 * Takes from each member what is beyond its size, one by one of the topic of which it has most compared with what the
 * needy have on average, or can get.
 */
function giveUpSurplus({ plan, topicOf, owned: { partitions, starts }, sizes, owners }: Division, needy: Needy): void {
  const { theirs } = needy;
  /** Of the topics of the member at hand: how many it has, and where the last of them stands. */
  const has = new Int32Array(plan.topics.length);
  const last = new Int32Array(plan.topics.length);
  const more = (t: number): number => has[t]! * needy.members.length - theirs[t]!;
  for (const [member, size] of sizes.entries()) {
    const [start, end] = [starts[member]!, starts[member + 1]!];
    let surplus = end - start - size;
    if (surplus <= 0) continue;
    const own: number[] = [];
    for (let at = start; at < end; at++) {
      const t = topicOf[partitions[at]!]!;
      if (own.at(-1) !== t) {
        own.push(t);
        has[t] = 0;
      }
      has[t]! += 1;
      last[t] = at;
    }
    const most = new Heap(own, (a, b) => more(a) > more(b) || (more(a) === more(b) && a < b));
    for (; surplus > 0; surplus--) {
      const t = most.first();
      owners[partitions[last[t]!]!] = NOBODY;
      last[t]! -= 1;
      has[t]! -= 1;
      theirs[t]! += 1;
      if (has[t] === 0) most.dropFirst();
      else most.firstChanged();
    }
  }
}

/**
 * Gives the needy what they lack, one member after the other: each time of the topic of which it has least compared
 * with what is there for it and those after it on average.
 */
function fill({ plan: { topics, first }, topicOf, owned, sizes, owners }: Division, needy: Needy): void {
  const { theirs } = needy;
  const { partitions, starts } = owned;
  /** Where the next free partition of each topic stands at the earliest. */
  const next = first.slice();
  const skipOwned = (t: number): void => {
    while (next[t]! < first[t + 1]! && owners[next[t]!] !== NOBODY) next[t]! += 1;
  };
  for (const t of topics.keys()) skipOwned(t);
  let open = next.map((_, t) => t).filter((t) => t < topics.length && next[t]! < first[t + 1]!);
  /** What the member at hand has of each topic. */
  const has = new Int32Array(topics.length);
  for (const [at, member] of needy.members.entries()) {
    const left = needy.members.length - at;
    const less = (t: number): number => has[t]! * left - theirs[t]!;
    has.fill(0);
    const own = partitions.subarray(starts[member], starts[member + 1]);
    for (const partition of own) has[topicOf[partition]!]! += 1;
    const least = new Heap(open, (a, b) => less(a) < less(b) || (less(a) === less(b) && a < b));
    for (let lacks = sizes[member]! - own.length; lacks > 0; lacks--) {
      const t = least.first();
      owners[next[t]!] = member;
      has[t]! += 1;
      skipOwned(t);
      if (next[t] === first[t + 1]) least.dropFirst();
      else least.firstChanged();
    }
    for (const t of topics.keys()) theirs[t]! -= has[t]!;
    open = open.filter((t) => next[t]! < first[t + 1]!);
  }
}

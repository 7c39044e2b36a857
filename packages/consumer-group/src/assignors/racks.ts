/**
 * Reading from near by: of the partitions that change hands anyway, as many as possible go to a member in a rack that has a replica.
 *
 * Only exchanges partitions of one topic with one another: so all sizes, what each member has of each topic, and whatever follows from them
 * stay as they are, and nothing moves that would not move otherwise. Among all such exchanges none puts more in its rack: each
 * topic is a flow from kinds of partitions (those with replicas in the same racks) to racks, made greatest by augmenting paths.
 * (Unless there are so many kinds that it would take too long: then it stops at what it has.)
 */
import { NOBODY, type Plan } from "./plan.ts";

/** Looks at kinds, of all augmenting paths of one topic together: with 10 racks and 3 replicas there are 120 kinds. */
const LOOKS_MAX = 20_000_000;

/** Changes `owners`. */
export function alignRacks(plan: Plan, before: Int32Array, owners: Int32Array): void {
  const numbers = new Map<string, number>();
  const rackOf = plan.members.map(({ rack }) => (rack === undefined ? NOBODY : numberOf(numbers, rack)));
  if (numbers.size === 0) return;
  for (const [t, { racks }] of plan.topics.entries()) {
    if (racks === undefined) continue;
    const first = plan.first[t]!;
    const moved: number[] = [];
    for (let partition = first; partition < plan.first[t + 1]!; partition++)
      if (owners[partition] !== before[partition]) moved.push(partition);
    if (moved.length < 2) continue;
    const near = moved.map((partition) => known(numbers, racks[partition - first]!));
    alignTopic(moved, near, owners, rackOf);
  }
}

function numberOf(numbers: Map<string, number>, rack: string): number {
  let number = numbers.get(rack);
  if (number === undefined) numbers.set(rack, (number = numbers.size));
  return number;
}

/** The racks of a partition in which there are members, ascending. */
function known(numbers: ReadonlyMap<string, number>, racks: readonly string[]): readonly number[] {
  const found = new Set<number>();
  for (const rack of racks) {
    const number = numbers.get(rack);
    if (number !== undefined) found.add(number);
  }
  return [...found].sort((a, b) => a - b);
}

/** Partitions with replicas in the same racks. */
interface Kind {
  readonly racks: readonly number[];
  /** Places in the list of those that move. */
  readonly places: number[];
  /** By rack, how many of them go there. */
  readonly flow: Map<number, number>;
}

/** `moved` and `near` go in step. */
function alignTopic(
  moved: readonly number[],
  near: readonly (readonly number[])[],
  owners: Int32Array,
  rackOf: readonly number[],
): void {
  const kinds = kindsOf(near);
  /** What the members of each rack take of these partitions, less what flows there. */
  const room = new Map<number, number>();
  for (const partition of moved) add(room, rackOf[owners[partition]!]!, 1);
  room.delete(NOBODY);
  for (const kind of kinds) begin(kind, moved, owners, rackOf, room);
  for (const kind of kinds) fillRoom(kind, room);
  const pathsMax = LOOKS_MAX / (kinds.length * Math.max(1, room.size));
  for (let paths = 0; paths < pathsMax && augment(kinds, room); paths++);
  exchange(kinds, moved, owners, rackOf);
}

function kindsOf(near: readonly (readonly number[])[]): Kind[] {
  const kinds = new Map<string, Kind>();
  for (const [place, racks] of near.entries()) {
    const key = racks.join();
    const kind = kinds.get(key);
    if (kind === undefined) kinds.set(key, { racks, places: [place], flow: new Map() });
    else kind.places.push(place);
  }
  return [...kinds.values()];
}

/** How a rack was reached: by which kind, and from which rack that one would give way; undefined if it is in none. */
interface Reached {
  readonly kind: Kind;
  readonly from: number | undefined;
}

/** What is in its rack already. */
function begin(
  { racks, places, flow }: Kind,
  moved: readonly number[],
  owners: Int32Array,
  rackOf: readonly number[],
  room: Map<number, number>,
): void {
  for (const place of places) {
    const rack = rackOf[owners[moved[place]!]!]!;
    if (!racks.includes(rack)) continue;
    add(flow, rack, 1);
    add(room, rack, -1);
  }
}

/** What can be in one of its racks without anybody giving way. */
function fillRoom({ racks, places, flow }: Kind, room: Map<number, number>): void {
  let others = places.length - total(flow);
  for (const rack of racks) {
    const more = Math.min(others, room.get(rack) ?? 0);
    if (more <= 0) continue;
    add(flow, rack, more);
    add(room, rack, -more);
    others -= more;
  }
}

/** One more partition in a rack of its own, by a chain of others that give way to another of theirs. False if there is no such chain. */
function augment(kinds: readonly Kind[], room: Map<number, number>): boolean {
  const reached = new Map<number, Reached>();
  const queue: number[] = [];
  const reach = (kind: Kind, from: number | undefined): void => {
    for (const rack of kind.racks) {
      if (reached.has(rack)) continue;
      reached.set(rack, { kind, from });
      queue.push(rack);
    }
  };
  for (const kind of kinds) if (total(kind.flow) < kind.places.length) reach(kind, undefined);
  // Grows while it is gone through; each rack is in it once at most.
  for (const rack of queue) {
    if ((room.get(rack) ?? 0) > 0) {
      add(room, rack, -1);
      for (let at: number | undefined = rack; at !== undefined;) {
        const { kind, from }: Reached = reached.get(at)!;
        add(kind.flow, at, 1);
        if (from !== undefined) add(kind.flow, from, -1);
        at = from;
      }
      return true;
    }
    for (const kind of kinds) if ((kind.flow.get(rack) ?? 0) > 0) reach(kind, rack);
  }
  return false;
}

/** Whoever can stay with its new owner does; the others go to the owners that are left. */
function exchange(
  kinds: readonly Kind[],
  moved: readonly number[],
  owners: Int32Array,
  rackOf: readonly number[],
): void {
  const going: { readonly place: number; readonly kind: Kind }[] = [];
  const free = new Map<number, number[]>();
  for (const kind of kinds) {
    for (const place of kind.places) {
      const owner = owners[moved[place]!]!;
      const rack = rackOf[owner]!;
      if ((kind.flow.get(rack) ?? 0) > 0) {
        add(kind.flow, rack, -1);
        continue;
      }
      going.push({ place, kind });
      const there = free.get(rack);
      if (there === undefined) free.set(rack, [owner]);
      else there.push(owner);
    }
  }
  const left: number[] = [];
  for (const { place, kind } of going) {
    const rack = kind.racks.find((one) => (kind.flow.get(one) ?? 0) > 0);
    if (rack === undefined) {
      left.push(place);
      continue;
    }
    add(kind.flow, rack, -1);
    owners[moved[place]!] = free.get(rack)!.pop()!;
  }
  const rest = [...free.values()].flat();
  for (const [at, place] of left.entries()) owners[moved[place]!] = rest[at]!;
}

function add(counts: Map<number, number>, key: number, by: number): void {
  counts.set(key, (counts.get(key) ?? 0) + by);
}

function total(counts: ReadonlyMap<number, number>): number {
  let sum = 0;
  for (const count of counts.values()) sum += count;
  return sum;
}

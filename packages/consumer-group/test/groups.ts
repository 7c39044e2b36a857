/** Groups for the tests: made by hand, made by fast-check, and what can be said of an assignment. */
import fc from "fast-check";
import type { Assignment, GroupMember, Partitions, Topic } from "../src/index.ts";

export function topic(name: string, partitions: number): Topic {
  return { name, partitions };
}

export function member(id: string, topics: readonly string[], more: Partial<GroupMember> = {}): GroupMember {
  return { id, topics, ...more };
}

/** The assignment as plain text: `{ a: "x0 x1" }`. */
export function shown(assignment: Assignment): Record<string, string> {
  const said: Record<string, string> = {};
  for (const [id, partitions] of assignment) said[id] = [...named(partitions)].join(" ");
  return said;
}

/** The reverse of a part of `shown`: topics of one letter. */
export function parts(text: string): Map<string, number[]> {
  const partitions = new Map<string, number[]>();
  for (const part of text.split(" ").filter(Boolean)) {
    const name = part.slice(0, 1);
    partitions.set(name, [...(partitions.get(name) ?? []), Number(part.slice(1))]);
  }
  return partitions;
}

/** Each partition as its topic's name and its number. */
export function* named(partitions: Partitions): Generator<string> {
  for (const [name, numbers] of partitions) for (const number of numbers) yield `${name}${number}`;
}

/** The owner of each partition, by its name. Fails when one has two. */
export function ownersOf(assignment: Assignment): Map<string, string> {
  const owners = new Map<string, string>();
  for (const [id, partitions] of assignment) {
    for (const partition of named(partitions)) {
      if (owners.has(partition)) throw new Error(`${partition} is given to ${owners.get(partition)} and to ${id}`);
      owners.set(partition, id);
    }
  }
  return owners;
}

export function sizeOf(partitions: Partitions | undefined): number {
  let size = 0;
  for (const numbers of partitions?.values() ?? []) size += numbers.length;
  return size;
}

/** The members once each owns what it was given. */
export function settled(members: readonly GroupMember[], given: Assignment, generation = 1): GroupMember[] {
  return members.map((one) => ({ ...one, owned: { generation, partitions: given.get(one.id) ?? new Map() } }));
}

/** How many partitions somebody owned before and another has now. */
export function movesBetween(before: readonly GroupMember[], now: Assignment): number {
  const owners = ownersOf(now);
  let moves = 0;
  for (const { id, owned } of before) {
    for (const partition of named(owned?.partitions ?? new Map())) {
      if (owners.has(partition) && owners.get(partition) !== id) moves += 1;
    }
  }
  return moves;
}

/** The greatest difference between members in how many partitions of one topic they have. */
export function spreadOf(members: readonly GroupMember[], { name }: Topic, now: Assignment): number {
  const counts = members.map(({ id }) => now.get(id)?.get(name)?.length ?? 0);
  return Math.max(...counts) - Math.min(...counts);
}

export interface World {
  readonly members: GroupMember[];
  readonly topics: Topic[];
}

const NAMES = ["a", "b", "c", "d", "e", "f"];

/**
 * Groups in any state: what members own may be lopsided, contested, of old generations, or of partitions and
 * subscriptions that are gone.
 */
export function worlds(subscriptions: "equal" | "any"): fc.Arbitrary<World> {
  return fc
    .tuple(
      fc.array(fc.nat({ max: 12 }), { minLength: 1, maxLength: NAMES.length }),
      fc.uniqueArray(fc.nat({ max: 99 }), { minLength: 1, maxLength: 9 }),
    )
    .chain(([counts, ids]) => {
      const topics = counts.map((partitions, t) => topic(NAMES[t]!, partitions));
      const names = topics.map(({ name }) => name);
      const one = (id: number): fc.Arbitrary<GroupMember> =>
        fc
          .record({
            topics: subscriptions === "equal" ? fc.constant(names) : fc.subarray(names),
            instance: fc.option(fc.constant(`i${(id * 37) % 100}`), { nil: undefined }),
            owned: fc.option(ownedOf(), { nil: undefined }),
          })
          .map((fields) => member(`m${id}`, fields.topics, fields));
      return fc.tuple(...ids.map(one)).map((members) => ({ members, topics }));
    });
}

function ownedOf(): fc.Arbitrary<NonNullable<GroupMember["owned"]>> {
  const numbers = fc.uniqueArray(fc.nat({ max: 13 }), { maxLength: 13 });
  return fc.record({
    generation: fc.integer({ min: -1, max: 3 }),
    partitions: fc
      .uniqueArray(fc.tuple(fc.constantFrom(...NAMES, "gone"), numbers), { selector: ([name]) => name, maxLength: 5 })
      .map((entries) => new Map(entries)),
  });
}

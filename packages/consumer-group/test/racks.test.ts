import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cooperativeSticky, type Assignment, type GroupMember, type Topic } from "../src/index.ts";
import { member, movesBetween, ownersOf, settled, shown, sizeOf, worlds } from "./groups.ts";

const RACKS = ["r1", "r2", "r3"];

/** Partitions that are in a rack of their consumer. */
function near(members: readonly GroupMember[], topics: readonly Topic[], assignment: Assignment): number {
  const rackOf = new Map(members.map(({ id, rack }) => [id, rack]));
  const owners = ownersOf(assignment);
  let count = 0;
  for (const { name, racks } of topics)
    for (const [partition, own] of (racks ?? []).entries()) {
      const rack = rackOf.get(owners.get(`${name}${partition}`) ?? "");
      if (rack !== undefined && own.includes(rack)) count++;
    }
  return count;
}

/** The most that could be near if what has changed hands were given in another order to the same members. */
function mostNear(members: readonly GroupMember[], topic: Topic, assignment: Assignment): number {
  const rackOf = new Map(members.map(({ id, rack }) => [id, rack]));
  const before = new Map<string, string>();
  for (const { id, owned } of members)
    for (const number of owned?.partitions.get(topic.name) ?? []) before.set(`${topic.name}${number}`, id);
  const owners = ownersOf(assignment);
  const all = Array.from({ length: topic.partitions }, (_, at) => `${topic.name}${at}`).filter((name) =>
    owners.has(name),
  );
  const moved = all.filter((name) => owners.get(name) !== before.get(name));
  const racksOf = (name: string): readonly string[] => topic.racks![Number(name.slice(topic.name.length))]!;
  const isNear = (name: string, id: string): number => Number(racksOf(name).includes(rackOf.get(id) ?? ""));
  const best = (names: readonly string[], ids: readonly string[]): number => {
    const [name, ...others] = names;
    if (name === undefined) return 0;
    let most = 0;
    for (const [at, id] of ids.entries())
      if (ids.indexOf(id) === at) most = Math.max(most, isNear(name, id) + best(others, ids.toSpliced(at, 1)));
    return most;
  };
  const kept = all.filter((name) => owners.get(name) === before.get(name));
  return (
    kept.reduce((sum, name) => sum + isNear(name, owners.get(name)!), 0) +
    best(
      moved,
      moved.map((name) => owners.get(name)!),
    )
  );
}

describe("cooperative-sticky with racks", () => {
  test("gives a new group as much as it can near by, in even shares", () => {
    const topics = [{ name: "x", partitions: 6, racks: ["r1", "r1", "r2", "r2", "r3", "r3"].map((rack) => [rack]) }];
    const members = [
      member("a", ["x"], { rack: "r3" }),
      member("b", ["x"], { rack: "r1" }),
      member("c", ["x"], { rack: "r2" }),
    ];
    expect(shown(cooperativeSticky.assign(members, topics))).toEqual({ a: "x4 x5", b: "x0 x1", c: "x2 x3" });
  });

  test("lets one give way to another where it can go elsewhere", () => {
    // x0 could go to either rack; were it in r1, x1 would have no place.
    const topics = [{ name: "x", partitions: 2, racks: [["r1", "r2"], ["r1"]] }];
    const members = [member("a", ["x"], { rack: "r1" }), member("b", ["x"], { rack: "r2" })];
    expect(shown(cooperativeSticky.assign(members, topics))).toEqual({ a: "x1", b: "x0" });
  });

  test("moves nothing to bring it nearer", () => {
    const topics = [{ name: "x", partitions: 4, racks: [["r1"], ["r1"], ["r2"], ["r2"]] }];
    const members = [member("a", ["x"], { rack: "r2" }), member("b", ["x"], { rack: "r1" })];
    const far = new Map([
      ["a", new Map([["x", [0, 1]]])],
      ["b", new Map([["x", [2, 3]]])],
    ]);
    const given = cooperativeSticky.assign(settled(members, far), topics);
    expect(shown(given)).toEqual({ a: "x0 x1", b: "x2 x3" });
  });

  test.each(["equal", "any"] as const)(
    "in any group with %s subscriptions: the same sizes for each topic, no more moves, and nothing left that could be nearer",
    (subscriptions) => {
      const racked = fc
        .tuple(
          worlds(subscriptions),
          fc.infiniteStream(fc.subarray(RACKS)),
          fc.infiniteStream(fc.constantFrom(undefined, ...RACKS)),
        )
        .map(([{ members, topics }, replicas, racks]) => ({
          members: members.map((one) => ({ ...one, rack: racks.next().value })),
          topics: topics.map(({ name, partitions }) => {
            const short = Math.min(partitions, 6);
            return { name, partitions: short, racks: Array.from({ length: short }, () => replicas.next().value) };
          }),
        }));
      fc.assert(
        fc.property(racked, ({ members, topics }) => {
          // As the leader gives it: each partition owned once.
          const plain = topics.map(({ name, partitions }) => ({ name, partitions }));
          const first = settled(members.slice(1), cooperativeSticky.assign(members.slice(1), plain));
          const group = [members[0]!, ...first].map((one) => (one === members[0] ? { ...one, owned: undefined } : one));
          const [without, given] = [cooperativeSticky.assign(group, plain), cooperativeSticky.assign(group, topics)];
          for (const { id } of group)
            for (const { name } of topics)
              expect(given.get(id)?.get(name)?.length).toBe(without.get(id)?.get(name)?.length);
          expect(sizeOf(given.get(group[0]!.id))).toBe(sizeOf(without.get(group[0]!.id)));
          expect(movesBetween(group, given)).toBeLessThanOrEqual(movesBetween(group, without));
          expect(near(group, topics, given)).toBeGreaterThanOrEqual(near(group, topics, without));
          const most = topics.reduce((sum, topic) => sum + mostNear(group, topic, given), 0);
          expect(near(group, topics, given)).toBe(most);
          // Once it is so, it stays so.
          expect(cooperativeSticky.assign(settled(group, given), topics)).toEqual(given);
        }),
        { numRuns: 300 },
      );
    },
  );

  test("puts all of many partitions near by where that is possible, in many racks", () => {
    const names = Array.from({ length: 40 }, (_, at) => `r${at}`);
    const partitions = 100_000;
    const racks = Array.from({ length: partitions }, (_, at) => [
      names[at % 40]!,
      names[(at * 7 + 3) % 40]!,
      names[(at * 11 + 5) % 40]!,
    ]);
    const members = Array.from({ length: 400 }, (_, at) => member(`m${at}`, ["x"], { rack: names[(at * 13) % 40]! }));
    const topics = [{ name: "x", partitions, racks }];
    const given = cooperativeSticky.assign(members, topics);
    expect(new Set(Array.from(given.values(), sizeOf))).toEqual(new Set([250]));
    expect(near(members, topics, given)).toBe(partitions);
  });
});

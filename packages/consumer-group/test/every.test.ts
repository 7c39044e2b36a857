/** What holds of every assignor: who gets what at all, the same result from the same input, and refusals. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cooperativeSticky, MAX_MEMBERS, MAX_PARTITIONS, range, roundRobin, sticky } from "../src/index.ts";
import type { GroupMember, Topic } from "../src/index.ts";
import { member, ownersOf, topic, worlds } from "./groups.ts";

const ASSIGNORS = [range, roundRobin, sticky, cooperativeSticky];

describe.each(ASSIGNORS)("$name", ({ assign }) => {
  test("every partition of a topic with subscribers goes to exactly one of them, and nothing else to anybody", () => {
    fc.assert(
      fc.property(worlds("any"), ({ members, topics }) => {
        const given = assign(members, topics);
        expect([...given.keys()].sort()).toEqual(members.map(({ id }) => id).sort());
        const owners = ownersOf(given);
        let expected = 0;
        for (const { name, partitions } of topics) {
          const subscribers = members.filter((one) => one.topics.includes(name)).map(({ id }) => id);
          if (subscribers.length === 0) continue;
          expected += partitions;
          for (let number = 0; number < partitions; number++) {
            expect(subscribers).toContain(owners.get(`${name}${number}`));
          }
        }
        expect(owners.size).toBe(expected);
        for (const partitions of given.values()) {
          for (const numbers of partitions.values()) {
            expect(numbers.length).toBeGreaterThan(0);
            expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
          }
        }
      }),
    );
  });

  test("the order of the input does not matter", () => {
    const shuffled = worlds("any").chain((world) =>
      fc.tuple(
        fc.constant(world),
        fc.shuffledSubarray(world.members, { minLength: world.members.length }),
        fc.shuffledSubarray(world.topics, { minLength: world.topics.length }),
      ),
    );
    fc.assert(
      fc.property(shuffled, ([world, members, topics]) => {
        const reversed = members.map((one): GroupMember => {
          const owned = [...(one.owned?.partitions ?? [])].toReversed();
          const partitions = new Map(owned.map(([name, numbers]) => [name, numbers.toReversed()]));
          const generation = one.owned?.generation ?? 0;
          return { ...one, topics: one.topics.toReversed(), owned: { generation, partitions } };
        });
        // As arrays: the order of the result is part of it.
        const told = (some: readonly GroupMember[], of: readonly Topic[]): unknown =>
          [...assign(some, of)].map(([id, given]) => [id, ...given]);
        expect(told(reversed, topics)).toEqual(told(world.members, world.topics));
      }),
    );
  });

  test("nobody there gets nothing, nothing there goes to nobody", () => {
    expect(assign([], [topic("t", 3)])).toEqual(new Map());
    expect(assign([member("a", ["t"]), member("b", [])], [topic("t", 0)])).toEqual(
      new Map([
        ["a", new Map()],
        ["b", new Map()],
      ]),
    );
  });

  const owning = (partitions: number[], generation = 0): GroupMember[] => [
    member("a", ["t"], { owned: { generation, partitions: new Map([["t", partitions]]) } }),
  ];
  const t: Topic[] = [topic("t", 3)];
  test.each<[string, readonly GroupMember[], readonly Topic[], ErrorConstructor, string]>([
    ["an unknown topic", [member("a", ["x"])], t, RangeError, 'members[0] ("a") subscribes to "x", which is not among'],
    ["a member twice", [member("a", []), member("a", [])], t, RangeError, 'members[1]: member "a" is there twice'],
    [
      "an instance twice",
      [member("a", [], { instance: "i" }), member("b", [], { instance: "i" })],
      t,
      RangeError,
      'members[1]: instance "i" is there twice',
    ],
    ["a topic twice", [], [topic("t", 1), topic("t", 2)], RangeError, 'topics[1]: topic "t" is there twice'],
    ["a member without a name", [member("", [])], t, TypeError, 'members[0].id is "", not a name'],
    ["less than no partitions", [], [topic("t", -1)], RangeError, 'topics[0] ("t") has -1 partitions, less than 0'],
    ["half a partition", [], [topic("t", 1.5)], TypeError, 'topics[0] ("t") has 1.5 partitions, not a whole number'],
    ["an owned half", owning([0.5]), t, TypeError, 'members[0].owned, topic "t": partition 0.5 is not a whole number'],
    ["an owned partition below 0", owning([-1]), t, RangeError, 'topic "t": partition -1 is less than 0'],
    ["an owned partition twice", owning([1, 0, 1]), t, RangeError, 'topic "t": a partition is there twice'],
    ["no generation", owning([], NaN), t, TypeError, "members[0].owned.generation is NaN, not a whole number"],
    [
      "racks of fewer partitions than there are",
      [],
      [{ name: "t", partitions: 2, racks: [["r"]] }],
      RangeError,
      'topics[0] ("t") gives racks for 1 partitions, but has 2',
    ],
    [
      "too many partitions",
      [],
      [topic("t", MAX_PARTITIONS), topic("u", 1)],
      RangeError,
      `partitions of all topics: ${MAX_PARTITIONS + 1}, more than the limit of ${MAX_PARTITIONS}`,
    ],
    [
      "too many members",
      Array.from({ length: MAX_MEMBERS + 1 }, (_, m) => member(`m${m}`, [])),
      t,
      RangeError,
      `members: ${MAX_MEMBERS + 1}, more than the limit of ${MAX_MEMBERS}`,
    ],
  ])("%s is refused, saying where", (_, members, topics, kind, message) => {
    expect(() => assign(members, topics)).toThrow(kind);
    expect(() => assign(members, topics)).toThrow(message);
  });
});

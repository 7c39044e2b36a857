/** Range and round-robin: the results that Kafka's assignors of these names have, by hand. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { range, roundRobin } from "../src/index.ts";
import type { Assignment } from "../src/index.ts";
import { member, movesBetween, settled, shown, topic, worlds } from "./groups.ts";

describe("range", () => {
  test("each takes a stretch, the first take one more", () => {
    const members = [member("c0", ["t"]), member("c1", ["t"]), member("c2", ["t"])];
    expect(shown(range.assign(members, [topic("t", 7)]))).toEqual({ c0: "t0 t1 t2", c1: "t3 t4", c2: "t5 t6" });
    expect(shown(range.assign(members, [topic("t", 2)]))).toEqual({ c0: "t0", c1: "t1", c2: "" });
  });

  test("topics are divided one by one, so the first members have one more of each", () => {
    const members = [member("c0", ["t", "u"]), member("c1", ["t", "u"])];
    expect(shown(range.assign(members, [topic("t", 3), topic("u", 3)]))).toEqual({
      c0: "t0 t1 u0 u1",
      c1: "t2 u2",
    });
  });

  test("with different subscriptions, each topic is divided among its own subscribers", () => {
    const members = [member("c0", ["t"]), member("c1", ["t", "u"]), member("c2", ["t"])];
    expect(shown(range.assign(members, [topic("t", 3), topic("u", 2)]))).toEqual({
      c0: "t0",
      c1: "t1 u0 u1",
      c2: "t2",
    });
  });

  test("members with an instance go first, by it, whatever their ids are", () => {
    const members = [
      member("a", ["t"]),
      member("z", ["t"], { instance: "i1" }),
      member("y", ["t"], { instance: "i2" }),
    ];
    expect(shown(range.assign(members, [topic("t", 4)]))).toEqual({ z: "t0 t1", y: "t2", a: "t3" });
  });

  test("topics with the same count and subscribers come out alike, also with racks", () => {
    fc.assert(
      fc.property(
        worlds("any"),
        fc.nat({ max: 9 }),
        fc.array(fc.array(fc.constantFrom("r0", "r1", "r2")), { minLength: 9, maxLength: 9 }),
        fc.array(fc.array(fc.constantFrom("r0", "r1", "r2")), { minLength: 9, maxLength: 9 }),
        ({ members, topics }, count, some, others) => {
          const racked = members.map((one, at) => ({ ...one, topics: [...one.topics, "x", "y"], rack: `r${at % 4}` }));
          const twins = [
            { name: "x", partitions: count, racks: some.slice(0, count) },
            { name: "y", partitions: count, racks: others.slice(0, count) },
          ];
          const plain = range.assign(racked, [...topics, topic("x", count), topic("y", count)]);
          const near = range.assign(racked, [...topics, ...twins]);
          for (const { id } of racked) {
            for (const given of [plain, near]) expect(given.get(id)!.get("x")).toEqual(given.get(id)!.get("y"));
          }
          const sizes = (given: Assignment): number[] =>
            [...given.values()].map((partitions) => partitions.get("x")?.length ?? 0).sort((a, b) => a - b);
          expect(sizes(near)).toEqual(sizes(plain));
        },
      ),
    );
  });

  test("a member first takes partitions with a replica in its rack, within its quota", () => {
    const members = ["r0", "r1", "r2"].map((rack, at) => member(`c${at}`, ["t"], { rack }));
    const racks = [["r2"], ["r1"], ["r0"], ["r0"], ["r0"], ["r1", "r2"]];
    expect(shown(range.assign(members, [{ name: "t", partitions: 6, racks }]))).toEqual({
      c0: "t2 t3",
      c1: "t1 t5",
      c2: "t0 t4",
    });
  });

  test("where every rack has every partition, racks change nothing", () => {
    const members = ["r0", "r1"].map((rack, at) => member(`c${at}`, ["t"], { rack }));
    const racks = Array.from({ length: 5 }, () => ["r0", "r1"]);
    expect(shown(range.assign(members, [{ name: "t", partitions: 5, racks }]))).toEqual({
      c0: "t0 t1 t2",
      c1: "t3 t4",
    });
  });
});

describe("roundrobin", () => {
  test("partitions of all topics go round in one row", () => {
    const members = [member("c0", ["t", "u"]), member("c1", ["t", "u"])];
    expect(shown(roundRobin.assign(members, [topic("t", 3), topic("u", 3)]))).toEqual({
      c0: "t0 t2 u1",
      c1: "t1 u0 u2",
    });
  });

  test("who does not subscribe is passed over", () => {
    const members = [member("c0", ["t"]), member("c1", ["t", "u"]), member("c2", ["t", "u", "v"])];
    expect(shown(roundRobin.assign(members, [topic("t", 1), topic("u", 2), topic("v", 3)]))).toEqual({
      c0: "t0",
      c1: "u0",
      c2: "u1 v0 v1 v2",
    });
  });

  test("a topic that only some subscribe to goes on where the circle stands", () => {
    const members = [member("c0", ["t"]), member("c1", ["t", "u"]), member("c2", ["t"])];
    expect(shown(roundRobin.assign(members, [topic("t", 3), topic("u", 2)]))).toEqual({
      c0: "t0",
      c1: "t1 u0 u1",
      c2: "t2",
    });
  });

  test("is what dealing one partition after the other gives", () => {
    fc.assert(
      fc.property(worlds("any"), ({ members, topics }) => {
        const plain = members.map(({ id, topics: subscribed }) => member(id, subscribed));
        const circle = plain.toSorted((a, b) => (a.id < b.id ? -1 : 1));
        const dealt = new Map(circle.map(({ id }) => [id, [] as string[]]));
        let turn = 0;
        for (const { name, partitions } of topics) {
          if (!circle.some((one) => one.topics.includes(name))) continue;
          for (let number = 0; number < partitions; number++) {
            while (!circle[turn % circle.length]!.topics.includes(name)) turn += 1;
            dealt.get(circle[turn % circle.length]!.id)!.push(`${name}${number}`);
            turn += 1;
          }
        }
        const expected = Object.fromEntries([...dealt].map(([id, list]) => [id, list.join(" ")]));
        expect(shown(roundRobin.assign(plain, topics))).toEqual(expected);
      }),
    );
  });
});

test("neither looks at what was owned before", () => {
  const members = [member("c0", ["t"]), member("c1", ["t"])];
  const topics = [topic("t", 4)];
  const swapped = settled(
    members,
    new Map([
      ["c0", new Map([["t", [1, 3]]])],
      ["c1", new Map([["t", [0, 2]]])],
    ]),
  );
  for (const { assign } of [range, roundRobin]) {
    expect(shown(assign(swapped, topics))).toEqual(shown(assign(members, topics)));
    expect(movesBetween(swapped, assign(swapped, topics))).toBeGreaterThan(0);
  }
});

import { describe, expect, test } from "vitest";
import { range } from "../src/assignors/range.ts";
import { roundRobin } from "../src/assignors/round-robin.ts";
import { topic } from "./groups.ts";
import { groupIn, groupWorld, targetsShown } from "./membership.ts";

describe("subscriptions", () => {
  test("follow topics that are made, grow, shrink and are deleted, without asking again", async () => {
    await using world = await groupWorld([topic("x", 2)]);
    const { server, topics } = world;
    const { member } = await world.join({ topics: ["x", "y"] });
    const shown = (): string | undefined => targetsShown(server)[member.member];
    await world.settle();
    expect(shown()).toBe("x0 x1");
    for (const [now, expected] of [
      [[topic("x", 2), topic("y", 1)], "x0 x1 y0"],
      [[topic("x", 3), topic("y", 1), topic("z", 9)], "x0 x1 x2 y0"],
      [[topic("x", 1)], "x0"],
      [[], ""],
    ] as const) {
      topics.set(now);
      await world.settle();
      expect(shown()).toBe(expected);
    }
    expect(groupIn(server)?.epoch).toBe(5);
    expect(topics.asked).toBe(1);
  });

  test("by a pattern take in topics to come", async () => {
    await using world = await groupWorld([topic("a1", 1), topic("b1", 1)]);
    const { server, topics } = world;
    const { member } = await world.join({ topics: /^a\d$/ });
    await world.settle();
    expect(targetsShown(server)[member.member]).toBe("a10");
    topics.set([topic("a1", 1), topic("b1", 1), topic("a2", 2), topic("xa3", 1)]);
    await world.settle();
    expect(targetsShown(server)[member.member]).toBe("a10 a20 a21");
  });

  test("may differ from member to member", async () => {
    await using world = await groupWorld([topic("x", 2), topic("y", 2), topic("z", 2)]);
    const { server } = world;
    const a = await world.join({ topics: ["x", "y"] });
    const b = await world.join({ topics: /[yz]/ });
    const c = await world.join({ topics: ["nothing"] });
    await world.settle();
    const now = targetsShown(server);
    expect(now[a.member.member]).toMatch(/x0 x1/);
    expect(now[b.member.member]).toMatch(/z0 z1/);
    expect(`${now[a.member.member]} ${now[b.member.member]}`.split(" ").toSorted()).toEqual([
      "x0",
      "x1",
      "y0",
      "y1",
      "z0",
      "z1",
    ]);
    expect(now[c.member.member]).toBe("");
    expect(c.targets.at(-1)).toMatchObject({ partitions: new Map(), refused: undefined });
  });

  test("are divided by the assignor that all members have in common, and anew when that changes", async () => {
    await using world = await groupWorld([topic("x", 3), topic("y", 3)]);
    const { server } = world;
    const a = await world.join({ assignors: [range, roundRobin], instance: "a" });
    const b = await world.join({ assignors: [range, roundRobin], instance: "b" });
    await world.settle();
    expect(targetsShown(server)).toEqual({ a: "x0 x1 y0 y1", b: "x2 y2" });
    expect(groupIn(server)?.assignor).toBe("range");
    await b.member.leave();
    await world.settle();
    await world.join({ assignors: [roundRobin], instance: "b" });
    await world.settle();
    expect(groupIn(server)?.assignor).toBe("roundrobin");
    expect(targetsShown(server)).toEqual({ a: "x0 x2 y1", b: "x1 y0 y2" });
    expect(a.targets.every((target) => target?.refused === undefined)).toBe(true);
  });
});

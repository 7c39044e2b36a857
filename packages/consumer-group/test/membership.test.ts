import { describe, expect, test } from "vitest";
import { topic } from "./groups.ts";
import { groupIn, groupWorld, membersIn, sizesIn, targetsIn, targetsShown } from "./membership.ts";

describe("a group", () => {
  test("gives its first member everything at once, and divides anew as others come and go", async () => {
    await using world = await groupWorld([topic("x", 4), topic("y", 3)]);
    const { server } = world;
    const a = await world.join();
    expect(targetsShown(server)).toEqual({ [a.member.member]: "x0 x1 x2 x3 y0 y1 y2" });
    expect(a.member.isLeader).toBe(true);
    const b = await world.join();
    expect(sizesIn(server)).toEqual([7]);
    await world.settle();
    expect(sizesIn(server)).toEqual([3, 4]);
    await b.member.leave();
    await world.settle();
    expect(targetsShown(server)).toEqual({ [a.member.member]: "x0 x1 x2 x3 y0 y1 y2" });
    expect(groupIn(server)).toMatchObject({ epoch: 3, assignmentEpoch: 3, assignor: "cooperative-sticky" });
    expect(b.lost).toEqual(["CLOSED"]);
    expect(b.member.cause?.code).toBe("CLOSED");
    expect(a.targets.map((target) => target?.epoch)).toEqual([1, 2, 3]);
  });

  test("leaves nothing behind but its record when the last one goes, which says since when it is empty", async () => {
    await using world = await groupWorld([topic("x", 4)]);
    const { server } = world;
    const a = await world.join();
    expect(groupIn(server)?.emptySinceMs).toBe(null);
    await world.settle(0);
    const leaving = a.member.leave();
    await world.settle(50);
    await leaving;
    expect(groupIn(server)?.emptySinceMs).toBeGreaterThan(0);
    expect(membersIn(server).size).toBe(0);
    expect(targetsIn(server).size).toBe(0);
    expect(server.leaks()).toMatchObject({ ephemerals: 0, watches: 0, subscriptions: 0, waiting: 0 });
  });
});

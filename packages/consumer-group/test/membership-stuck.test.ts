import { describe, expect, test } from "vitest";
import type { JoinOptions } from "../src/membership.ts";
import { topic } from "./groups.ts";
import { groupWorld, type GroupWorld, type Joined, membersIn, PATHS, soon } from "./membership.ts";
import { Claimer } from "./membership-claiming.ts";

interface Working extends Joined {
  readonly claimer: Claimer;
}

async function working(world: GroupWorld, options: Partial<JoinOptions> = {}): Promise<Working> {
  const one = await world.join(options);
  return { ...one, claimer: new Claimer(one.client, one.member) };
}

const owned = ({ claimer }: Working): string =>
  [...claimer.held.keys()]
    .map((path) => path.slice(PATHS.own.length + 1))
    .toSorted()
    .join(" ");

describe("a member that does not give back what another is to have", () => {
  test("is fenced when its own rebalance timeout is over, and lives anew with nothing", async () => {
    await using world = await groupWorld([topic("x", 4)]);
    const { server } = world;
    const leading = await world.join({ topics: ["none"] });
    const slow = await working(world, { rebalanceTimeoutMs: 20_000 });
    await world.settle();
    expect(owned(slow)).toBe("x/0 x/1 x/2 x/3");
    slow.claimer.isStuck = true;
    const name = slow.member.member;
    const other = await working(world);
    await world.settle(18_000);
    expect(owned(other)).toBe("");
    expect(slow.lost).toEqual([]);
    await world.settle(5_000);
    expect(slow.lost).toEqual(["GUARD_FAILED"]);
    expect(slow.member.member).not.toBe(name);
    expect(membersIn(server).has(name)).toBe(false);
    expect(leading.member.isLeader).toBe(true);
    slow.claimer.getUnstuck();
    await world.settle();
    expect([owned(other), owned(slow)].join(" ").split(" ").toSorted()).toEqual(["x/0", "x/1", "x/2", "x/3"]);
    expect(other.claimer.held.size).toBe(2);
    expect(other.lost).toEqual([]);
  });

  test("has the time that it said for itself, whatever others said", async () => {
    await using world = await groupWorld([topic("x", 4), topic("y", 4)]);
    await world.join({ topics: ["none"] });
    const quick = await working(world, { topics: ["x"], rebalanceTimeoutMs: 10_000 });
    const slow = await working(world, { topics: ["y"], rebalanceTimeoutMs: 50_000 });
    await world.settle();
    for (const { claimer } of [quick, slow]) claimer.isStuck = true;
    await working(world);
    await world.settle(15_000);
    expect([quick, slow].map(({ lost }) => lost.length)).toEqual([1, 0]);
    await world.settle(30_000);
    expect(slow.lost).toEqual([]);
    await world.settle(10_000);
    expect(slow.lost).toEqual(["GUARD_FAILED"]);
  });

  test("is left alone when it gives back in time, and as long as nobody is to have what it keeps", async () => {
    await using world = await groupWorld([topic("x", 4), topic("y", 1)]);
    await world.join({ topics: ["none"] });
    const slow = await working(world, { rebalanceTimeoutMs: 20_000 });
    await world.settle();
    slow.claimer.isStuck = true;
    // A topic that is gone: its target names y no more, but nobody waits for it.
    world.topics.set([topic("x", 4)]);
    await world.settle(60_000);
    expect(slow.lost).toEqual([]);
    const other = await working(world);
    await world.settle(15_000);
    slow.claimer.getUnstuck();
    await world.settle(60_000);
    expect(slow.lost).toEqual([]);
    expect(other.claimer.held.size).toBe(2);
  });

  test("is left alone by a leader that stood still when it gave back, and has not heard of it", async () => {
    await using world = await groupWorld([topic("x", 4)]);
    const leading = await world.join({ topics: ["none"] });
    const slow = await working(world, { rebalanceTimeoutMs: 20_000 });
    await world.settle();
    slow.claimer.isStuck = true;
    await working(world);
    await world.settle(18_000);
    world.server.faults.stallClient(leading.client, 3_000);
    slow.claimer.getUnstuck();
    await world.settle(10_000);
    expect([slow.lost, leading.lost]).toEqual([[], []]);
    expect(slow.claimer.held.size).toBe(2);
  });

  test("has its whole time anew under a new leader, and is fenced by that one then", async () => {
    await using world = await groupWorld([topic("x", 4)]);
    const first = await world.join({ topics: ["none"] });
    const slow = await working(world, { rebalanceTimeoutMs: 20_000 });
    await world.settle();
    slow.claimer.isStuck = true;
    const other = await working(world);
    await world.settle(15_000);
    await soon(world.server, first.member.leave());
    await world.settle(15_000);
    expect(slow.lost).toEqual([]);
    expect(slow.member.isLeader).toBe(true);
    // It fences itself if need be: its claims are stuck, not its process.
    await world.settle(10_000);
    expect(slow.lost).toEqual(["GUARD_FAILED"]);
    expect(other.claimer.held.size).toBeGreaterThanOrEqual(2);
  });

  test("that is static comes back as itself", async () => {
    await using world = await groupWorld([topic("x", 4)]);
    await world.join({ topics: ["none"] });
    const slow = await working(world, { instance: "i1", rebalanceTimeoutMs: 20_000 });
    await world.settle();
    slow.claimer.isStuck = true;
    const other = await working(world);
    await world.settle(30_000);
    expect(slow.lost).toEqual(["GUARD_FAILED"]);
    expect(slow.member.member).toBe("i1");
    expect(slow.member.isValid).toBe(true);
    slow.claimer.getUnstuck();
    await world.settle();
    expect([slow, other].map(({ claimer }) => claimer.held.size)).toEqual([2, 2]);
  });
});

describe("claims of members that are gone", () => {
  test("are cleared away by the leader, and those of the living and of lone consumers are not", async () => {
    await using world = await groupWorld([topic("x", 4)]);
    const { server } = world;
    await world.join({ topics: ["none"] });
    const [a, b] = [await working(world), await working(world)];
    await world.settle();
    const lone = await world.client();
    const data = new TextEncoder().encode(JSON.stringify({ member: "lone", alone: true }));
    await soon(server, lone.create(PATHS.claim("z", 0), data, { lifetime: "ephemeral", parents: true }));
    // It leaves without giving anything back, and its session goes on.
    a.claimer.isStuck = true;
    await soon(server, a.member.leave());
    await world.settle();
    expect(owned(b)).toBe("x/0 x/1 x/2 x/3");
    expect(await soon(server, lone.exists(PATHS.claim("z", 0)))).toBe(true);
    expect(b.lost).toEqual([]);
  });

  test("are cleared away also where the member lives anew under the same name", async () => {
    await using world = await groupWorld([topic("x", 4)]);
    // Two more, so that the leader waits a while after each change, and sees the end of one life and the next at once.
    for (let i = 0; i < 2; i++) await world.join({ topics: ["none"] });
    const one = await working(world, { instance: "i1" });
    await world.settle();
    const other = await world.client();
    await soon(world.server, other.delete(PATHS.member("i1")));
    expect(one.member.isValid).toBe(true);
    await world.settle();
    expect(one.lost).toEqual(["GUARD_FAILED"]);
    expect(owned(one)).toBe("x/0 x/1 x/2 x/3");
  });

  test("are cleared away by the next leader, too", async () => {
    await using world = await groupWorld([topic("x", 4)]);
    const { server } = world;
    const first = await world.join({ topics: ["none"] });
    const [a, b] = [await working(world), await working(world)];
    await world.settle();
    a.claimer.isStuck = true;
    // The leader's session ends as it is about to clear them away.
    const end = server.faults.at({ op: "multi" }, () => {
      server.faults.partition(first.client);
      void server.faults.expire(first.client);
    });
    await soon(server, a.member.leave());
    await world.settle(5_000);
    expect(end.hits).toBe(1);
    expect(owned(b)).toBe("x/0 x/1 x/2 x/3");
  });
});

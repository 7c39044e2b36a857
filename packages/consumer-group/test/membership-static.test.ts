import { isCorralError } from "@corral/client";
import { describe, expect, test } from "vitest";
import { instanceCodec } from "../src/records.ts";
import { topic } from "./groups.ts";
import {
  groupIn,
  groupWorld,
  type GroupWorld,
  type Joined,
  joined,
  membersIn,
  PATHS,
  refusalOf,
  SESSION_MS,
  soon,
  targetsShown,
} from "./membership.ts";
import { Claimer } from "./membership-claiming.ts";

const THREE = ["i1", "i2", "i3"];

async function threeOf(world: GroupWorld, instanceGraceMs = 60_000): Promise<Joined[]> {
  const all: Joined[] = [];
  for (const instance of THREE) all.push(await world.join({ instance, instanceGraceMs }));
  await world.settle();
  return all;
}

const instancesIn = ({ server }: GroupWorld): Record<string, string> =>
  Object.fromEntries(
    server
      .dump()
      .filter(({ path }) => path.startsWith(`${PATHS.instances}/`))
      .map(({ path, data }) => [path.slice(PATHS.instances.length + 1), instanceCodec.decode(data).state]),
  );

describe("a static member", () => {
  test("that leaves for a while and comes back in time finds its target, and nobody else is told anything", async () => {
    await using world = await groupWorld([topic("x", 9)]);
    const { server } = world;
    const [one, two, three] = await threeOf(world);
    const [before, record] = [targetsShown(server), groupIn(server)];
    const told = [one!, three!].map(({ targets }) => targets.length);
    await soon(server, two!.member.leave({ temporarily: true }));
    expect([...membersIn(server).keys()].toSorted()).toEqual(["i1", "i3"]);
    expect(instancesIn(world)).toEqual({ i1: "in", i2: "away", i3: "in" });
    await world.settle(30_000);
    expect(targetsShown(server)).toEqual(before);
    const back = await world.join({ instance: "i2", instanceGraceMs: 60_000 });
    await world.settle();
    expect(back.member.member).toBe("i2");
    expect(back.targets.map((target) => target?.epoch)).toEqual([record!.epoch]);
    expect(instancesIn(world)).toEqual({ i1: "in", i2: "in", i3: "in" });
    await world.settle(120_000);
    expect(targetsShown(server)).toEqual(before);
    expect(groupIn(server)).toEqual(record);
    expect([one!, three!].map(({ targets }) => targets.length)).toEqual(told);
  });

  test("that stays away longer than its grace is gone, and nothing stays of it", async () => {
    await using world = await groupWorld([topic("x", 9)]);
    const { server } = world;
    const [, two] = await threeOf(world);
    await soon(server, two!.member.leave({ temporarily: true }));
    await world.settle(59_000);
    expect(Object.keys(targetsShown(server)).toSorted()).toEqual(THREE);
    await world.settle(2_000);
    expect(Object.keys(targetsShown(server)).toSorted()).toEqual(["i1", "i3"]);
    expect(instancesIn(world)).toEqual({ i1: "in", i3: "in" });
  });

  test("is waited for as long as it said, whoever leads meanwhile and whatever its clock says", async () => {
    await using world = await groupWorld([topic("x", 9)]);
    const { server } = world;
    const [one, two] = await threeOf(world);
    expect(one!.member.isLeader).toBe(true);
    server.faults.jumpClock(two!.client, -3_600_000);
    await world.settle(100);
    await soon(server, two!.member.leave({ temporarily: true }));
    await world.settle(40_000);
    server.faults.partition(one!.client);
    await server.faults.expire(one!.client);
    await world.settle(18_000);
    expect(Object.keys(targetsShown(server)).toSorted()).toEqual(["i2", "i3"]);
    await world.settle(3_000);
    expect(Object.keys(targetsShown(server)).toSorted()).toEqual(["i3"]);
  });

  test("keeps its target while others join and leave, and they share the rest", async () => {
    await using world = await groupWorld([topic("x", 9)]);
    const { server } = world;
    const [, two, three] = await threeOf(world);
    const target = targetsShown(server)["i2"];
    await soon(server, two!.member.leave({ temporarily: true }));
    const dynamic = await world.join();
    await soon(server, three!.member.leave());
    await world.settle();
    const now = targetsShown(server);
    expect(now["i2"]).toBe(target);
    expect(now["i1"]!.split(" ")).toHaveLength(3);
    expect(now[dynamic.member.member]!.split(" ")).toHaveLength(3);
  });

  test("all of them may leave for a while, and each comes back to what it had", async () => {
    await using world = await groupWorld([topic("x", 9)]);
    const { server } = world;
    const all = await threeOf(world);
    const before = targetsShown(server);
    for (const { member } of all) await soon(server, member.leave({ temporarily: true }), 200);
    expect(groupIn(server)?.emptySinceMs).toBeGreaterThan(0);
    expect(targetsShown(server)).toEqual(before);
    for (const instance of ["i3", "i1", "i2"]) await world.join({ instance });
    await world.settle();
    expect(targetsShown(server)).toEqual(before);
    expect(groupIn(server)).toMatchObject({ emptySinceMs: null, epoch: groupIn(server)!.assignmentEpoch });
  });

  test("that leaves for good, or whose session ends, is waited for no longer", async () => {
    await using world = await groupWorld([topic("x", 9)]);
    const { server } = world;
    const [one, two, three] = await threeOf(world);
    await soon(server, two!.member.leave());
    await world.settle();
    expect(Object.keys(targetsShown(server)).toSorted()).toEqual(["i1", "i3"]);
    server.faults.partition(three!.client);
    await server.faults.expire(three!.client);
    await world.settle();
    expect(targetsShown(server)).toEqual({ i1: "x0 x1 x2 x3 x4 x5 x6 x7 x8" });
    expect(instancesIn(world)).toEqual({ i1: "in" });
    expect(one!.member.isLeader).toBe(true);
  });

  test("is refused while another process is this instance, which does not notice", async () => {
    await using world = await groupWorld([topic("x", 9)]);
    const { server, topics } = world;
    const [one] = await threeOf(world);
    const second = await world.client();
    expect(await refusalOf(server, joined(second, topics, { instance: "i1" }))).toBe("NODE_EXISTS");
    expect(one!.member.isValid).toBe(true);
    expect(one!.lost).toEqual([]);
  });

  test("takes over if it is told to: the process before is over, does not fight back, and its claims are free at once", async () => {
    await using world = await groupWorld([topic("x", 9)]);
    const { server } = world;
    const [one, two] = await threeOf(world);
    const claimers = [one!, two!].map(({ client, member }) => new Claimer(client, member));
    await world.settle();
    const before = targetsShown(server);
    // It stands still, and gives nothing back.
    server.faults.stallClient(two!.client, SESSION_MS / 2);
    const next = await world.join({ instance: "i2", onInstanceInUse: "take-over" });
    const claimer = new Claimer(next.client, next.member);
    await world.settle(200);
    expect(claimer.held.size).toBe(3);
    await world.settle(SESSION_MS * 2);
    expect(two!.member.cause?.code).toBe("NODE_EXISTS");
    expect(two!.member.signal.aborted).toBe(true);
    expect(two!.lost).toEqual(["GUARD_FAILED"]);
    expect(claimers[1]!.held.size).toBe(0);
    expect(next.member.isValid).toBe(true);
    expect(targetsShown(server)).toEqual(before);
    const owners = server.dump().filter(({ path }) => path.startsWith(`${PATHS.own}/x/`));
    expect(owners.filter(({ owner }) => owner === next.client.session?.id)).toHaveLength(3);
  });

  test("whose session ended comes back as itself, unless another process is the instance by then", async () => {
    await using world = await groupWorld([topic("x", 9)]);
    const { server } = world;
    const [one, two] = await threeOf(world);
    await server.faults.expire(one!.client);
    await world.settle();
    expect(one!.member.member).toBe("i1");
    expect(one!.member.isValid).toBe(true);
    expect(Object.keys(targetsShown(server)).toSorted()).toEqual(THREE);

    const cut = server.faults.partition(two!.client);
    await server.faults.expire(two!.client);
    await world.join({ instance: "i2" });
    cut.end();
    await world.settle(SESSION_MS);
    expect(two!.member.cause?.code).toBe("NODE_EXISTS");
  });

  test("leaves for a while in one transaction: whatever reply is lost or whenever its session ends, its target waits or is given away in whole", async () => {
    for (const fault of ["reply", "request", "expire"] as const) {
      await using world = await groupWorld([topic("x", 9)]);
      const { server } = world;
      const [, two] = await threeOf(world);
      const before = targetsShown(server);
      if (fault === "reply") server.faults.dropReply({ op: "multi" });
      else if (fault === "request") server.faults.dropRequest({ op: "multi" });
      else server.faults.at({ op: "multi" }, () => void server.faults.expire(two!.client));
      const leaving = two!.member.leave({ temporarily: true });
      await world.settle(8_000);
      await leaving.catch((error: unknown) => {
        if (!isCorralError(error)) throw error;
      });
      const now = targetsShown(server);
      if (instancesIn(world)["i2"] === "away") expect(now, fault).toEqual(before);
      else expect(Object.keys(now).toSorted(), fault).toEqual(["i1", "i3"]);
      if (fault !== "expire") expect(instancesIn(world)["i2"], fault).toBe("away");
      expect([...membersIn(server).keys()].toSorted()).toEqual(["i1", "i3"]);
    }
  });
});

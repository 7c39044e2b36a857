import { describe, expect, test } from "vitest";
import type { Assignor } from "../src/assignor.ts";
import { sticky } from "../src/assignors/sticky.ts";
import type { Leading } from "../src/membership.ts";
import { groupCodec } from "../src/records.ts";
import { topic } from "./groups.ts";
import { groupIn, groupWorld, joined, PATHS, sizesIn, soon, targetsIn, targetsShown } from "./membership.ts";
import { Claimer } from "./membership-claiming.ts";

/** Zxids of the last writes of all that the leader writes. */
const written = (server: { dump(): readonly { path: string; mzxid: number }[] }): string[] =>
  server
    .dump()
    .filter(({ path }) => path === PATHS.group || path.startsWith(`${PATHS.targets}/`))
    .map(({ path, mzxid }) => `${path} ${mzxid}`);

describe("the leader of a group", () => {
  test("that follows another writes nothing where nothing has changed", async () => {
    await using world = await groupWorld([topic("x", 7)]);
    const { server } = world;
    const members = [await world.join(), await world.join(), await world.join()];
    await world.settle();
    const before = written(server);
    expect(sizesIn(server)).toEqual([2, 2, 3]);
    expect(members.map(({ member }) => member.isLeader)).toEqual([true, false, false]);
    const { path } = server.dump().find((node) => node.path.startsWith(`${PATHS.leader}/`))!;
    await soon(server, members[2]!.client.delete(path));
    await world.settle(5_000);
    expect(members.map(({ member }) => member.isLeader)).toEqual([false, true, false]);
    expect(written(server)).toEqual(before);
  });

  test("that dies is followed by another, which gives what it had to those who are left and moves nothing else", async () => {
    await using world = await groupWorld([topic("x", 6)]);
    const { server } = world;
    const [a, b, c] = [await world.join(), await world.join(), await world.join()];
    for (const { client, member } of [a, b, c]) new Claimer(client, member);
    await world.settle();
    const before = targetsShown(server);
    server.faults.partition(a.client);
    await server.faults.expire(a.client);
    await world.settle(4_000);
    const now = targetsShown(server);
    expect(Object.keys(now).toSorted()).toEqual([b.member.member, c.member.member].toSorted());
    for (const { member } of [b, c])
      for (const one of before[member.member]!.split(" ")) expect(now[member.member]!.split(" ")).toContain(one);
    expect(sizesIn(server)).toEqual([3, 3]);
  });

  test.each([1, 2, 3, 4])(
    "that dies after chunk %i of the targets is followed by one that comes to the same epochs and sizes",
    async (nth) => {
      // Each target fills a chunk of its own.
      const topics = Array.from({ length: 3_600 }, (_, at) => topic(`x${at}`.padEnd(240, "-"), 1));
      const everything = { topics: /^x/u };
      await using world = await groupWorld(topics);
      const { server } = world;
      const a = await world.join(everything);
      await world.settle();
      const dying = server.faults.at({ op: "multiEach", nth }, () => {
        server.faults.partition(a.client);
        void server.faults.expire(a.client);
      });
      const others = [await world.client(), await world.client(), await world.client()];
      const joining = Promise.all(others.map((client) => joined(client, world.topics, everything)));
      await world.settle(20_000);
      const came = await joining;
      expect(dying.hits).toBe(1);
      // Two leaders never say different things under one epoch.
      for (const { targets: told } of came) {
        const epochs = told.map((target) => target!.epoch);
        expect(epochs).toEqual([...new Set(epochs)].toSorted((x, y) => x - y));
      }
      const targets = [...targetsIn(server).values()];
      expect(sizesIn(server)).toEqual([1_200, 1_200, 1_200]);
      expect(new Set(targets.flatMap(({ partitions }) => Object.keys(partitions))).size).toBe(3_600);
      const { epoch, assignmentEpoch } = groupIn(server)!;
      expect(assignmentEpoch).toBe(epoch);
      expect(Math.max(...targets.map((target) => target.epoch))).toBeLessThanOrEqual(epoch);
    },
  );

  test("brings the group's epoch up to that of the targets, where a leader before it did not come to that", async () => {
    await using world = await groupWorld([topic("x", 7)]);
    const { server } = world;
    const { client } = await world.join();
    await world.join();
    await world.settle();
    const record = groupIn(server)!;
    expect(record.epoch).toBe(2);
    await soon(server, client.set(PATHS.group, { ...record, epoch: 1, assignmentEpoch: 1 }, { codec: groupCodec }));
    await world.settle();
    expect(groupIn(server)).toEqual(record);
  });

  test("waits for others that come at the same time, and divides once for all of them", async () => {
    await using world = await groupWorld([topic("x", 12)]);
    const { server } = world;
    await world.join();
    await world.settle();
    expect(groupIn(server)?.epoch).toBe(1);
    for (let i = 0; i < 4; i++) {
      await world.join();
      await world.settle(20);
    }
    expect(groupIn(server)?.epoch).toBe(1);
    await world.settle(400);
    expect(groupIn(server)?.epoch).toBe(2);
    expect(sizesIn(server)).toEqual([2, 2, 2, 3, 3]);
  });

  test("waits for a second at most, however many come one after the other", async () => {
    await using world = await groupWorld([topic("x", 12)]);
    const { server } = world;
    await world.join();
    await world.settle();
    // Each takes 100 ms, and begins the wait of 300 ms anew.
    for (let i = 0; i < 8; i++) await world.join();
    expect(groupIn(server)?.epoch).toBe(1);
    for (let i = 0; i < 8; i++) await world.join();
    expect(groupIn(server)?.epoch).toBe(2);
    await world.settle();
    expect(groupIn(server)?.epoch).toBe(3);
  });

  test("waits for as long as it is told to", async () => {
    await using world = await groupWorld([topic("x", 12)]);
    const { server } = world;
    await world.join({ debounceMs: 0 });
    await world.settle();
    await world.join();
    expect(groupIn(server)?.epoch).toBe(2);
  });

  test("divides by what it finds in the tree, not by what it did before: claims count where targets are lost", async () => {
    await using world = await groupWorld([topic("x", 6)]);
    const { server } = world;
    const [a, b] = [await world.join(), await world.join()];
    const claimers = [a, b].map(({ client, member }) => new Claimer(client, member));
    await world.settle();
    const before = targetsShown(server);
    expect(claimers.map(({ held }) => held.size)).toEqual([3, 3]);
    const other = await world.client();
    // Else they would give back what no target names.
    for (const one of claimers) one.isStuck = true;
    for (const { member } of [a, b]) await other.delete(PATHS.target(member.member));
    await world.settle();
    expect(targetsShown(server)).toEqual(before);
  });

  test("goes on with the targets that there are when an assignor throws, and says so", async () => {
    await using world = await groupWorld([topic("x", 6)]);
    const { server } = world;
    const moody: Assignor = {
      ...sticky,
      name: "moody",
      assign: (members, topics) => {
        if (members.length === 2) throw new RangeError("not two");
        return sticky.assign(members, topics);
      },
    };
    const errors: string[] = [];
    const options = { assignors: [moody], onLeaderError: (error: unknown) => errors.push((error as Error).message) };
    await world.join(options);
    await world.join(options);
    await world.settle(10_000);
    expect(errors).toEqual(["not two"]);
    expect(sizesIn(server)).toEqual([6]);
    await world.join(options);
    await world.settle();
    expect(sizesIn(server)).toEqual([2, 2, 2]);
  });

  test("gives way to one that knows the assignor of the members, and the group is not stopped", async () => {
    await using world = await groupWorld([topic("x", 6)]);
    const { server } = world;
    const mine: Assignor = { ...sticky, name: "mine" };
    const [a, b] = [await world.join({ assignors: [mine] }), await world.join({ assignors: [mine] })];
    const stranger = await world.join();
    await world.settle();
    expect(targetsIn(server).get(stranger.member.member)).toMatchObject({
      partitions: {},
      refused: expect.stringContaining("mine"),
    });
    expect(stranger.targets.at(-1)?.refused).toContain("mine");
    const before = written(server);
    // The stranger comes to lead.
    for (const { member } of [a, b]) {
      const { path } = server.dump().find(({ path: at }) => at.startsWith(`${PATHS.leader}/`))!;
      expect(member.isLeader).toBe(true);
      const evictor = await world.client();
      await soon(server, evictor.delete(path));
      await world.settle(200);
    }
    expect([a, b, stranger].map(({ member }) => member.isLeader)).not.toEqual([false, false, false]);
    await world.settle(5_000);
    expect(stranger.member.isLeader).toBe(false);
    expect(written(server)).toEqual(before);
    await stranger.member.leave({ timeoutMs: 0 });
  });

  test("asks the source for topics while it leads, again when that fails, and nobody else does", async () => {
    await using world = await groupWorld([topic("x", 6)]);
    const { server, topics } = world;
    topics.failure = new Error("no topics today");
    const errors: string[] = [];
    const a = await world.join({ onLeaderError: (error) => errors.push((error as Error).message) });
    await world.join();
    await world.settle();
    expect(errors).toEqual(["no topics today"]);
    expect(topics.asked).toBe(2);
    expect(sizesIn(server)).toEqual([3, 3]);
    expect(a.member.isLeader).toBe(true);
  });

  test("gives way when it has lost sight of the group, and another leads", async () => {
    await using world = await groupWorld([topic("x", 6)]);
    const { server } = world;
    const errors: string[] = [];
    const onLeaderError = (error: unknown): void => void errors.push((error as Error).message);
    // What its duty sees is closed under it, as when the group grows beyond all bounds.
    let calls = 0;
    const close = async ({ view }: Leading): Promise<void> => {
      if (++calls === 1) await view.members.close();
    };
    const [a, b] = [await world.join({ onLeaderError, duties: [close] }), await world.join()];
    await world.settle(20_000);
    expect(errors.length).toBeGreaterThan(3);
    expect(errors.length).toBeLessThan(30);
    expect([a, b].map(({ member }) => member.isLeader)).toEqual([false, true]);
    expect(sizesIn(server)).toEqual([3, 3]);
  });

  test("makes the group anew when somebody deletes all of it", async () => {
    await using world = await groupWorld([topic("x", 6)]);
    const { server } = world;
    const [a, b] = [await world.join(), await world.join({ instance: "i1" })];
    await world.settle();
    const other = await world.client();
    await soon(server, other.delete(PATHS.group, { recursive: true }));
    await world.settle(10_000);
    expect([a, b].map(({ member }) => member.isValid)).toEqual([true, true]);
    expect([a, b].map(({ lost }) => lost)).toEqual([["GUARD_FAILED"], ["GUARD_FAILED"]]);
    expect(Object.keys(targetsShown(server)).toSorted()).toEqual([a.member.member, "i1"].toSorted());
    expect(sizesIn(server)).toEqual([3, 3]);
    expect(groupIn(server)).toMatchObject({ format: 1, emptySinceMs: null });
  });

  test("runs the duties that were brought after each division and once a minute, under its guard, whatever they throw", async () => {
    await using world = await groupWorld([topic("x", 6)]);
    const calls: string[] = [];
    const errors: string[] = [];
    await world.join({
      onLeaderError: (error) => errors.push((error as Error).message),
      duties: [
        async ({ client, leadership, topics, view }) => {
          calls.push(`${topics?.length} topics, ${[...view.own.entries()].length} claims`);
          await client.create(`/duty-${calls.length}`, null, { guard: leadership.guard });
          throw new Error(`duty ${calls.length}`);
        },
      ],
    });
    await world.settle();
    expect(calls).toEqual(["1 topics, 0 claims"]);
    await world.settle(150_000);
    expect(calls).toHaveLength(3);
    expect(errors).toEqual(["duty 1", "duty 2", "duty 3"]);
    expect(world.server.dump().filter(({ path }) => path.startsWith("/duty-"))).toHaveLength(3);
  });
});

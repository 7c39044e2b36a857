import { describe, expect, test } from "vitest";
import type { SeenRequest } from "@corral/testing";
import { topic } from "./groups.ts";
import { groupWorld, type GroupWorld, type Joined, joined, sizesIn } from "./membership.ts";

/** Everybody joins in a few bursts. */
async function groupOf(world: GroupWorld, count: number): Promise<Joined[]> {
  const clients = await Promise.all(Array.from({ length: count }, () => world.client()));
  const joining = Promise.all(clients.map((client) => joined(client, world.topics)));
  await world.settle(10_000);
  const all = await joining;
  await world.settle();
  return all;
}

/** Requests by client while this happens, and who was told of a target. */
async function during(
  world: GroupWorld,
  all: readonly Joined[],
  act: () => Promise<unknown>,
): Promise<{ requests: readonly SeenRequest[]; told: number; bytes: number[] }> {
  const before = world.server.requests().length;
  const [told, bytes] = [all.map(({ targets }) => targets.length), all.map(({ client }) => client.stats().bytesIn)];
  const acting = act();
  await world.settle(3_000);
  await acting;
  return {
    requests: world.server.requests().slice(before),
    told: all.filter(({ targets }, at) => targets.length > told[at]!).length,
    bytes: all.map(({ client }, at) => client.stats().bytesIn - bytes[at]!),
  };
}

describe.each([10, 100, 500])("in a group of %i members with three partitions each", (count) => {
  test(
    "one who joins, leaves or dies costs the leader one write, and nobody else anything but those whose target changes",
    { timeout: 60_000 },
    async () => {
      await using world = await groupWorld([topic("x", count * 3)], { seed: count });
      const { server } = world;
      const all = await groupOf(world, count);
      expect(sizesIn(server)).toEqual(Array.from({ length: count }, () => 3));
      const leader = all.findIndex(({ member }) => member.isLeader);
      const newcomers = [await world.client(), await world.client()];
      const others = all.filter((_one, at) => at !== leader);
      /** What a newcomer takes, and who gives it. */
      const givers = 2;

      const joining = await during(world, all, () => joined(newcomers[0]!, world.topics));
      expect(sizesIn(server)).toEqual([2, 2, 2, ...Array.from({ length: count - 2 }, () => 3)]);
      expect(joining.told).toBeLessThanOrEqual(givers + 1);
      const own = (seen: readonly SeenRequest[], client: number): SeenRequest[] =>
        seen.filter((one) => one.client === client);
      const joinerId = count + 1;
      const leaderId = leader + 1;
      // Looks for room, registers, watches, looks for room, subscribes to its target, stands in the election.
      expect(own(joining.requests, joinerId).length).toBeLessThanOrEqual(14);
      expect(own(joining.requests, leaderId).map(({ op }) => op)).toEqual(["multiEach"]);
      expect(joining.requests.filter(({ client }) => client !== joinerId && client !== leaderId)).toEqual([]);

      const gone = others.at(-1)!;
      const leaving = await during(world, all, () => gone.member.leave());
      // Itself is told that its life is over.
      expect(leaving.told).toBeLessThanOrEqual(3 + 1);
      const goneId = all.indexOf(gone) + 1;
      expect(own(leaving.requests, leaderId).map(({ op }) => op)).toEqual(["multiEach"]);
      // Whoever stood behind it in the election stands behind the one before it now.
      expect(
        leaving.requests.filter(({ client }) => client !== goneId && client !== leaderId).length,
      ).toBeLessThanOrEqual(4);

      const dead = others[1]!;
      server.faults.partition(dead.client);
      const dying = await during(world, all, () => server.faults.expire(dead.client));
      expect(dying.told).toBeLessThanOrEqual(3 + 1);
      expect(own(dying.requests, leaderId).map(({ op }) => op)).toEqual(["multiEach"]);
      const deadId = all.indexOf(dead) + 1;
      expect(
        dying.requests.filter(({ client }) => client !== deadId && client !== leaderId).length,
      ).toBeLessThanOrEqual(4);
      // Members that nothing changes for hear nothing but the answers to their pings.
      const quiet = dying.bytes.filter((_bytes, at) => at !== leader && at + 1 !== deadId).toSorted((a, b) => a - b);
      expect(quiet[Math.floor(quiet.length / 2)]).toBeLessThan(200);
    },
  );
});

/** Members that come, go, stall and die, and a world that breaks as a seed decides: in the end everything is divided, once. */
import { between, drawFrom, oneOf } from "@corral/testing/world";
import { describe, expect, test } from "vitest";
import { cooperativeSticky } from "../src/assignors/cooperative-sticky.ts";
import { range } from "../src/assignors/range.ts";
import { topic } from "./groups.ts";
import { groupIn, type Joined, joined, membersIn, PATHS, SESSION_MS, sizesIn, targetsIn } from "./membership.ts";
import { groupWorld } from "./membership.ts";
import { Claimer } from "./membership-claiming.ts";

const STEPS = 30;
const MEMBERS_MAX = 8;
const INSTANCES = ["i1", "i2"];

interface Living extends Joined {
  readonly claimer: Claimer;
  readonly instance: string | undefined;
}

describe("a group in chaos", () => {
  test.each(Array.from({ length: 12 }, (_, at) => at + 1))(
    "of seed %i: comes to rest with everything targeted and claimed once, in even shares, and epochs that only rise",
    async (seed) => {
      await using world = await groupWorld([topic("x", 7)], { seed, log: seed % 4 === 0 ? "file" : "memory" });
      const { server } = world;
      const draw = drawFrom(seed, "chaos of groups");
      let living: Living[] = [];
      const joining = new Set<Promise<void>>();
      const epochs: number[] = [];
      /** By partition, the czxids of its claims, as seen. */
      const claims = new Map<string, number>();
      let isDown = false;

      const join = (): void => {
        if (living.length + joining.size >= MEMBERS_MAX) return;
        const instance = draw() < 0.3 ? oneOf(draw, INSTANCES) : undefined;
        const options = {
          topics: draw() < 0.5 ? ["x", "y"] : /^[xy]$/u,
          instance,
          instanceGraceMs: between(draw, 1_000, 30_000),
          onInstanceInUse: oneOf(draw, ["error", "take-over"] as const),
          rebalanceTimeoutMs: between(draw, 2_000, 20_000),
          assignors: draw() < 0.2 ? [range, cooperativeSticky] : undefined,
          timeoutMs: 10_000,
        };
        const coming = (async () => {
          const client = await server.connect({ session: { timeoutMs: SESSION_MS }, timeoutMs: Infinity });
          try {
            const one = await joined(client, world.topics, options);
            living.push({ ...one, claimer: new Claimer(client, one.member), instance });
          } catch {
            // The instance is in use, or the time was over: nothing stays of it.
            await client.close();
          }
        })();
        joining.add(coming);
        void coming.finally(() => joining.delete(coming));
      };

      const strike = (): void => {
        const one = living.length === 0 ? undefined : oneOf(draw, living);
        const ms = oneOf(draw, [between(draw, 1, 200), between(draw, 200, 5_000), between(draw, 5_000, 20_000)]);
        switch (
          oneOf(draw, [
            "join",
            "join",
            "leave",
            "away",
            "expire",
            "stall",
            "cut",
            "partition",
            "drop",
            "forget",
            "stuck",
            "topics",
            "restart",
            "close",
          ] as const)
        ) {
          case "join":
            return join();
          case "leave":
          case "away":
          case "close": {
            if (one === undefined) return;
            living = living.filter((other) => other !== one);
            void (async () => {
              if (draw() < 0.7) await one.claimer.release().catch(() => undefined);
              await one.member.leave({ temporarily: draw() < 0.5 });
              if (draw() < 0.5) await one.client.close();
            })();
            return;
          }
          case "expire":
            if (one !== undefined && !isDown) server.faults.expire(one.client).catch(() => undefined);
            return;
          case "stall":
            if (one !== undefined) server.faults.stallClient(one.client, ms);
            return;
          case "cut":
            return server.faults.cut("all");
          case "partition": {
            if (one === undefined) return;
            const fault = server.faults.partition(one.client);
            server.faults.at({ nth: between(draw, 5, 40) }, () => fault.end());
            return;
          }
          case "drop":
            if (draw() < 0.5) server.faults.dropReply({ nth: between(draw, 1, 6) });
            else server.faults.dropRequest({ nth: between(draw, 1, 6) });
            return;
          case "forget":
            return isDown ? undefined : server.faults.forgetHistory();
          case "stuck":
            if (one !== undefined) one.claimer.isStuck = true;
            return;
          case "topics":
            return world.topics.set([topic("x", between(draw, 1, 12)), ...(draw() < 0.5 ? [topic("y", 5)] : [])]);
          case "restart":
            if (isDown) return;
            isDown = true;
            void server.faults.restart({ crash: draw() < 0.5, downMs: ms / 4 }).then(() => (isDown = false));
        }
      };

      const look = (): void => {
        if (isDown) return;
        const epoch = groupIn(server)?.epoch;
        if (epoch !== undefined) epochs.push(epoch);
        for (const { path, czxid, owner } of server.dump()) {
          if (owner === 0 || !path.startsWith(`${PATHS.own}/`)) continue;
          expect(czxid).toBeGreaterThanOrEqual(claims.get(path) ?? 0);
          claims.set(path, czxid);
        }
      };

      for (let i = 0; i < 3; i++) join();
      for (let step = 0; step < STEPS; step++) {
        strike();
        const ms = oneOf(draw, [0, between(draw, 1, 50), between(draw, 50, 500), between(draw, 500, 6_000)]);
        for (let left = ms; left > 0; left -= 100) {
          await world.settle(Math.min(100, left));
          look();
        }
      }
      // Everything heals.
      for (const { claimer } of living) claimer.isStuck = false;
      world.topics.set([topic("x", 11), topic("y", 5)]);
      // Whatever waits for its nth request: pings are none.
      const healer = server.connect();
      for (let i = 0; i < 30 || joining.size > 0 || isDown; i++) {
        await world.settle(1_000);
        look();
        for (let j = 0; j < 50 && !isDown; j++) void healer.then((client) => client.exists("/")).catch(() => undefined);
        if (i > 200) throw new Error(`still joining: ${joining.size}, down: ${isDown}`);
      }
      while (living.length < 2) {
        join();
        await world.settle(15_000);
      }
      for (const { claimer } of living) claimer.getUnstuck();
      await world.settle(60_000);
      look();

      const alive = living.filter(({ member }) => !member.signal.aborted);
      const names = alive.map(({ member }) => member.member).toSorted();
      expect([...membersIn(server).keys()].toSorted()).toEqual(names);
      expect([...targetsIn(server).keys()].toSorted()).toEqual(names);
      const given = [...targetsIn(server).values()].flatMap(({ partitions }) =>
        Object.entries(partitions).flatMap(([name, numbers]) => numbers.map((number) => `${name}/${number}`)),
      );
      expect(given.toSorted()).toEqual(
        [
          ...Array.from({ length: 11 }, (_, at) => `x/${at}`),
          ...Array.from({ length: 5 }, (_, at) => `y/${at}`),
        ].toSorted(),
      );
      const sizes = sizesIn(server);
      // The assignor `range` is even for each topic only.
      const spread = groupIn(server)?.assignor === "range" ? 2 : 1;
      expect(sizes.at(-1)! - sizes[0]!).toBeLessThanOrEqual(spread);
      expect(epochs).toEqual(epochs.toSorted((a, b) => a - b));
      expect(epochs.at(-1)).toBeGreaterThan(1);
      const { epoch, assignmentEpoch, emptySinceMs } = groupIn(server)!;
      expect({ assignmentEpoch, emptySinceMs }).toEqual({ assignmentEpoch: epoch, emptySinceMs: null });
      expect(alive.filter(({ member }) => member.isLeader)).toHaveLength(1);
      expect(alive.reduce((sum, { claimer }) => sum + claimer.held.size, 0)).toBe(16);
      for (const { member, claimer } of alive) {
        const wanted = Object.values(targetsIn(server).get(member.member)!.partitions).flat().length;
        expect(claimer.held.size).toBe(wanted);
      }
    },
  );
});

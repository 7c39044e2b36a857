/** Brokers with a replicated log in a world that breaks as a seed decides: whatever was acknowledged is there, for ever. */
import { between, oneOf } from "@corral/testing/world";
import { expect, test } from "vitest";
import { type ChaosWorld, chaosWorld, SESSION_MS, type Strike } from "./chaos-world.ts";
import type { Judge, Mistake } from "./replicated-log.ts";

const SEEDS = Number(process.env["AGENT_CHAOS_SEEDS"] ?? 3);
const FIRST_SEED = Number(process.env["AGENT_CHAOS_FIRST"] ?? 1);
const ROUNDS = 14;
const LOSING_ROUNDS = 4;
/** Records that a disk loses with a crash. */
const LOST_MAX = 15;

async function run(seed: number, mistake?: Mistake): Promise<Judge> {
  await using world = await chaosWorld(seed, { mistake });
  const { draw, server, judge } = world;
  for (let round = 0; round < ROUNDS; round += 1) {
    const ends = [await world.strike()];
    if (draw() < 0.4) ends.push(await world.strike());
    await server.clock.advance(between(draw, 100, 6_000));
    for (const end of ends) await end();
    await server.clock.advance(between(draw, 0, 3_000));
  }
  await world.heal();
  world.judgeAll();
  return judge;
}

/** What an administrator does at the same moment. */
function administer(world: ChaosWorld): void {
  const { admin, draw } = world;
  const ids = [...world.hosts.keys()];
  const partitions = world
    .topics()
    .flatMap(({ name, partitions: all }) => all.map(({ partition }) => ({ topic: name, partition })));
  const targets = partitions
    .filter(() => draw() < 0.5)
    .map((one) => ({ ...one, replicas: ids.toSorted(() => draw() - 0.5).slice(0, 3) }));
  const doing = oneOf(draw, [
    () => admin.reassign(targets),
    () => admin.reassign(targets),
    () => admin.cancelReassignment(partitions),
    () => admin.electLeaders("preferred", partitions),
    () => admin.electLeaders("unclean", partitions),
    () => Promise.resolve(),
  ])();
  doing.catch(() => undefined);
}

const PASSING: readonly Strike[] = [
  "expire", "expire", "expire", "partition", "deaf", "mute", "stall", "sleep", "cut", "dropReply", "dropRequest", "late", "forget",
  "leave", "nothing",
]; // prettier-ignore

/**
 * All replicas are in sync; then one broker crashes, its disks lose the end of their logs, and at the same time something happens to another. A
 * third one is there all the time: so nothing may be lost, though unclean elections are allowed.
 */
async function runLosing(seed: number): Promise<Judge> {
  await using world = await chaosWorld(seed, { configs: { "unclean.leader.election.enable": "true" } });
  const { draw, server, judge } = world;
  for (let round = 0; round < LOSING_ROUNDS; round += 1) {
    await world.heal();
    const crashing = oneOf(draw, world.living());
    const others = world.living().filter((host) => host !== crashing);
    const controller = others.find(({ agent }) => agent?.controller?.isMe === true);
    const other = draw() < 0.5 ? (controller ?? oneOf(draw, others)) : oneOf(draw, others);
    administer(world);
    await server.clock.advance(between(draw, 0, 200));
    const back = world.crash(crashing, LOST_MAX);
    const end = await world.strike(other, oneOf(draw, PASSING));
    await back();
    await server.clock.advance(between(draw, 0, 2 * SESSION_MS));
    await end();
  }
  await world.heal();
  world.judgeAll();
  return judge;
}

test.each<[string, (seed: number) => Promise<Judge>]>([
  ["that break", run],
  ["where disks lose the end of what was written last", runLosing],
])(
  `what was acknowledged is there, and each epoch has one leader, in worlds %s`,
  async (_, runIn) => {
    let acknowledged = 0;
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed += 1) {
      const judge = await runIn(seed);
      expect([`seed ${seed}`, judge.problems]).toEqual([`seed ${seed}`, []]);
      acknowledged += judge.acknowledged;
    }
    expect(acknowledged).toBeGreaterThan(SEEDS * 100);
  },
  115_000,
);

test.each<Mistake>(["acknowledges at once", "claims what it has not", "keeps what diverged", "ignores its end"])(
  "a host that %s is found out",
  async (mistake) => {
    const problems: string[] = [];
    for (let seed = 1; seed <= 20 && problems.length === 0; seed += 1) {
      problems.push(...(await run(seed, mistake)).problems);
    }
    expect(problems.join("; ")).toMatch(/without|another record|does not heal|what it has not/);
  },
  60_000,
);

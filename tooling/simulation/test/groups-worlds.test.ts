/** Groups in worlds that break, of each mode: what is promised holds, by their log and by what their programs noted; mistakes are found. */
import { expect, test } from "vitest";
import { type Mode, scenarioOf } from "../src/cast/groups/scenario.ts";
import type { Plant } from "../src/plant.ts";
import { type RunResult, run } from "../src/run.ts";
import { type Plan, planOf } from "../src/world/plan.ts";

const change = (plan: Plan): Plan => ({ ...plan, casts: ["groups"], options: {}, limits: {}, lie: undefined });
const modeOf = (seed: number): Mode => scenarioOf(planOf(seed), undefined).mode;

/** Seeds whose groups have this mode, from 1 on. */
const seedsOf = (mode: Mode, count: number): number[] =>
  Array.from({ length: 100 }, (_, at) => at + 1)
    .filter((seed) => modeOf(seed) === mode)
    .slice(0, count);

async function well(seed: number): Promise<RunResult> {
  const result = await run(seed, { change });
  expect(result.violations).toEqual([]);
  // A group has been there, and something has become of it.
  expect(result.marks.filter((mark) => mark.startsWith("group:"))).not.toEqual([]);
  expect(result.figures["entries"]).toBeGreaterThan(50);
  return result;
}

test.each(seedsOf("together", 2))(
  "in world %i effects committed with the offset happen exactly once, whoever is killed, and no claim is held by two",
  async (seed) => void (await well(seed)),
);

test.each(seedsOf("sink", 2))(
  "in world %i a sink that checks tokens and keeps the place takes every message once, in order",
  async (seed) => void (await well(seed)),
);

test.each(seedsOf("now and then", 2))(
  "in world %i, with commits now and then, nothing is lost and no offset goes back unless somebody asks for it",
  async (seed) => void (await well(seed)),
);

test("a world of groups is the same each time", async () => {
  const [first, again] = [await run(5, { change }), await run(5, { change })];
  expect(again.hash).toBe(first.hash);
  expect(again.figures).toEqual(first.figures);
});

const PLANTED: readonly (readonly [Plant, string])[] = [
  ["effects-beside-offset", "group effects"],
  ["sink-ignores-tokens", "group effects"],
  ["commits-before-handling", "group handling"],
  ["offsets-set-unseen", "group claims"],
  ["restless-assignor", "group divisions"],
];
const SEEDS_MAX = 30;
test.each(PLANTED)("a mistake in the programs is found: %s", { timeout: 60_000 }, async (plant, check) => {
  for (let seed = 1; seed <= SEEDS_MAX; seed++) {
    const { violations } = await run(seed, { plant, change });
    if (violations.some((one) => one.check === check)) return;
  }
  expect.unreachable(`${SEEDS_MAX} seeds did not show ${plant}`);
});

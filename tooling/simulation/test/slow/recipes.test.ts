/** Worlds of programs that use recipes: the same seed is the same world, and mistakes of programs are found. */
import { expect, test } from "vitest";
import type { Plant } from "../../src/plant.ts";
import { run, type RunOptions } from "../../src/run.ts";
import type { Plan } from "../../src/world/plan.ts";

const alone = (plan: Plan): Plan => ({ ...plan, casts: ["recipes"], options: {} });
const world = (seed: number, options: RunOptions = {}): ReturnType<typeof run> =>
  run(seed, { ...options, change: alone });

test("programs that use recipes live the same lives each time, and get what they were promised", async () => {
  const [first, again] = [await world(4), await world(4)];
  expect(again.hash).toBe(first.hash);
  expect([first.violations, again.violations]).toEqual([[], []]);
});

/** Each with the checks of which one has to find it. */
const MISTAKES: readonly (readonly [Plant, readonly string[]])[] = [
  ["writes-without-token", ["recipes: fencing"]],
  ["writes-without-guard", ["recipes: fencing"]],
  ["holds-before-its-turn", ["recipes: holds"]],
  ["passes-without-waiting", ["recipes: barrier"]],
  ["adds-again", ["recipes: counter"]],
  ["never-releases", ["rest"]],
  ["drops-jobs", ["recipes: queue"]],
];
const SEEDS = 60;
for (const [plant, checks] of MISTAKES) {
  test(`a mistake of programs is found: ${plant}`, { timeout: 90_000 }, async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { violations } = await world(seed, { plant });
      if (violations.some(({ check }) => checks.includes(check))) return;
    }
    expect.unreachable(`${SEEDS} seeds did not show ${plant}`);
  });
}

/** Mistakes built into the programs of a group are found in a few worlds; without one, the same worlds are fine. */
import { expect, test } from "vitest";
import type { Plan } from "../src/world/plan.ts";
import type { Plant } from "../src/plant.ts";
import { run } from "../src/run.ts";

const SEEDS_MAX = 12;
const change = (plan: Plan): Plan => ({
  ...plan,
  casts: ["groups"],
  options: {},
  limits: { ...plan.limits, subscriptionsPerConnection: 20 },
});

const PLANTED: readonly (readonly [Plant, string])[] = [
  ["effects-beside-offset", "group effects"],
  ["sink-ignores-tokens", "group effects"],
  ["commits-before-handling", "group handling"],
  ["offsets-set-unseen", "group claims"],
  ["restless-assignor", "group divisions"],
];
for (const [plant, check] of PLANTED)
  test(`a planted mistake is found: ${plant}`, { timeout: 60_000 }, async () => {
    for (let seed = 1; seed <= SEEDS_MAX; seed++) {
      const { violations } = await run(seed, { plant, change });
      if (violations.some((one) => one.check === check)) return;
    }
    expect.unreachable(`${SEEDS_MAX} seeds did not show ${plant}`);
  });

test("groups that make no mistake pass, the same each time", { timeout: 60_000 }, async () => {
  for (let seed = 1; seed <= 3; seed++) {
    const [first, again] = [await run(seed, { change }), await run(seed, { change })];
    expect(first.violations).toEqual([]);
    expect(again.hash).toBe(first.hash);
    expect(first.marks.some((mark) => mark.startsWith("group:"))).toBe(true);
  }
});

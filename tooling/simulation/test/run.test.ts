/** Whole runs: the same seed is the same world, a healthy one passes, and planted bugs are found. */
import { expect, test } from "vitest";
import type { Plant } from "../src/plant.ts";
import { run } from "../src/run.ts";

test("a seed gives the same world each time, another seed another", async () => {
  const [first, again, other] = [await run(2), await run(2), await run(3)];
  expect(again.hash).toBe(first.hash);
  expect(again.figures).toEqual(first.figures);
  expect(other.hash).not.toBe(first.hash);
  expect([first.violations, other.violations]).toEqual([[], []]);
});

/** Each with the checks of which at least one has to find it, and seeds in which it strikes. */
const PLANTED: readonly (readonly [Plant, readonly string[]])[] = [
  ["early-ack", ["log"]],
  ["lost-record", ["states"]],
  ["swapped-records", ["log", "states"]],
  ["late-events", ["watches"]],
  ["lost-event", ["watches"]],
  ["lost-change", ["subscriptions"]],
  ["stale-reply", ["wire"]],
];
for (const [plant, checks] of PLANTED) {
  test(`a planted bug is found: ${plant}`, { timeout: 60_000 }, async () => {
    for (let seed = 1; seed <= 25; seed++) {
      const { violations } = await run(seed, { plant });
      if (violations.some(({ check }) => checks.includes(check))) return;
    }
    expect.unreachable(`25 seeds did not show ${plant}`);
  });
}

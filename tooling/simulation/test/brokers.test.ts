/** Whole worlds with brokers: healthy ones pass, the same each time; mistakes that are built in are found, in hosts and in agents. */
import { expect, test } from "vitest";
import { transactionsOf } from "../src/check/brokers/transactions.ts";
import type { Plant } from "../src/plant.ts";
import { run, type RunResult } from "../src/run.ts";
import { Log } from "./hand-made.ts";

const runBrokers = (seed: number, plant?: Plant): Promise<RunResult> =>
  run(seed, { plant, change: (plan) => ({ ...plan, casts: ["brokers"] }) });

test("a world with brokers passes, and is the same each time", { timeout: 60_000 }, async () => {
  const [first, again] = [await runBrokers(3), await runBrokers(3)];
  expect(first.violations).toEqual([]);
  expect(again.hash).toBe(first.hash);
  expect(first.marks).toEqual(expect.arrayContaining(["a leader changed", "the in-sync replicas grew"]));
});

/** One in which most of the mistakes strike; and how many may be looked at. */
const FIRST = 4;
const SEEDS = 12;
/** Each with what has to find it. */
const PLANTED: readonly (readonly [plant: Plant, what: RegExp])[] = [
  ["host-acknowledges-at-once", /without \d+, which was acknowledged/],
  ["host-claims-what-it-has-not", /which it has not|not in sync|differ/],
  ["host-keeps-what-diverged", /another record|not in sync|differ/],
  ["host-ignores-its-end", /without \d+, which was acknowledged/],
  ["agent-writes-unguarded", /no controller|not registered|is not the session|was there all the time/],
  ["agent-keeps-the-epoch", /rises by 0|is led by/],
  ["agent-elects-strangers", /was not in sync before/],
  ["agent-misses-changes", /the log has|was told that/],
];
for (const [plant, what] of PLANTED) {
  test(`a mistake is found: ${plant}`, { timeout: 60_000 }, async () => {
    for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
      const { violations } = await runBrokers(seed, plant);
      if (violations.some((one) => what.test(one.what))) return;
    }
    expect.unreachable(`${SEEDS} seeds did not show ${plant}`);
  });
}

test("what a log did to a cluster is read from its entries: whose session it was, what was before, nothing of other paths", () => {
  const log = new Log();
  log.create("/c");
  log.create("/other");
  const created = log.create("/c/brokers");
  const changed = log.set("/c/brokers");
  log.set("/other");
  const deleted = log.delete("/c/brokers");
  const found = transactionsOf(log.entries, "/c");
  expect(found.map(({ zxid }) => zxid)).toEqual([2, created, changed, deleted]);
  expect(found.every(({ session }) => session === 1)).toBe(true);
  const [, first, second, last] = found.map(({ changes }) => changes[0]);
  expect(first).toMatchObject({ path: "brokers", before: undefined, now: { czxid: created, version: 0 } });
  expect(second).toMatchObject({ before: { mzxid: created }, now: { czxid: created, mzxid: changed, version: 1 } });
  expect(last).toMatchObject({ before: { mzxid: changed }, now: undefined });
});

/** The report of a campaign: sums, marks and what was never reached. */
import { expect, test } from "vitest";
import { linesOf, linesOfMarks, MARKS_SEEDS_MIN, Tally } from "../src/campaign/tally.ts";

const figures = {
  starts: 3,
  calls: 100,
  entries: 40,
  frames: 60,
  events: 500,
  "virtual ms": 1_800_000,
  "fault cut": 2,
  fatal: 1,
};

test("figures are added up, and each stands in its place", () => {
  const tally = new Tally(new Set(["a"]));
  tally.add({ figures, marks: ["a"] });
  tally.add({ figures: { ...figures, "fault kill": 1, "kill while writing": 1 }, marks: [] });
  expect(tally.report(2, 1_234.5)).toMatchObject({
    seeds: 2,
    threads: 2,
    realMs: 1_235,
    virtualHours: 1,
    calls: 200,
    entries: 80,
    frames: 120,
    events: 1_000,
    restarts: 4,
    faults: { cut: 4, kill: 1 },
    during: { writing: { kill: 1 } },
    others: { fatal: 2 },
    failures: [],
  });
});

test("a mark counts once a seed, and those never hit are told", () => {
  const tally = new Tally(new Set(["often", "once", "never"]));
  tally.add({ figures, marks: ["often", "often", "once"] });
  tally.add({ figures, marks: ["often"] });
  const report = tally.report(1, 1);
  expect(report.marks).toEqual({ never: 0, often: 2, once: 1 });
  expect(report.neverHit).toEqual(["never"]);
  const lines = linesOfMarks(report);
  expect(lines[0]).toBe("marks hit 2 of 3, each in so many seeds:");
  expect(lines).toContain("1 marks never hit in 2 seeds:");
  expect(lines.at(-1)).toBe("       -  never");
});

test("a mark that a large campaign never hits is a warning, in a small one it is not", () => {
  const warned = (seeds: number): boolean => {
    const tally = new Tally(new Set(["never"]));
    for (let i = 0; i < seeds; i++) tally.add({ figures, marks: [] });
    return linesOfMarks(tally.report(1, 1)).some((line) => line.startsWith("warning: "));
  };
  expect([warned(MARKS_SEEDS_MIN - 1), warned(MARKS_SEEDS_MIN)]).toEqual([false, true]);
});

test("failures are kept with the line that replays them", () => {
  const tally = new Tally(new Set());
  tally.fail("--seed 3", "wire", "told more");
  expect(tally.report(1, 1).failures).toEqual([{ replay: "--seed 3", check: "wire", what: "told more" }]);
});

test("an empty campaign can be told too", () => {
  expect(linesOf(new Tally().report(1, 0)).join("\n")).toContain("0 seeds");
});

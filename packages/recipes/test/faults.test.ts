/**
 * Every recipe, struck by every fault at every step of what it does; see faults/table.ts.
 *
 * One alone: `CORRAL_FAULTS="lock: acquire and release|drop reply|3" vitest run test/faults.test.ts`; fault and step may be left out.
 */
import { describe, expect, test } from "vitest";
import { allScenarios, select } from "./faults/selection.ts";
import { type Baseline, baselineOf, report, verdictsOf } from "./faults/table.ts";

const all = await allScenarios();
const { scenarios, faults, step } = select(all, process.env["CORRAL_FAULTS"]);

test("no two scenarios have the same name", () => {
  expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
});

for (const scenario of scenarios) {
  describe(`${scenario.name}`, () => {
    let baseline: Promise<Baseline> | undefined;
    const first = (): Promise<Baseline> => (baseline ??= baselineOf(scenario));

    test("works without faults, step by step", async () => {
      const { verdict, steps } = await first();
      expect(report(verdict)).toBe("");
      expect(steps).toBeGreaterThan(0);
    });

    for (const fault of faults) {
      test(`survives ${fault.name} at every step`, async () => {
        const verdicts = await verdictsOf(scenario, fault, await first(), step);
        expect(verdicts.map(report).filter(Boolean).join("\n\n")).toBe("");
        // A blow may change the way that is gone, but not every one can miss.
        expect(verdicts.filter(({ struck }) => struck !== undefined)).not.toEqual([]);
      }, 60_000);
    }
  });
}

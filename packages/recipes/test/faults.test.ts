/**
 * Every recipe, struck by every fault; see faults/table.ts. Each fault strikes at one step here, another one each, so that together
 * they strike at all; `npm run recipes:faults` strikes every fault at every step.
 *
 * One alone: `CORRAL_FAULTS="lock: acquire and release|drop reply|3" vitest run test/faults.test.ts`; without a step, at every one.
 */
import { describe, expect, test } from "vitest";
import { allScenarios, select } from "./faults/selection.ts";
import { type Baseline, baselineOf, report, verdictsOf } from "./faults/table.ts";

const all = await allScenarios();
const wanted = process.env["CORRAL_FAULTS"];
const { scenarios, faults, step } = select(all, wanted);

test("no two scenarios have the same name", () => {
  expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
});

for (const scenario of scenarios) {
  describe(`${scenario.name}`, () => {
    let known: Promise<Baseline> | undefined;
    const first = (): Promise<Baseline> => (known ??= baselineOf(scenario));

    test("works without faults, step by step", async () => {
      const { verdict, steps } = await first();
      expect(report(verdict)).toBe("");
      expect(steps).toBeGreaterThan(0);
    });

    for (const [i, fault] of faults.entries()) {
      test(`survives ${fault.name}`, async () => {
        const baseline = await first();
        const at = wanted === undefined ? 1 + (i % baseline.steps) : step;
        const verdicts = await verdictsOf(scenario, fault, baseline, at);
        expect(verdicts.map(report).filter(Boolean).join("\n\n")).toBe("");
        // A blow may change the way that is gone, but not every one can miss.
        expect(verdicts.filter(({ struck }) => struck !== undefined)).not.toEqual([]);
      }, 60_000);
    }
  });
}

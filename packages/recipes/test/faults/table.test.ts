/** The table finds what it is for: recipes with one mistake each fail under the faults that bring it to light, and under no others. */
import { expect, test } from "vitest";
import { FAULTS } from "./faults.ts";
import { foundIn, planted } from "./planted.ts";
import type { Scenario, Stage } from "./scenario.ts";
import { allScenarios, select } from "./selection.ts";
import { report, rowOf } from "./table.ts";

/** Each makes some hundred worlds; on a busy machine that takes a while. */
const TIMEOUT_MS = 60_000;

for (const plant of planted) {
  test(
    `what is ${plant.scenario.name} is found`,
    async () => {
      const row = await rowOf(plant.scenario, FAULTS);
      expect(foundIn(row)).toEqual(plant.foundBy);
      for (const verdict of [row.baseline, ...row.cells.values()].flat()) {
        if (verdict.failures.length > 0) expect(report(verdict)).toMatch(plant.says);
      }
    },
    TIMEOUT_MS,
  );
}

test("a failure names the scenario, the fault, the step with its request, and how to see it alone", async () => {
  const { scenario } = planted[0]!;
  const row = await rowOf(scenario, select([scenario], `${scenario.name}|drop reply|1`).faults);
  const text = report(row.cells.get("drop reply")![0]!);
  expect(text).toContain(`${scenario.name}, drop reply at step 1 (create /locks/a/n-): act came to ok`);
  expect(text).toContain("  > 1 create /locks/a/n-\n    2 create /locks/a/n-\n");
  expect(text).toContain(`--only "${scenario.name}|drop reply|1"`);
});

test("a scenario that is at fault itself is told so", async () => {
  const name = "mistaken";
  const settled = async (): Promise<void> => {};
  const said = async (scenario: Scenario): Promise<string> => report((await rowOf(scenario, [])).baseline);
  expect(await said({ name, act: () => expect.unreachable("at once"), settled })).toContain("at once");
  expect(await said({ name, act: async () => {}, settled: () => new Promise(() => {}) })).toContain(
    "settled waits for what never comes",
  );
  expect(await said({ name, prepare: () => new Promise(() => {}), act: async () => {}, settled })).toContain(
    "not settled after 120000 ms",
  );
  const act = async ({ subject }: Stage): Promise<void> => {
    for (let i = 0; i <= 40; i++) await subject.exists("/a");
  };
  expect(await said({ name, act, settled })).toContain("it has 41 steps, more than 40");
});

test(
  "the same world each time",
  async () => {
    const { scenario } = planted[1]!;
    expect(await rowOf(scenario, FAULTS)).toEqual(await rowOf(scenario, FAULTS));
  },
  TIMEOUT_MS,
);

test("what is selected: all, a part of the name, one fault, one step", async () => {
  const all = await allScenarios();
  expect(select(all, undefined)).toEqual({ scenarios: all, faults: FAULTS, step: undefined });
  const [plain, longer] = [
    { ...planted[0]!.scenario, name: "a: b" },
    { ...planted[0]!.scenario, name: "a: b and c" },
  ];
  expect(select([longer, plain], "a: b|drop reply|3")).toMatchObject({
    scenarios: [{ name: "a: b" }],
    faults: [{ name: "drop reply" }],
    step: 3,
  });
  expect(select([longer, plain], "b").scenarios).toHaveLength(2);
  expect(() => select(all, "nothing like this")).toThrow('no scenario is called "nothing like this"');
  expect(() => select([plain], "a|flood")).toThrow('no fault is called "flood": drop request, ');
  expect(() => select([plain], "a||x")).toThrow('"x" is not the number of a step');
});

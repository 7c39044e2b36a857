/** Cases made small: of what can be left out nothing is left, and what is left fails by the same check. */
import { expect, test } from "vitest";
import { type Case, failureOf, planOfCase, textOfFailure } from "../../src/campaign/case.ts";
import { perform } from "../../src/campaign/perform.ts";
import { shrink, SHRINK_RUNS_MAX, type Trial } from "../../src/campaign/shrink.ts";
import type { Plant } from "../../src/plant.ts";
import { type Plan, planOf } from "../../src/world/plan.ts";

const SEED = 1;
/** As if the programs of this world took these steps, whatever else happens. */
const STEPS = Array.from({ length: 200 }, (_, i) => (i % 10 === 0 ? `strike ${i}` : `1 act ${i}`));

/** A world that fails by `check` if this is true of its plan and of the steps that were taken. */
function world(isWrong: (plan: Plan, steps: readonly string[]) => boolean, check = "wire") {
  return async (wanted: Case): Promise<Trial> => {
    const taken: string[] = [];
    const plan = planOfCase(wanted, (step) => taken.push(step))(planOf(SEED));
    const steps = STEPS.filter((step) => plan.mayAct(step));
    return { checks: isWrong(plan, steps) ? [check, "states"] : ["states"], steps: taken };
  };
}

test("everything but the steps that are needed is left out", async () => {
  const tryIt = world((_, steps) => steps.includes("1 act 33") && steps.includes("strike 150"));
  const { least } = await shrink({ seed: SEED, clients: 3 }, "wire", tryIt, () => 0);
  expect(least).toEqual({
    seed: SEED,
    without: undefined,
    casts: [],
    clients: 1,
    steps: ["1 act 33", "strike 150"],
    chaosMs: 1,
  });
});

test("a kind of fault, a cast, a second client and some time stay if they are needed", async () => {
  const tryIt = world(
    (plan, steps) =>
      plan.mayAct("kill") &&
      plan.casts.includes("actors") &&
      plan.clients >= 2 &&
      plan.chaosMs >= 777 &&
      steps.length > 2,
  );
  const { least } = await shrink({ seed: SEED, casts: ["actors", "recipes"], clients: 5 }, "wire", tryIt, () => 0);
  expect(least).toMatchObject({ casts: ["actors"], clients: 2, chaosMs: 777 });
  expect(least.steps).toHaveLength(3);
});

test("another failure is not the same failure", async () => {
  // Without the strike it fails too, by another check.
  const tryIt = world((_, steps) => steps.includes("strike 50"));
  const { least } = await shrink({ seed: SEED }, "wire", tryIt, () => 0);
  expect(least.steps).toEqual(["strike 50"]);
});

test("what does not fail again stays as it is", async () => {
  const { least, runs } = await shrink(
    { seed: SEED },
    "wire",
    world(() => false),
    () => 0,
  );
  expect([least, runs]).toEqual([{ seed: SEED }, 1]);
});

test("the search is bounded in time and in runs", async () => {
  let now = 0;
  let runs = 0;
  const tryIt = world((_, steps) => steps.length === STEPS.length);
  const slow = await shrink(
    { seed: SEED },
    "wire",
    (wanted) => ((now += 30_000), tryIt(wanted)),
    () => now,
  );
  expect(slow.runs).toBeLessThanOrEqual(3);
  await shrink(
    { seed: SEED },
    "wire",
    async () => (runs++, { checks: ["wire"], steps: STEPS.map((s) => s + runs) }),
    () => 0,
  );
  expect(runs).toBeLessThanOrEqual(SHRINK_RUNS_MAX);
});

/** Each with the checks that may find it. */
const PLANTED: readonly (readonly [Plant, string, number])[] = [
  ["late-events", "watches", 20],
  ["early-ack", "log", 20],
];
for (const [plant, check, stepsMax] of PLANTED) {
  test(
    `a planted bug comes down to a few steps, from a file too, and is not there without it: ${plant}`,
    { timeout: 120_000 },
    async () => {
      const tryIt = async (wanted: Case): Promise<Trial> => {
        const { violations, steps } = await perform({ wanted, tell: "steps" });
        return { checks: violations.map((violation) => violation.check), steps };
      };
      let seed = 100;
      while (!(await tryIt({ seed, plant })).checks.includes(check)) expect(seed++).toBeLessThan(150);
      const { least } = await shrink({ seed, plant }, check, tryIt, () => performance.now());
      expect(least.steps!.length).toBeLessThanOrEqual(stepsMax);

      const read = failureOf(textOfFailure({ ...least, check, what: "" }));
      const again = await perform({ wanted: read, isTwice: true, tell: "chronicle" });
      expect(again.violations.map((violation) => violation.check)).toContain(check);
      expect(again.chronicle).toContain(`!! ${check}: `);
      const sound = await perform({ wanted: { ...read, plant: undefined } });
      expect(sound.violations).toEqual([]);
    },
  );
}

/** Cases: what a file may say, and what it makes of a plan. */
import { expect, test } from "vitest";
import { failureOf, planOfCase, sizeOf, textOfFailure, writtenOut } from "../src/campaign/case.ts";
import { seedsOf } from "../src/campaign/corpus.ts";
import { perform } from "../src/campaign/perform.ts";
import { planOf } from "../src/world/plan.ts";

test("a case that is written is read as it was", () => {
  const failure = { seed: 7, check: "wire", what: "told more", casts: ["actors"] as const, steps: ["1 act 2"] };
  expect(failureOf(textOfFailure(failure))).toEqual({
    ...failure,
    plant: undefined,
    clients: undefined,
    chaosMs: undefined,
    without: undefined,
  });
});

test("odd files are read", () => {
  for (const text of [
    `{"seed":0}`,
    `{"seed":1,"steps":[]}`,
    `{"seed":1,"casts":[],"clients":0}`,
    `{"seed":4294967295,"unknown":true}`,
    `{"without":["cut"],"seed":3,"check":"log"}`,
  ])
    expect(failureOf(text).seed).toBeGreaterThanOrEqual(0);
});

test("files that cannot be meant are refused", () => {
  for (const text of [
    `{}`,
    `{"seed":-1}`,
    `{"seed":"1"}`,
    `{"seed":1,"plant":"tree"}`,
    `{"seed":1,"steps":[1]}`,
    `{"seed":1,"without":["rain"]}`,
    `{"seed":1,"clients":1000000}`,
    `{"seed":1,"chaosMs":0.5}`,
    `seed 1`,
  ])
    expect(() => failureOf(text)).toThrow();
});

test("only the steps that a case names are taken, in order, and kinds of faults are no steps", () => {
  const taken: string[] = [];
  const plan = planOfCase({ seed: 1, steps: ["b", "a"], without: ["cut"] }, (step) => taken.push(step))(planOf(1));
  expect(["a", "b", "c", "cut", "kill"].map((step) => plan.mayAct(step))).toEqual([true, true, false, false, true]);
  expect(taken).toEqual(["a", "b"]);
});

test("a case without changes is its seed", async () => {
  const whole = await perform({ wanted: { seed: 2 }, tell: "steps" });
  const named = await perform({ wanted: { seed: 2, steps: whole.steps } });
  expect(whole.steps.length).toBeGreaterThan(10);
  expect(named.hash).toBe(whole.hash);
  const fewer = await perform({ wanted: { seed: 2, steps: whole.steps.slice(0, -5) } });
  expect(fewer.hash).not.toBe(whole.hash);
});

test("a case that is written out is the same", () => {
  const written = writtenOut({ seed: 1, clients: 1 });
  const { casts, chaosMs } = planOf(1);
  expect(written).toEqual({ seed: 1, casts, clients: 1, chaosMs });
});

test("the size of a case can be read", () => {
  const small = { seed: 1, steps: ["a", "b"], casts: ["actors"] as const, clients: 2, chaosMs: 30 };
  expect(sizeOf(small)).toBe("2 steps (a, b), actors (2 clients), 30 ms");
  expect(sizeOf({ ...small, steps: undefined, casts: [] })).toMatch(/^all steps, nobody \(2 clients\), 30 ms, [a-z]/);
});

test("seeds of the corpus stand at the beginnings of lines", () => {
  expect(seedsOf("# a comment of 5\n9 what it found in 3 rounds\n\n 4 is indented\n2041 the same\n")).toEqual([
    9, 2041,
  ]);
});

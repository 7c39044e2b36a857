import { describe, expect, it } from "vitest";
import { generateSequence } from "../src/generator.ts";
import type { Op, Sequence } from "../src/operation.ts";
import { shrink } from "../src/shrink.ts";

const opsOf = (sequence: Sequence): Op[] => sequence.steps.flatMap((step) => (step.step === "burst" ? step.ops : []));

describe("shrinking", () => {
  it("keeps what the disagreement needs and leaves out the rest", async () => {
    const whole = generateSequence(5, 50);
    const [first, last] = [opsOf(whole)[7], opsOf(whole).at(-1)];
    const small = await shrink(whole, async (smaller) => {
      const ops = opsOf(smaller);
      return first !== undefined && last !== undefined && ops.includes(first) && ops.includes(last);
    });
    expect(opsOf(small)).toEqual([first, last]);
    expect(small.steps.every(({ step }) => step === "burst")).toBe(true);
  });

  it("gives the whole back when nothing can go", async () => {
    const whole = generateSequence(6, 12);
    expect(await shrink(whole, async () => false)).toEqual(whole);
  });
});

import { describe, expect, it } from "vitest";
import { forecast } from "../src/forecast.ts";
import { generateSequence } from "../src/generator.ts";
import type { Op, Sequence } from "../src/operation.ts";

const seeds = Array.from({ length: 150 }, (_, index) => index + 1);
const opsOf = (sequence: Sequence): Op[] => sequence.steps.flatMap((step) => (step.step === "burst" ? step.ops : []));

describe("a sequence", () => {
  it("is the same for the same seed and another for another", () => {
    for (const seed of seeds.slice(0, 20)) expect(generateSequence(seed, 50)).toEqual(generateSequence(seed, 50));
    expect(generateSequence(1, 50)).not.toEqual(generateSequence(2, 50));
  });

  it("has as many operations as asked for", () => {
    for (const seed of seeds) expect(opsOf(generateSequence(seed, 50))).toHaveLength(50);
  });

  it("lets a session that is away or gone send only what must be refused: behind its close, or once it has expired", () => {
    const unanswered = seeds.flatMap((seed) => {
      const sequence = generateSequence(seed, 50);
      const view = forecast(sequence);
      return sequence.steps.flatMap((step, at) =>
        step.step === "burst" && step.ops.some((_, index) => view.op(at, index).foretold.error === "NO_ANSWER")
          ? [step.ops[0]?.op]
          : [],
      );
    });
    expect(new Set(unanswered)).toEqual(new Set(["close", "ping"]));
  });

  it("reaches several sessions, watches of every kind, absences, closings and expiries", () => {
    const all = seeds.map((seed) => generateSequence(seed, 50));
    const steps = new Set(all.flatMap(({ steps }) => steps.map(({ step }) => step)));
    expect([...steps].sort()).toEqual(["attach", "burst", "drop", "expire", "fence"]);
    const ops = new Set(
      all
        .flatMap(opsOf)
        .map((op) => (op.op === "create" ? `create ${op.mode}` : op.op === "addWatch" ? `addWatch ${op.mode}` : op.op)),
    );
    for (const wanted of [
      "create container",
      "create ttlSequential",
      "create ephemeralSequential",
      "addWatch persistent",
      "addWatch recursive",
      "setWatches",
      "multi",
      "multiRead",
      "close",
      "addAuth",
    ])
      expect(ops).toContain(wanted);
    expect(Math.max(...all.map(({ mortal }) => mortal.length))).toBeGreaterThan(3);
  });
});

/** A thread of the campaign: runs each seed twice, and compares the two. */
import { parentPort } from "node:worker_threads";
import type { Violation } from "./history.ts";
import type { Plant } from "./plant.ts";
import { run } from "./run.ts";

export interface Task {
  readonly seed: number;
  readonly plant: Plant | undefined;
}

export interface Answer {
  readonly seed: number;
  readonly violations: readonly Violation[];
  readonly figures: Readonly<Record<string, number>>;
}

let stray: Violation[] = [];
process.on("unhandledRejection", (error) => {
  stray.push({ check: "rejection", what: `nobody caught ${String((error as Error)?.stack ?? error)}` });
});

parentPort!.on("message", ({ seed, plant }: Task) => {
  stray = [];
  void twice(seed, plant).then((answer) => parentPort!.postMessage(answer));
});

async function twice(seed: number, plant: Plant | undefined): Promise<Answer> {
  const first = await run(seed, { plant });
  const second = await run(seed, { plant });
  const isSame = first.hash === second.hash;
  const differs: Violation[] = isSame
    ? []
    : [{ check: "determinism", what: `two runs differ: ${first.hash} and ${second.hash}` }];
  return { seed, violations: [...differs, ...first.violations, ...stray], figures: first.figures };
}

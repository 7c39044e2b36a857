/**
 * A thread in which a product with one defect runs, seed after seed as it is asked; without a mutant, the sound product.
 *
 * The defect is put in while the file is loaded, so nothing of the product may be imported before that.
 */
import * as nodeModule from "node:module";
import { parentPort, workerData } from "node:worker_threads";
import type { Violation } from "../history.ts";
import { type Mutant, mutated, mutatedPlan, urlOf } from "./mutant.ts";

export interface Task {
  readonly seed: number;
  /** Of which the plan is changed as it wants it. */
  readonly planOf: Pick<Mutant, "casts" | "plan">;
}

export interface Answer {
  readonly seed: number;
  readonly violations: readonly Violation[];
}

/** More of the same says no more. */
const VIOLATIONS_MAX = 5;

interface Loaded {
  readonly format?: string | null;
  readonly source?: string | ArrayBuffer | Uint8Array;
}
type Load = (url: string, context: object) => Loaded;

/** Of Node 22.15 and later, which runs the tools. */
const { registerHooks } = nodeModule as unknown as {
  readonly registerHooks: (hooks: { load: (url: string, context: object, next: Load) => Loaded }) => void;
};

const mutant = workerData as Mutant | undefined;
if (mutant !== undefined) {
  const { href } = urlOf(mutant.file);
  registerHooks({
    load(url, context, next) {
      const loaded = next(url, context);
      if (url !== href) return loaded;
      return { ...loaded, source: mutated(Buffer.from(loaded.source as Uint8Array).toString("utf8"), mutant) };
    },
  });
}

const { run } = await import("../run.ts");

let stray: Violation[] = [];
process.on("unhandledRejection", (error) => {
  stray.push({ check: "rejection", what: `nobody caught ${String((error as Error)?.stack ?? error)}` });
});

parentPort!.on("message", ({ seed, planOf }: Task) => {
  stray = [];
  void run(seed, { change: (plan) => mutatedPlan(plan, planOf) }).then(({ violations }) => {
    const answer: Answer = { seed, violations: [...violations, ...stray].slice(0, VIOLATIONS_MAX) };
    parentPort!.postMessage(answer);
  });
});

/**
 * A thread in which a product with one defect runs, seed after seed as it is asked; without a mutant, the sound product.
 *
 * The defect is put in while the file is loaded, so nothing of the product may be imported before that.
 */
import * as nodeModule from "node:module";
import { parentPort, workerData } from "node:worker_threads";
import type { Violation } from "../history.ts";
import { type Mutant, mutated, mutatedPlan, urlOf, type Where } from "./mutant.ts";

export interface Task {
  readonly seed: number;
  /** Where it is looked for, in a plan changed as the mutant wants it. */
  readonly where: Where;
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

parentPort!.on("message", ({ seed, where }: Task) => {
  stray = [];
  const found = where.in === "crashes" || where.in === "damage" ? storage(where.in, seed) : world(seed, where);
  const failed = (error: unknown): Violation[] => [{ check: "thread", what: String((error as Error).stack ?? error) }];
  void found.catch(failed).then((violations) => {
    const answer: Answer = { seed, violations: [...violations, ...stray].slice(0, VIOLATIONS_MAX) };
    parentPort!.postMessage(answer);
  });
});

async function world(seed: number, where: Where): Promise<readonly Violation[]> {
  const { violations } = await run(seed, { change: (plan) => mutatedPlan(plan, where) });
  return violations;
}

/** Another tool's; it is not needed to build this one. */
interface CrashMatrix {
  readonly WORKLOADS: readonly object[];
  tryShare(workload: object, index: number, of: number, wrap: undefined, failedMax: number): Promise<Failures>;
  makeSource(): Promise<object>;
  sweepShare(source: object, index: number, of: number, sampleEvery: number): Promise<Failures>;
}
interface Failures {
  readonly failures: readonly string[];
}
const MATRIX_FILES = ["matrix/workloads/index.js", "matrix/share.js", "sweep/source.js", "sweep/sweep.js"];
/** Shares that all crashes, and all faults, are cut into; a seed is one of them. */
const SHARES = 50;
let source: object | undefined;

async function storage(kind: "crashes" | "damage", seed: number): Promise<readonly Violation[]> {
  const parts = await Promise.all(
    MATRIX_FILES.map((file) => import(urlOf(`tooling/crash-matrix/dist/${file}`).href) as Promise<object>),
  );
  const matrix = Object.assign({}, ...parts) as CrashMatrix;
  const index = (seed - 1) % SHARES;
  const found: string[] = [];
  if (kind === "damage") {
    source ??= await matrix.makeSource();
    found.push(...(await matrix.sweepShare(source, index, SHARES, 1)).failures);
  } else
    for (const workload of matrix.WORKLOADS)
      found.push(...(await matrix.tryShare(workload, index, SHARES, undefined, 1)).failures);
  return found.map((what) => ({ check: kind, what }));
}

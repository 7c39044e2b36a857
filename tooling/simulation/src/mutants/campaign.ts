/**
 * All mutants, or some of them: each runs seed after seed until a check finds something; one that none finds shows where the
 * simulation is blind.
 *
 * Owns the threads and the table. What a seed finds in the sound product too says nothing about the mutant, and is a failure
 * of its own.
 */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { MUTANTS } from "./catalogue/index.ts";
import type { Mutant } from "./mutant.ts";
import type { Answer, Task } from "./thread.ts";

export interface MutantsWanted {
  /** Of mutants; all if there are none. */
  readonly names?: readonly string[] | undefined;
  /** Every `of`th of them, from the `index`th on: 0 … of - 1. */
  readonly share?: { readonly index: number; readonly of: number } | undefined;
  /** So many of them, which is decided by the seed. */
  readonly some?: { readonly count: number; readonly seed: number } | undefined;
  /** Default: 1 to 500. */
  readonly seeds?: readonly number[] | undefined;
}

const SEEDS_DEFAULT = 500;
/** A seed that takes longer hangs: milliseconds. */
const SEED_MS_MAX = 120_000;
const WIDTH_MAX = 160;

type Verdict =
  | { readonly kind: "caught"; readonly seeds: number; readonly seed: number; readonly by: string }
  | { readonly kind: "survived"; readonly seeds: number }
  /** The text is not there, or the sound product fails too. */
  | { readonly kind: "void"; readonly why: string };

/** Prints as it goes, then the table. */
export async function runMutants(wanted: MutantsWanted = {}): Promise<{ passed: number; failed: number }> {
  const mutants = chosen(wanted);
  const seeds = wanted.seeds ?? Array.from({ length: SEEDS_DEFAULT }, (_, i) => i + 1);
  const verdicts = new Map<Mutant, Verdict>();
  const left = [...mutants];
  const work = async (): Promise<void> => {
    const sound = new Thread(undefined);
    for (let mutant = left.shift(); mutant !== undefined; mutant = left.shift()) {
      const verdict = await judge(mutant, seeds, sound);
      verdicts.set(mutant, verdict);
      console.log(`${mutant.name}: ${describe(verdict)}`);
    }
    await sound.end();
  };
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), mutants.length) }, work));
  console.log(`\n${table(mutants, verdicts)}\n`);
  const passed = [...verdicts.values()].filter(({ kind }) => kind === "caught").length;
  const failed = mutants.length - passed;
  console.log(`mutants: ${passed} passed, ${failed} failed`);
  return { passed, failed: mutants.length === 0 ? 1 : failed };
}

function chosen({ names = [], share, some }: MutantsWanted): readonly Mutant[] {
  const unknown = names.find((name) => !MUTANTS.some((mutant) => mutant.name === name));
  if (unknown !== undefined) throw new RangeError(`there is no mutant ${unknown}`);
  const named = names.length === 0 ? MUTANTS : MUTANTS.filter(({ name }) => names.includes(name));
  const shared = share === undefined ? named : named.filter((_, i) => i % share.of === share.index);
  if (some === undefined) return shared;
  const left = [...shared];
  let state = some.seed >>> 0;
  return Array.from({ length: Math.min(some.count, left.length) }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return left.splice(Math.floor((state / 2 ** 32) * left.length), 1)[0]!;
  });
}

async function judge(mutant: Mutant, seeds: readonly number[], sound: Thread): Promise<Verdict> {
  const thread = new Thread(mutant);
  const where = { in: mutant.in, casts: mutant.casts, plan: mutant.plan };
  let why: string | undefined;
  try {
    for (const [i, seed] of seeds.entries()) {
      const found = await thread.run({ seed, where });
      if ("stale" in found) return { kind: "void", why: found.stale };
      const [first] = found.violations;
      if (first === undefined) continue;
      const also = await sound.run({ seed, where });
      if ("stale" in also || also.violations.length > 0) {
        // It says nothing of the mutant: another seed has to.
        why = `without it seed ${seed} fails too: ${JSON.stringify(also).slice(0, WIDTH_MAX)}`;
        console.log(`${mutant.name}: ${why}`);
        continue;
      }
      return { kind: "caught", seeds: i + 1, seed, by: `${first.check}: ${first.what}` };
    }
    if (why !== undefined) return { kind: "void", why };
    return { kind: "survived", seeds: seeds.length };
  } finally {
    await thread.end();
  }
}

/** Is replaced when a seed kills it, or hangs. */
class Thread {
  readonly #mutant: Mutant | undefined;
  #worker: Worker | undefined;

  constructor(mutant: Mutant | undefined) {
    this.#mutant = mutant;
  }

  async run(task: Task): Promise<Answer | { readonly stale: string }> {
    const worker = (this.#worker ??= new Worker(new URL("./thread.js", import.meta.url), { workerData: this.#mutant }));
    const died = (what: string): Answer => ({ seed: task.seed, violations: [{ check: "thread", what }] });
    const answer = await new Promise<Answer | { readonly stale: string }>((resolve) => {
      const over = (answered: Answer | { readonly stale: string }): void => {
        clearTimeout(timer);
        worker.off("message", over);
        worker.off("error", fail);
        resolve(answered);
      };
      const fail = (error: Error): void =>
        over(error.name === "Stale" ? { stale: error.message } : died(`died: ${String(error.stack ?? error)}`));
      const timer = setTimeout(() => over(died(`hangs: more than ${SEED_MS_MAX} ms`)), SEED_MS_MAX);
      worker.on("message", over);
      worker.on("error", fail);
      worker.postMessage(task);
    });
    if ("stale" in answer || answer.violations[0]?.check === "thread") await this.end();
    return answer;
  }

  async end(): Promise<void> {
    await this.#worker?.terminate();
    this.#worker = undefined;
  }
}

function describe(verdict: Verdict): string {
  switch (verdict.kind) {
    case "caught":
      return `caught after ${verdict.seeds} seeds (${verdict.seed}) by ${verdict.by.replaceAll("\n", " ").slice(0, WIDTH_MAX)}`;
    case "survived":
      return `SURVIVED ${verdict.seeds} seeds`;
    case "void":
      return `VOID: ${verdict.why}`;
  }
}

function table(mutants: readonly Mutant[], verdicts: ReadonlyMap<Mutant, Verdict>): string {
  const rows = mutants.map((mutant) => {
    const verdict = verdicts.get(mutant)!;
    const seeds = verdict.kind === "caught" ? String(verdict.seeds) : "-";
    const by = verdict.kind === "caught" ? verdict.by.slice(0, verdict.by.indexOf(":")) : verdict.kind.toUpperCase();
    return `| ${mutant.name} | ${mutant.bug} | ${seeds} | ${by} |`;
  });
  return ["| mutant | bug | seeds | found by |", "| --- | --- | --- | --- |", ...rows].join("\n");
}

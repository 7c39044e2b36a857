/**
 * A mutant: one deliberate defect in the product, as a change of one place in the text of one of its built files.
 *
 * Owns the shape and the change. Nothing in the product knows of it: the change is made while the file is loaded (thread.ts), in
 * memory. Each defect is one that a real coordination service once had; a test that does not find it again is blind.
 */
import type { CastName, Plan } from "../world/plan.ts";

export interface Mutant {
  readonly name: string;
  /** Where it was met, as its project calls it. */
  readonly bug: string;
  /** What is done wrong, and what came of it. */
  readonly story: string;
  /** From the root of the repository. */
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
  /** Who has to live in the world to meet it; the actors alone unless said otherwise. */
  readonly casts?: readonly CastName[] | undefined;
  /**
   * Where it is looked for: in worlds (`simulation`, the default); or, where it is the storage's alone, in crashes at every operation
   * of the disk (`crashes`) or in every single fault of a data directory (`damage`), a share of all of them for each seed.
   */
  readonly in?: "simulation" | "crashes" | "damage" | undefined;
  /** Which faults and limits the world must allow so that it can be met at all; never when they strike. */
  readonly plan?: PlanChange | undefined;
}

/** Limits and options are added to those of the seed, all others take their place. */
export type PlanChange = Partial<Omit<Plan, "seed" | "casts" | "mayAct">>;

export class Stale extends Error {
  override readonly name = "Stale";
}

/** The text with the defect in it. Throws `Stale` if the place is not there any more, or not the only one. */
export function mutated(source: string, { name, file, find, replace }: Mutant): string {
  const places = source.split(find).length - 1;
  if (places !== 1) throw new Stale(`mutant ${name}: its text stands ${places} times in ${file}, not once`);
  if (find === replace) throw new Stale(`mutant ${name} changes nothing`);
  return source.replace(find, () => replace);
}

/** Many small worlds find more than a few large ones in the same time; but there has to be time for what takes some. */
const CHAOS_MS = 6_000;
const PIPELINE_MAX = 8;
const THINK_MS_MIN = 100;
const CLIENTS_MAX = 3;

/** Disks do not lie unless it is asked for: a run that may end there finds less. */
export function mutatedPlan(plan: Plan, { casts = ["actors"], plan: change }: Where): Plan {
  const areAlone = casts.length === 1;
  return {
    ...plan,
    lie: undefined,
    chaosMs: areAlone ? CHAOS_MS : 2 * CHAOS_MS,
    pipeline: Math.min(plan.pipeline, PIPELINE_MAX),
    thinkMs: Math.max(plan.thinkMs, THINK_MS_MIN),
    clients: Math.min(plan.clients, CLIENTS_MAX),
    ...change,
    casts,
    // The others have to be able to come in, and to do their work.
    limits: { ...(areAlone ? plan.limits : roomy(plan.limits)), ...change?.limits },
    options: { ...(areAlone ? plan.options : {}), ...change?.options },
  };
}

/** Drawn for actors alone, the number of connections and of subscriptions would be too few. */
function roomy(limits: Plan["limits"]): Plan["limits"] {
  const tight: readonly string[] = ["connections", "subscriptionsPerConnection"];
  return Object.fromEntries(Object.entries(limits).filter(([name]) => !tight.includes(name)));
}

/** What a thread needs to know of it, beside the defect. */
export type Where = Pick<Mutant, "in" | "casts" | "plan">;

/** Of a file of the repository; the same from `src` and from `dist`. */
export const urlOf = (file: string): URL => new URL(`../../../../${file}`, import.meta.url);

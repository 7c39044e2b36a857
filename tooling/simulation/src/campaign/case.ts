/**
 * A case: a seed, and what of its world is left out. Data alone, so that it can be a file and be handed to a thread.
 *
 * Owns what a case makes of a plan. Never decides what to leave out.
 */
import { PLANTS, type Plant } from "../plant.ts";
import { type CastName, FAULT_KINDS, type FaultKind, type Plan, planOf } from "../world/plan.ts";

export interface Case {
  readonly seed: number;
  readonly plant?: Plant | undefined;
  /** Instead of what the seed decides. */
  readonly casts?: readonly CastName[] | undefined;
  readonly clients?: number | undefined;
  readonly chaosMs?: number | undefined;
  /** Kinds of faults that do not happen. */
  readonly without?: readonly FaultKind[] | undefined;
  /** Steps of programs and strikes of chaos: these alone. */
  readonly steps?: readonly string[] | undefined;
}

/** A case with what it showed: the content of a file. */
export interface Failure extends Case {
  readonly check: string;
  readonly what: string;
}

const KINDS: ReadonlySet<string> = new Set(FAULT_KINDS);
/** Of a file. */
const STEPS_MAX = 100_000;
const CLIENTS_MAX = 100;
const CHAOS_MS_MAX = 3_600_000;

/** The plan of a case. `took` is told the name of each step that is taken, in order; kinds of faults are none. */
export function planOfCase(of: Case, took: (step: string) => void = () => {}): (plan: Plan) => Plan {
  const without = new Set<string>(of.without);
  const steps = of.steps === undefined ? undefined : new Set(of.steps);
  return (plan) => ({
    ...plan,
    casts: of.casts ?? plan.casts,
    clients: of.clients ?? plan.clients,
    chaosMs: of.chaosMs ?? plan.chaosMs,
    mayAct: (step) => {
      if (KINDS.has(step)) return !without.has(step);
      if (steps !== undefined && !steps.has(step)) return false;
      took(step);
      return true;
    },
  });
}

export function textOfFailure({ seed, plant, check, what, ...rest }: Failure): string {
  return `${JSON.stringify({ seed, plant, check, what, ...rest }, undefined, 2)}\n`;
}

/** Throws with what is wrong in it. */
export function failureOf(text: string): Failure {
  const read = JSON.parse(text) as Partial<Failure>;
  const { seed, plant, casts, clients, chaosMs, without, steps, check = "", what = "" } = read;
  const isListOf = (list: unknown, is: (item: string) => boolean): boolean =>
    list === undefined || (Array.isArray(list) && list.every((item) => typeof item === "string" && is(item)));
  const isUpTo = (value: unknown, most: number): boolean =>
    value === undefined || (Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most);
  const wrong =
    seed === undefined || !isUpTo(seed, Number.MAX_SAFE_INTEGER)
      ? "seed"
      : plant !== undefined && !PLANTS.includes(plant)
        ? "plant"
        : !isListOf(casts, () => true)
          ? "casts"
          : !isUpTo(clients, CLIENTS_MAX)
            ? "clients"
            : !isUpTo(chaosMs, CHAOS_MS_MAX)
              ? "chaosMs"
              : !isListOf(without, (kind) => KINDS.has(kind))
                ? "without"
                : !isListOf(steps, () => true) || (steps?.length ?? 0) > STEPS_MAX
                  ? "steps"
                  : undefined;
  if (wrong !== undefined) throw new Error(`"${wrong}" is ${JSON.stringify(read[wrong as keyof Failure])}`);
  return { seed: seed!, plant, casts, clients, chaosMs, without, steps, check, what };
}

/** The same case, and what its seed decides of it is written out: so it outlives some changes of what seeds decide. */
export function writtenOut(of: Case): Case {
  const { casts, clients, chaosMs } = planOfCase(of)(planOf(of.seed));
  return { ...of, casts, clients, chaosMs };
}

/** Steps of a small case are named. */
const STEPS_NAMED_MAX = 12;

/** What of its world is left, so that one can see how small it is. */
export function sizeOf(of: Case): string {
  const { casts, clients, chaosMs, faults, mayAct } = planOfCase(of)(planOf(of.seed));
  const who = `${casts.join(" and ") || "nobody"} (${clients} clients), ${chaosMs} ms`;
  if (of.steps === undefined)
    return `all steps, ${who}, ${[...new Set(faults)].filter((kind) => mayAct(kind)).join(" ")}`;
  const names = of.steps.length > STEPS_NAMED_MAX ? "" : ` (${of.steps.join(", ")})`;
  return `${of.steps.length} steps${names}, ${who}`;
}

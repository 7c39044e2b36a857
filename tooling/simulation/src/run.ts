/** One seed from beginning to end: its world lives, and what happened in it is judged. */
import { judge } from "./check/judge.ts";
import type { Violation } from "./history.ts";
import { type Plan, planOf } from "./world/plan.ts";
import { World, type WorldOptions } from "./world/world.ts";

export interface RunResult {
  readonly seed: number;
  readonly violations: readonly Violation[];
  /** Of everything that happened. */
  readonly hash: string;
  readonly figures: Readonly<Record<string, number>>;
  /** What was reached. */
  readonly marks: readonly string[];
}

export interface RunOptions extends WorldOptions {
  /** Of a plan that the seed does not decide alone. */
  readonly change?: ((plan: Plan) => Plan) | undefined;
}

export async function run(seed: number, options: RunOptions = {}): Promise<RunResult> {
  const plan = planOf(seed);
  const world = new World(options.change?.(plan) ?? plan, options);
  try {
    await world.live();
  } catch (error) {
    world.violations.push({ check: "run", what: String((error as Error)?.stack ?? error) });
  } finally {
    world.end();
  }
  const { history, violations, checksWatches, hash, marks } = world;
  const figures: Record<string, number> = { ...world.figures };
  try {
    violations.push(...judge(history, { checksWatches, count: (what, howMany) => (figures[what] = howMany) }));
    for (const cast of world.casts) violations.push(...cast.judge(history));
  } catch (error) {
    violations.push({ check: "judge", what: String((error as Error)?.stack ?? error) });
  }
  return { seed, violations, hash, figures, marks: [...marks] };
}

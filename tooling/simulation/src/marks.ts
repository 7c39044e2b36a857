/**
 * What a workload is hoped to reach now and then. A mark that no seed of a campaign hits says that the tests have gone blind
 * there, whatever they say about the rest.
 *
 * Each part declares its own: a name that nobody declared is a mistake.
 */
import { BROKER_MARKS } from "./cast/brokers/marks.ts";
import { GROUP_MARKS } from "./cast/groups/marks.ts";
import { RECIPE_MARKS } from "./cast/recipes/marks.ts";
import { WORLD_MARKS } from "./world/marks.ts";

/** Of everything. */
export const MARKS: ReadonlySet<string> = new Set<string>([
  ...WORLD_MARKS,
  ...RECIPE_MARKS,
  ...BROKER_MARKS,
  ...GROUP_MARKS,
]);

export class Marks {
  readonly hits: Set<string> = new Set();

  readonly sometimes = (mark: string): void => {
    if (!MARKS.has(mark)) throw new Error(`"${mark}" is no mark`);
    this.hits.add(mark);
  };
}

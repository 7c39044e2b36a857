/** The casts of a world, as its plan names them. */
import type { CastName, Plan } from "../world/plan.ts";
import { Actors } from "./actors/actors.ts";
import { Brokers } from "./brokers/brokers.ts";
import type { Cast, Stage } from "./cast.ts";
import { Recipes } from "./recipes/recipes.ts";
import { Groups } from "./groups/groups.ts";

const CASTS: Readonly<Partial<Record<CastName, (stage: Stage) => Cast>>> = {
  actors: (stage) => new Actors(stage),
  recipes: (stage) => new Recipes(stage),
  groups: (stage) => new Groups(stage),
  brokers: (stage) => new Brokers(stage),
};

export const castsOf = (plan: Plan, stage: Stage): readonly Cast[] =>
  plan.casts.flatMap((name) => CASTS[name]?.(stage) ?? []);

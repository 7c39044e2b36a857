/** All mutants. */
import type { Mutant } from "../mutant.ts";
import { CLIENT_MUTANTS } from "./client.ts";
import { GROUP_MUTANTS } from "./groups.ts";
import { LOG_MUTANTS } from "./log.ts";
import { RECIPE_MUTANTS } from "./recipes.ts";
import { REQUEST_MUTANTS } from "./requests.ts";
import { SESSION_MUTANTS } from "./sessions.ts";
import { SNAPSHOT_MUTANTS } from "./snapshots.ts";
import { WATCH_MUTANTS } from "./watches.ts";

export const MUTANTS: readonly Mutant[] = [
  ...LOG_MUTANTS,
  ...SNAPSHOT_MUTANTS,
  ...SESSION_MUTANTS,
  ...REQUEST_MUTANTS,
  ...WATCH_MUTANTS,
  ...CLIENT_MUTANTS,
  ...RECIPE_MUTANTS,
  ...GROUP_MUTANTS,
];

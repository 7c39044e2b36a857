/** What others use that record the same history of real processes: the actors, and all that judges. */
export { Actor } from "./cast/actors/actor.ts";
export { doSomething } from "./cast/actors/acts/index.ts";
export { PATHS, ROOTS } from "./cast/actors/acts/paths.ts";
export type { Stage } from "./cast/cast.ts";
export { judge } from "./check/judge.ts";
export { dumpOfServer } from "./check/states.ts";
export { type History, newHistory, type Violation } from "./history.ts";
export { planOf } from "./world/plan.ts";

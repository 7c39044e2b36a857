/** What other suites of real processes use: corrald as a process, what it has stored, and the contenders for a fenced store. */
export { CORRALD, type CorraldProcess, type Ended, endAll, servingPid, startCorrald } from "./corrald-process.ts";
export { contendForOneLock } from "./fencing/campaign.ts";
export { violations as fencingViolations } from "./fencing/store.ts";
export { injected, ONE_THREAD } from "./injection.ts";
export { copyOf } from "./stored-state.ts";

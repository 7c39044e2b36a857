/**
 * One share of a workload's moments, tried in full: what a thread does.
 *
 * Owns the count. A failure keeps the line that repeats it.
 */
import type { WrapDisk } from "../world.ts";
import { crashesAt } from "./crashes.ts";
import { trial } from "./trial.ts";
import { limitsOf, momentsOf, type Workload } from "./workload.ts";

/** Kept of one share; more are only counted. */
const FAILURES_MAX = 5;

export interface ShareResult {
  readonly moments: number;
  readonly crashes: number;
  readonly secondCrashes: number;
  /** Recoveries that came out as they must. */
  readonly passed: number;
  readonly failed: number;
  readonly failures: readonly string[];
}

/** The moments whose number is `index` modulo `of`, until so many crashes have failed. */
export async function tryShare(
  workload: Workload,
  index: number,
  of: number,
  wrapDisk?: WrapDisk,
  failedMax: number = Number.POSITIVE_INFINITY,
): Promise<ShareResult> {
  const limits = limitsOf(workload);
  const all = await momentsOf(workload, wrapDisk);
  const mine = all.filter((_, number) => number % of === index);
  const result = { moments: mine.length, crashes: 0, secondCrashes: 0, passed: 0, failed: 0 };
  const failures: string[] = [];
  for (const moment of mine) {
    for await (const { address, when, disk } of crashesAt(workload, moment, wrapDisk)) {
      if (address.split(":").length > 3) result.secondCrashes += 1;
      else result.crashes += 1;
      const { passed, wrong } = await trial(moment.known, disk, limits, wrapDisk);
      result.passed += passed;
      if (wrong.length === 0) continue;
      result.failed += 1;
      if (failures.length < FAILURES_MAX) failures.push(`--at '${address}'\n    ${when}\n    ${wrong.join("\n    ")}`);
      if (result.failed >= failedMax) return { ...result, failures };
    }
  }
  return { ...result, failures };
}

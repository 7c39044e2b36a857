/**
 * Makes a case that fails smaller, for as long as it fails in the same way: by the same check.
 *
 * Owns the order in which things are left out. What runs a case is given.
 */
import { FAMILIES, type FaultKind, FAULTS_OF } from "../world/faults.ts";
import { planOf } from "../world/plan.ts";
import { type Case, planOfCase } from "./case.ts";
import { leastNumber, leastOf } from "./least.ts";

/** How long a search may take in real time, and how many runs. */
const SHRINK_MS_MAX = 60_000;
export const SHRINK_RUNS_MAX = 2_000;

export interface Shrunk {
  readonly least: Case;
  readonly runs: number;
}

/** One run: by which checks it failed, and the steps that were taken. */
export interface Trial {
  readonly checks: readonly string[];
  readonly steps: readonly string[];
}

export async function shrink(
  first: Case,
  check: string,
  tryIt: (wanted: Case) => Promise<Trial>,
  now: () => number,
): Promise<Shrunk> {
  const startedAt = now();
  let least = first;
  let steps: readonly string[] = [];
  let runs = 0;
  const isOver = (): boolean => now() - startedAt > SHRINK_MS_MAX || runs >= SHRINK_RUNS_MAX;
  const fails = async (wanted: Case): Promise<boolean> => {
    if (isOver()) return false;
    runs++;
    const trial = await tryIt(wanted);
    if (!trial.checks.includes(check)) return false;
    [least, steps] = [wanted, trial.steps];
    return true;
  };
  // What does not fail again cannot be made smaller.
  if (!(await fails(first))) return { least, runs };
  const { casts, clients, chaosMs, faults, lie } = planOfCase(first)(planOf(first.seed));
  const kinds = new Set<FaultKind>(lie === undefined ? faults : [...faults, lie.kind]);

  // A short run makes all further ones short.
  for (let ms = Math.floor(chaosMs / 2); ms > 0 && (await fails({ ...least, chaosMs: ms })); ms = Math.floor(ms / 2));

  const without = new Set<FaultKind>(first.without);
  const leaveOut = async (some: Iterable<FaultKind>): Promise<void> => {
    const more = [...some].filter((kind) => kinds.has(kind) && !without.has(kind));
    if (more.length > 0 && (await fails({ ...least, without: [...without, ...more] })))
      for (const kind of more) without.add(kind);
  };
  await leaveOut(kinds);
  for (const family of FAMILIES) await leaveOut(FAULTS_OF[family]);
  for (const kind of kinds) await leaveOut([kind]);

  await leastOf(casts, (kept) => fails({ ...least, casts: kept }), isOver);
  await leastNumber(1, clients, (count) => fails({ ...least, clients: count }), isOver);
  await leastOf(steps, (kept) => fails({ ...least, steps: kept }), isOver);
  // Those that are not reached need not be named; nor need kinds of faults where no strike is left.
  await fails({ ...least, steps });
  await fails({ ...least, without: undefined });
  await leastNumber(1, least.chaosMs ?? chaosMs, (ms) => fails({ ...least, chaosMs: ms }), isOver);
  return { least, runs };
}

// What a campaign found, for a person at a terminal or a CI log, and whether it is good enough. It owns wording only.
import type { Failure, Outcome } from "./campaign.ts";
import { differences } from "./differences.ts";
import { showStep } from "./operation.ts";

export interface Bounds {
  /** Sequences in which each operation must have succeeded, and as many in which it was refused. */
  readonly floor: number;
  /** Most comparisons that the table may explain away, as a share. */
  readonly maskedShare: number;
  /** Must every row of the table have been hit? */
  readonly rows: boolean;
}

/** Steps printed before the one that disagreed. */
const shownSteps = 12;

export function printFailure({ sequence, verdict }: Failure): void {
  console.log(`\nseed ${sequence.seed}, ${sequence.mortal.length} sessions`);
  for (const { session, step, what } of verdict.disagreements) {
    for (let at = Math.max(0, step - shownSteps); at <= step; at++) {
      const shown = sequence.steps[at];
      if (shown !== undefined) console.log(`    ${String(at).padStart(3)} ${showStep(shown)}`);
    }
    console.log(`  session ${session}, step ${step}: ${what}`);
  }
  for (const drift of verdict.drift.slice(0, 3)) console.log(`  model: ${drift}`);
}

/** True if everything agreed and every bound was kept. */
export function printOutcome(outcome: Outcome, bounds: Bounds, seconds: number): boolean {
  const faults: string[] = [];
  const maskedCount = [...outcome.masked.values()].reduce((sum, hits) => sum + hits, 0);
  const share = maskedCount / Math.max(1, outcome.comparisons);
  console.log("\noperation                         succeeded   refused   (sequences)");
  for (const { operation, succeeded, refused } of outcome.coverage.table())
    console.log(`${operation.padEnd(32)}  ${String(succeeded).padStart(9)} ${String(refused).padStart(9)}`);
  for (const { operation, succeeded, refused } of outcome.coverage.below(bounds.floor))
    faults.push(`${operation}: ${succeeded} succeeded, ${refused} refused, ${bounds.floor} wanted of each`);
  if (bounds.rows) {
    console.log("\ndeliberate differences");
    for (const row of differences) {
      const hits = outcome.masked.get(row.id) ?? 0;
      console.log(`${String(hits).padStart(6)}  ${row.id}: ${row.operation}: ${row.condition} [${row.origin}]`);
      if (hits === 0) faults.push(`the difference ${row.id} was never hit`);
    }
  }
  if (share > bounds.maskedShare)
    faults.push(
      `${(share * 100).toFixed(2)} % of the comparisons are masked, at most ${bounds.maskedShare * 100} % may be`,
    );
  const disagreed = outcome.failures.filter(({ verdict }) => verdict.disagreements.length > 0).length;
  const drifted = outcome.failures.filter(({ verdict }) => verdict.drift.length > 0).length;
  if (disagreed > 0) faults.push(`${disagreed} sequences disagree`);
  if (drifted > 0) faults.push(`in ${drifted} sequences the model foretold what ZooKeeper did not do`);
  console.log(
    `\n${outcome.sequences} sequences, ${outcome.comparisons} comparisons, ${maskedCount} masked (${(share * 100).toFixed(2)} %), ${seconds.toFixed(0)} s`,
  );
  for (const fault of faults) console.log(`FAILED: ${fault}`);
  if (faults.length === 0) console.log("all agree");
  return faults.length === 0;
}

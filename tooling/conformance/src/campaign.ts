// Many sequences on two servers at once, their verdicts gathered. It owns how many run side by side and the sums; it
// prints nothing.
import { compare, type Verdict } from "./compare.ts";
import { Coverage } from "./coverage.ts";
import { generateSequence } from "./generator.ts";
import type { Sequence } from "./operation.ts";
import { runSequence, type Transcript } from "./runner.ts";
import type { Target } from "./answer.ts";

export interface Pair {
  readonly zookeeper: Target;
  readonly other: Target;
}

export interface Budget {
  readonly sequences: number;
  readonly ops: number;
  /** Of the first sequence; the next ones count up. */
  readonly seed: number;
  /** Sequences at once. */
  readonly parallel: number;
  /** Sequences that may disagree before the campaign ends early. */
  readonly stopAfter: number;
}

export interface Failure {
  readonly sequence: Sequence;
  readonly verdict: Verdict;
}

export interface Outcome {
  readonly sequences: number;
  readonly comparisons: number;
  /** By row of the table. */
  readonly masked: ReadonlyMap<string, number>;
  readonly failures: readonly Failure[];
  readonly coverage: Coverage;
}

/** Top znodes have names of their own, also on a server that has seen a run before. */
const run = Date.now().toString(36);
let tops = 0;

export async function runBoth(
  { zookeeper, other }: Pair,
  sequence: Sequence,
): Promise<{ readonly verdict: Verdict; readonly transcripts: readonly [Transcript, Transcript] }> {
  const top = `/c${run}-${tops++}`;
  const transcripts = await Promise.all([
    runSequence(zookeeper, sequence, top),
    runSequence(other, sequence, zookeeper === other ? `${top}-again` : top),
  ]);
  return { verdict: compare(sequence, ...transcripts), transcripts };
}

export async function runCampaign(pair: Pair, budget: Budget, progress: (done: number) => void): Promise<Outcome> {
  const coverage = new Coverage();
  const masked = new Map<string, number>();
  const failures: Failure[] = [];
  let [next, done, comparisons] = [0, 0, 0];
  const worker = async (): Promise<void> => {
    while (next < budget.sequences && failures.length < budget.stopAfter) {
      const sequence = generateSequence(budget.seed + next++, budget.ops);
      const { verdict, transcripts } = await runBoth(pair, sequence);
      comparisons += verdict.comparisons;
      for (const row of verdict.masked) masked.set(row, (masked.get(row) ?? 0) + 1);
      if (verdict.disagreements.length + verdict.drift.length > 0) failures.push({ sequence, verdict });
      coverage.add(transcripts[0]);
      progress(++done);
    }
  };
  await Promise.all(Array.from({ length: budget.parallel }, worker));
  return { sequences: done, comparisons, masked, failures, coverage };
}

/** One task of a campaign, wherever it is done: a case is run, once or twice, and what it came to is told. */
import type { Violation } from "../history.ts";
import { run, type RunResult } from "../run.ts";
import { type Case, planOfCase } from "./case.ts";
import { Chronicle } from "./chronicle.ts";

export interface Task {
  readonly wanted: Case;
  /** Run twice, and the two compared. */
  readonly isTwice?: boolean | undefined;
  /** What is wanted besides. */
  readonly tell?: "steps" | "chronicle" | undefined;
}

export interface Answer {
  readonly violations: readonly Violation[];
  readonly hash: string;
  readonly figures: Readonly<Record<string, number>>;
  readonly marks: readonly string[];
  /** Names of those that were taken, in order. */
  readonly steps: readonly string[];
  /** All that happened, to be read. */
  readonly chronicle: string | undefined;
}

/** More of one run are not told. */
const STEPS_MAX = 100_000;

let stray: Violation[] = [];

/** From now on a rejection that nobody catches is a violation of the run in which it happens. */
export function catchStrays(): void {
  process.on("unhandledRejection", (error) => {
    stray.push({ check: "rejection", what: `nobody caught ${String((error as Error)?.stack ?? error)}` });
  });
}

export async function perform({ wanted, isTwice, tell }: Task): Promise<Answer> {
  stray = [];
  const steps = new Set<string>();
  const chronicle = tell === "chronicle" ? new Chronicle() : undefined;
  const took = (step: string): void => void (tell === "steps" && steps.size < STEPS_MAX && steps.add(step));
  const first = await run(wanted.seed, {
    plant: wanted.plant,
    change: planOfCase(wanted, took),
    read: chronicle?.read,
  });
  const second = isTwice === true ? await run(wanted.seed, { plant: wanted.plant, change: planOfCase(wanted) }) : first;
  const { hash, figures, marks } = first;
  const violations = [...first.violations, ...stray, ...differences("two runs", first, second)];
  return {
    violations,
    hash,
    figures,
    marks,
    steps: [...steps],
    chronicle: chronicle?.text(wanted, violations),
  };
}

/** Two runs of one case have to be the same in everything that is told of them. */
export function differences(
  which: string,
  a: Pick<RunResult, "hash" | "figures" | "marks">,
  b: Pick<RunResult, "hash" | "figures" | "marks">,
): Violation[] {
  const [one, other] = [a, b].map(({ hash, figures, marks }) =>
    JSON.stringify([hash, sorted(figures), marks.toSorted()]),
  );
  return one === other ? [] : [{ check: "determinism", what: `${which} differ: ${one} and ${other}` }];
}

const sorted = (figures: Readonly<Record<string, number>>): unknown =>
  Object.entries(figures).toSorted(([a], [b]) => (a < b ? -1 : 1));

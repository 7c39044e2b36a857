/**
 * A campaign: many cases over all processors, what failed made small, and the sum of it.
 *
 * Owns the order of the work and what counts as passed. What a case is and whether it was right is decided elsewhere.
 */
import type { Violation } from "../history.ts";
import type { Plant } from "../plant.ts";
import { type Case, sizeOf, writtenOut } from "./case.ts";
import { writeFailure } from "./corpus.ts";
import { type Answer, differences } from "./perform.ts";
import { shrink } from "./shrink.ts";
import { Tally } from "./tally.ts";
import { askProcess, type Death, Thread } from "./thread.ts";

/** One case in so many is run again, in the same thread and in a fresh process. */
export const COMPARED_EVERY = 20;
/** Seeds within which the bug of the canary has to be found. */
const CANARY_SEEDS_MAX = 10;
/** Found beside most seeds. */
export const CANARY: Plant = "stale-reply";
/** Real time of one run in the search for a smaller case: what takes longer is not a smaller one. */
const TRIAL_MS_MAX = 20_000;
/** Of one case: how many, and how much of each. */
const VIOLATIONS_SHOWN = 5;
const WIDTH_MAX = 600;
/** These come of the real time that a case takes: to search for a smaller one would take as long again and again. */
const NOT_SHRUNK: ReadonlySet<string> = new Set(["hang", "thread"]);

export interface Job {
  readonly wanted: Case;
  /** After `npm run simulate -- `. */
  readonly replay: string;
  /** Run again and compared. */
  readonly isCompared: boolean;
}

export interface Settings {
  readonly threads: number;
  /** So many failures are made smaller: the first. */
  readonly shrinks: number;
  /** Has a bug built in that must be found, beside this seed or one of the next. */
  readonly canary: Case | undefined;
  readonly say: (line: string) => void;
}

interface Failed {
  readonly job: Job;
  readonly check: string;
}

export interface Outcome {
  readonly passed: number;
  readonly failed: number;
  readonly tally: Tally;
}

export async function campaign(jobs: readonly Job[], settings: Settings): Promise<Outcome> {
  const { say, shrinks, canary } = settings;
  const tally = new Tally();
  const left = jobs.values();
  const failed: Failed[] = [];
  let passed = 0;
  const threads = Array.from({ length: settings.threads }, () => new Thread());
  const work = async (thread: Thread, isFirst: boolean): Promise<void> => {
    if (isFirst && canary !== undefined) {
      if (await findsCanary(thread, canary, say)) passed++;
      else failed.push({ job: { wanted: canary, replay: "", isCompared: false }, check: "canary" });
    }
    for (const job of left) {
      const { answer, violations } = await take(job, thread);
      if (answer !== undefined) tally.add(answer);
      if (violations.length === 0) {
        passed++;
        continue;
      }
      failed.push({ job, check: violations[0]!.check });
      tally.fail(job.replay, violations[0]!.check, violations[0]!.what.slice(0, WIDTH_MAX));
      tell(job, violations, say);
    }
  };
  await Promise.all(threads.map((thread, i) => work(thread, i === 0)));
  const toShrink = failed
    .filter(({ job, check }) => job.replay !== "" && !NOT_SHRUNK.has(check))
    .slice(0, shrinks)
    .values();
  await Promise.all(
    threads.map(async (thread) => {
      for (const one of toShrink) await makeSmall(one, thread, say);
    }),
  );
  await Promise.all(threads.map((thread) => thread.end()));
  return { passed, failed: failed.length, tally };
}

async function take(
  { wanted, isCompared }: Job,
  thread: Thread,
): Promise<{ readonly answer: Answer | undefined; readonly violations: readonly Violation[] }> {
  const answer = await thread.ask({ wanted, isTwice: isCompared });
  if ("check" in answer) return { answer: undefined, violations: [answer] };
  if (!isCompared) return { answer, violations: answer.violations };
  const fresh = await askProcess({ wanted });
  const more: readonly (Violation | Death)[] =
    "check" in fresh ? [fresh] : differences("a run here and one in a fresh process", answer, fresh);
  return { answer, violations: [...answer.violations, ...more] };
}

async function findsCanary(thread: Thread, canary: Case, say: (line: string) => void): Promise<boolean> {
  for (let seed = canary.seed; seed < canary.seed + CANARY_SEEDS_MAX; seed++) {
    const { violations } = await take({ wanted: { ...canary, seed }, replay: "", isCompared: false }, thread);
    const [first] = violations;
    if (first === undefined) continue;
    say(`canary found: ${canary.plant}, built in beside seed ${seed}, by "${first.check}"`);
    return true;
  }
  say(
    `FAILED   canary: ${CANARY_SEEDS_MAX} seeds from ${canary.seed} do not find ${canary.plant}: the checks are blind`,
  );
  return false;
}

function tell({ replay }: Job, violations: readonly Violation[], say: (line: string) => void): void {
  say(`\nFAILED   npm run simulate -- ${replay}   (--trace tells everything)`);
  for (const { check, what } of violations.slice(0, VIOLATIONS_SHOWN)) say(`  ${check}: ${what.slice(0, WIDTH_MAX)}`);
  if (violations.length > VIOLATIONS_SHOWN) say(`  and ${violations.length - VIOLATIONS_SHOWN} more`);
}

async function makeSmall({ job, check }: Failed, thread: Thread, say: (line: string) => void): Promise<void> {
  const isTwice = check === "determinism";
  const startedAt = performance.now();
  const { least, runs } = await shrink(
    job.wanted,
    check,
    async (wanted) => {
      const answer = await thread.ask({ wanted, isTwice, tell: "steps" }, TRIAL_MS_MAX);
      if ("check" in answer) return { checks: [answer.check], steps: [] };
      return { checks: answer.violations.map((violation) => violation.check), steps: answer.steps };
    },
    () => performance.now(),
  );
  const answer = await thread.ask({ wanted: least, isTwice, tell: "chronicle" });
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0);
  if ("check" in answer || !answer.violations.some((violation) => violation.check === check)) {
    say(`\n${job.replay} does not fail again by "${check}" in another run`);
    return;
  }
  const { what } = answer.violations.find((violation) => violation.check === check)!;
  const path = writeFailure({ ...writtenOut(least), check, what: what.slice(0, WIDTH_MAX) }, answer.chronicle ?? "");
  say(`\nSHRUNK   npm run simulate -- --replay ${path}   (from ${job.replay}: ${runs} runs, ${seconds} s)`);
  say(`  ${sizeOf(least)}`);
  say(`  ${check}: ${what.slice(0, WIDTH_MAX)}`);
  say(`  all that happened: ${path.replace(/json$/, "txt")}`);
}

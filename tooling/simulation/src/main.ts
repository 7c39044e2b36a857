/**
 * The command: so many seeds over all processors, or one, or one that was made small.
 *
 * `--seeds N` how many, `--from S` the first (drawn at random otherwise), `--seed S` this one alone, `--replay FILE` what is
 * left of one, `--trace` everything that happens in it, `--plant BUG` with a bug built in (`none`: without the one that a file
 * names), `--no-shrink` failures stay as large as they are, `--marks` a mark that is never hit is a failure, `--report FILE`
 * the figures as JSON, `--mutants [NAME…]` the deliberate defects (`--share N/M` the N-th of M parts, `--some N`).
 */
import { randomInt } from "node:crypto";
import { availableParallelism } from "node:os";
import { flagsOf, oneOf, shareOf, wholeNumber, wrongUse } from "../../dev/flags.mjs";
import { campaign, CANARY, COMPARED_EVERY, type Job } from "./campaign/campaign.ts";
import { planOfCase } from "./campaign/case.ts";
import { knownCases, knownSeeds, readCase, writeReport } from "./campaign/corpus.ts";
import { linesOf, linesOfMarks } from "./campaign/tally.ts";
import { MUTANTS } from "./mutants/catalogue/index.ts";
import { runMutants } from "./mutants/campaign.ts";
import { PLANTS, type Plant } from "./plant.ts";
import { run } from "./run.ts";
import { describeFrame } from "./world/surroundings.ts";

const SEEDS_DEFAULT = 100;
const SEED_MAX = 2 ** 32;
/** Failures of a campaign that are made smaller. */
const SHRINKS = 3;

const { values, positionals } = flagsOf({
  allowPositionals: true,
  options: {
    seeds: { type: "string" },
    from: { type: "string" },
    seed: { type: "string" },
    replay: { type: "string" },
    trace: { type: "boolean" },
    plant: { type: "string" },
    "no-shrink": { type: "boolean" },
    marks: { type: "boolean" },
    report: { type: "string" },
    mutants: { type: "boolean" },
    share: { type: "string" },
    some: { type: "string" },
  },
});

if (values.mutants !== true && positionals.length > 0) wrongUse(`'${positionals[0]}' is no flag`);
const planted = plantOf(values.plant);
const one = theOne();

if (values.mutants === true) await mutants();
else if (values.trace === true) await trace(one ?? wrongUse("--trace needs --seed or --replay"));
else await simulate();

function plantOf(name: string | undefined): Plant | undefined {
  const named = name === undefined ? "none" : oneOf("plant", name, ["none", ...PLANTS]);
  return named === "none" ? undefined : named;
}

/** What the command is about, if it is one case. */
function theOne(): Job | undefined {
  if (values.replay !== undefined) {
    const { path, failure } = readOr(values.replay);
    const plant = values.plant === undefined ? failure.plant : planted;
    return { wanted: { ...failure, plant }, replay: `--replay ${path}`, isCompared: true };
  }
  if (values.seed === undefined) return undefined;
  return jobOf(wholeNumber("seed", values.seed), true);
}

function readOr(path: string): ReturnType<typeof readCase> {
  try {
    return readCase(path);
  } catch (error) {
    return wrongUse((error as Error).message);
  }
}

function jobOf(seed: number, isCompared: boolean): Job {
  const replay = `--seed ${seed}${planted === undefined ? "" : ` --plant ${planted}`}`;
  return { wanted: { seed, plant: planted }, replay, isCompared };
}

/** A planted bug is looked for in fresh seeds alone: the corpus is of the sound product. */
function many(): { readonly jobs: readonly Job[]; readonly from: number } {
  const count = values.seeds === undefined ? SEEDS_DEFAULT : wholeNumber("seeds", values.seeds);
  const from = values.from === undefined ? randomInt(SEED_MAX - count) : wholeNumber("from", values.from);
  const cases = planted === undefined ? knownCases() : [];
  const seeds = planted === undefined ? knownSeeds() : [];
  console.log(`simulate: ${cases.length} cases and ${seeds.length} seeds that failed once, then ${count} from ${from}`);
  const fresh = Array.from({ length: count }, (_, i) => from + i);
  const jobs = [
    ...cases.map(({ path, failure }) => ({ wanted: failure, replay: `--replay ${path}`, isCompared: false })),
    ...[...new Set([...seeds, ...fresh])].map((seed, i) => jobOf(seed, i % COMPARED_EVERY === 0)),
  ];
  return { jobs, from };
}

async function simulate(): Promise<void> {
  const startedAt = performance.now();
  const { jobs, from } = one === undefined ? many() : { jobs: [one], from: undefined };
  const threads = Math.min(availableParallelism(), jobs.length);
  const outcome = await campaign(jobs, {
    threads,
    shrinks: values["no-shrink"] === true ? 0 : one !== undefined ? 1 : planted === undefined ? SHRINKS : 0,
    canary: planted === undefined && from !== undefined ? { seed: from, plant: CANARY } : undefined,
    say: (line) => console.log(line),
  });
  const report = outcome.tally.report(threads, performance.now() - startedAt);
  for (const line of [...linesOf(report), ...(one === undefined ? linesOfMarks(report) : [])]) console.log(line);
  if (values.report !== undefined) writeReport(values.report, report);
  const isBlind = values.marks === true && report.neverHit.length > 0;
  finish(outcome.passed, outcome.failed + (isBlind ? 1 : 0));
}

async function mutants(): Promise<void> {
  const unknown = positionals.find((name) => !MUTANTS.some((mutant) => mutant.name === name));
  if (unknown !== undefined) wrongUse(`there is no mutant '${unknown}'`);
  const seed = values.from === undefined ? randomInt(SEED_MAX) : wholeNumber("from", values.from);
  const { failed } = await runMutants({
    names: positionals,
    share: values.share === undefined ? undefined : shareOf("share", values.share),
    some: values.some === undefined ? undefined : { count: wholeNumber("some", values.some), seed },
  });
  process.exitCode = failed > 0 ? 1 : 0;
}

async function trace({ wanted }: Job): Promise<void> {
  const result = await run(wanted.seed, {
    plant: wanted.plant,
    change: planOfCase(wanted),
    read: ({ atMs, what, frame }) =>
      console.log(`${atMs.toFixed(3)} ${what} ${frame === undefined ? "" : describeFrame(frame)}`),
  });
  for (const { check, what } of result.violations) console.log(`! ${check}: ${what}`);
  finish(result.violations.length === 0 ? 1 : 0, result.violations.length === 0 ? 0 : 1);
}

/** The last line can be counted by a machine. A planted bug has to be found. */
function finish(passed: number, failed: number): void {
  console.log(`simulate: ${passed} passed, ${failed} failed`);
  process.exitCode = (planted === undefined ? failed > 0 : failed === 0) || passed + failed === 0 ? 1 : 0;
}

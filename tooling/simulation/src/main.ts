/**
 * The command: so many seeds over all processors, or one, or one that was made small.
 *
 * `--seeds N` how many, `--from S` the first (drawn at random otherwise), `--seed S` this one alone, `--replay FILE` what is
 * left of one, `--trace` everything that happens in it, `--plant BUG` with a bug built in (`none`: without the one that a file
 * names), `--no-shrink` failures stay as large as they are, `--marks` a mark that is never hit is a failure, `--report FILE`
 * the figures as JSON, `--mutants [NAME…]` the deliberate defects (`--share I/N`, `--some N`).
 */
import { randomInt } from "node:crypto";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { campaign, CANARY, COMPARED_EVERY, type Job } from "./campaign/campaign.ts";
import { planOfCase } from "./campaign/case.ts";
import { knownCases, knownSeeds, readCase, writeReport } from "./campaign/corpus.ts";
import { linesOf, linesOfMarks } from "./campaign/tally.ts";
import { runMutants } from "./mutants/campaign.ts";
import { PLANTS, type Plant } from "./plant.ts";
import { run } from "./run.ts";
import { describeFrame } from "./world/surroundings.ts";

const SEEDS_DEFAULT = 100;
const SEED_MAX = 2 ** 32;
/** Failures of a campaign that are made smaller. */
const SHRINKS = 3;

const { values, positionals } = parseArgs({
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

const planted = values.plant === "none" ? undefined : (values.plant as Plant | undefined);
if (planted !== undefined && !PLANTS.includes(planted)) fail(`--plant is one of none, ${PLANTS.join(", ")}`);
const one = theOne();

if (values.mutants === true) await mutants();
else if (values.trace === true) await trace(one ?? fail("--trace needs --seed or --replay"));
else await simulate();

/** What the command is about, if it is one case. */
function theOne(): Job | undefined {
  if (values.replay !== undefined) {
    const { path, failure } = readOr(values.replay);
    const plant = values.plant === undefined ? failure.plant : planted;
    return { wanted: { ...failure, plant }, replay: `--replay ${path}`, isCompared: true };
  }
  if (values.seed === undefined) return undefined;
  return jobOf(number(values.seed, "seed"), true);
}

function readOr(path: string): ReturnType<typeof readCase> {
  try {
    return readCase(path);
  } catch (error) {
    return fail((error as Error).message);
  }
}

function jobOf(seed: number, isCompared: boolean): Job {
  const replay = `--seed ${seed}${planted === undefined ? "" : ` --plant ${planted}`}`;
  return { wanted: { seed, plant: planted }, replay, isCompared };
}

/** A planted bug is looked for in fresh seeds alone: the corpus is of the sound product. */
function many(): { readonly jobs: readonly Job[]; readonly from: number } {
  const count = values.seeds === undefined ? SEEDS_DEFAULT : number(values.seeds, "seeds");
  const from = values.from === undefined ? randomInt(SEED_MAX - count) : number(values.from, "from");
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
  const [index, of] = values.share?.split("/").map((part) => number(part, "share")) ?? [];
  if (values.share !== undefined && (of === undefined || index! >= of)) fail("--share is I/N, from 0/N to N-1/N");
  const seed = values.from === undefined ? randomInt(SEED_MAX) : number(values.from, "from");
  const { failed } = await runMutants({
    names: positionals,
    share: of === undefined ? undefined : { index: index!, of },
    some: values.some === undefined ? undefined : { count: number(values.some, "some"), seed },
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

function number(text: string, name: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  return fail(`--${name} is ${text}, not a whole number`);
}

/** The last line can be counted by a machine. A planted bug has to be found. */
function finish(passed: number, failed: number): void {
  console.log(`simulate: ${passed} passed, ${failed} failed`);
  process.exitCode = (planted === undefined ? failed > 0 : failed === 0) || passed + failed === 0 ? 1 : 0;
}

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}

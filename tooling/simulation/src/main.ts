/**
 * The command: so many seeds, each run twice, in as many threads as there are processors.
 *
 * `--seeds N` how many, `--from S` the first (drawn from the clock otherwise), `--seed S` this one alone, `--trace` everything
 * that happens in it, `--plant BUG` with a bug built in: then it passes when the bug is found.
 */
import { randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { PLANTS, type Plant } from "./plant.ts";
import { run } from "./run.ts";
import type { Answer, Task } from "./worker.ts";
import { describeFrame } from "./world/surroundings.ts";

const SEEDS_DEFAULT = 100;
const SEED_MAX = 2 ** 32;
/** Of one seed: how many, and how much of each. */
const VIOLATIONS_SHOWN = 5;
const WIDTH_MAX = 600;
/** Seeds that failed once; run before all others. */
const corpus = new URL("../seeds.txt", import.meta.url);

const { values } = parseArgs({
  options: {
    seeds: { type: "string" },
    from: { type: "string" },
    seed: { type: "string" },
    trace: { type: "boolean" },
    plant: { type: "string" },
  },
});

const plant = values.plant as Plant | undefined;
if (plant !== undefined && !PLANTS.includes(plant)) fail(`--plant is one of ${PLANTS.join(", ")}`);

if (values.trace === true) {
  if (values.seed === undefined) fail("--trace needs --seed");
  const result = await run(number(values.seed, "seed"), {
    plant,
    read: ({ atMs, what, frame }) =>
      console.log(`${atMs.toFixed(3)} ${what} ${frame === undefined ? "" : describeFrame(frame)}`),
  });
  for (const { check, what } of result.violations) console.log(`! ${check}: ${what}`);
  finish(result.violations.length === 0 ? 1 : 0, result.violations.length === 0 ? 0 : 1);
} else {
  const { passed, failed } = await campaign(seedsToRun());
  finish(passed, failed);
}

function seedsToRun(): number[] {
  if (values.seed !== undefined) return [number(values.seed, "seed")];
  const count = values.seeds === undefined ? SEEDS_DEFAULT : number(values.seeds, "seeds");
  const from = values.from === undefined ? randomInt(SEED_MAX - count) : number(values.from, "from");
  const known =
    plant === undefined
      ? readFileSync(corpus, "utf8")
          .split("\n")
          .flatMap((line) => (/^\d+/.test(line) ? [Number.parseInt(line, 10)] : []))
      : [];
  console.log(`simulate: ${known.length} seeds of seeds.txt, then ${count} from ${from}`);
  return [...new Set([...known, ...Array.from({ length: count }, (_, i) => from + i)])];
}

async function campaign(seeds: readonly number[]): Promise<{ passed: number; failed: number }> {
  const left = [...seeds];
  const failedSeeds: number[] = [];
  const totals: Record<string, number> = {};
  let passed = 0;
  const judge = ({ seed, violations, figures }: Answer): void => {
    for (const [name, value] of Object.entries(figures)) totals[name] = (totals[name] ?? 0) + value;
    if (violations.length === 0) {
      passed++;
      return;
    }
    failedSeeds.push(seed);
    console.log(
      `\nFAILED   npm run simulate -- --seed ${seed}${plant === undefined ? "" : ` --plant ${plant}`}   (--trace tells everything)`,
    );
    for (const { check, what } of violations.slice(0, VIOLATIONS_SHOWN))
      console.log(`  ${check}: ${what.slice(0, WIDTH_MAX)}`);
    if (violations.length > VIOLATIONS_SHOWN) console.log(`  and ${violations.length - VIOLATIONS_SHOWN} more`);
  };
  const threads = Math.min(availableParallelism(), seeds.length);
  await Promise.all(Array.from({ length: threads }, () => work(left, judge)));
  console.log(
    Object.entries(totals)
      .map(([name, value]) => `${name} ${value}`)
      .join(", "),
  );
  return { passed, failed: failedSeeds.length };
}

/** One thread, replaced when a seed kills it. */
async function work(left: number[], judge: (answer: Answer) => void): Promise<void> {
  for (let seed = left.shift(); seed !== undefined;) {
    const worker = new Worker(new URL("./worker.js", import.meta.url));
    const death = await new Promise<Error | undefined>((resolve) => {
      const next = (): void => {
        if (seed === undefined) {
          resolve(undefined);
          return;
        }
        worker.postMessage({ seed, plant } satisfies Task);
      };
      worker.on("message", (answer: Answer) => {
        judge(answer);
        seed = left.shift();
        next();
      });
      worker.on("error", resolve);
      next();
    });
    await worker.terminate();
    if (death === undefined) return;
    judge({
      seed,
      violations: [{ check: "thread", what: `died: ${death.stack ?? death.message}` }],
      figures: {},
    });
    seed = left.shift();
  }
}

function number(text: string, name: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  return fail(`--${name} is ${text}, not a whole number`);
}

/** The last line can be counted by a machine. A planted bug has to be found. */
function finish(passed: number, failed: number): void {
  console.log(`simulate: ${passed} passed, ${failed} failed`);
  process.exitCode = (plant === undefined ? failed > 0 : failed === 0) || passed + failed === 0 ? 1 : 0;
}

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}

/**
 * The command: every row against real processes, then a table and one last line.
 *
 * `--row R3` only this one (may be repeated), `--seed N` decides the plans (drawn from the clock otherwise), `--quick` a bounded
 * share, `--plant BUG` with a bug built in: then it passes when the row that it is meant for finds it; may be
 * repeated, `--plant all` for each.
 */
import { randomInt } from "node:crypto";
import { flagsOf, oneOf, wholeNumber } from "../../dev/flags.mjs";
import { endAll } from "@corral/end-to-end";
import { type RowResult, runRow } from "./campaign.ts";
import { type Plant, PLANTS } from "./plants/plants.ts";
import type { Row } from "./row.ts";
import { ROWS } from "./rows/index.ts";

const SEED_MAX = 2 ** 31;
/** These say that the row itself did not go as it should, or that this machine is too slow: no plant is found by them. */
const ACCIDENTS: ReadonlySet<string> = new Set(["row", "cleaning", "fault", "load", "rest"]);

const { values } = flagsOf({
  options: {
    row: { type: "string", multiple: true },
    seed: { type: "string" },
    quick: { type: "boolean", default: false },
    plant: { type: "string", multiple: true },
  },
});

const seed = values.seed === undefined ? randomInt(SEED_MAX) : wholeNumber("seed", values.seed);
const rows = rowsWanted();
const plants = plantsWanted();
const isQuick = values.quick;
console.log(`chaos: seed ${seed}${isQuick ? ", a bounded share" : ""}; again by npm run chaos -- --seed ${seed}`);

// Whoever is asked to go leaves no process behind.
for (const [signal, code] of [
  ["SIGTERM", 143],
  ["SIGINT", 130],
] as const)
  process.once(signal, () => void endAll().finally(() => process.exit(code)));

if (plants !== undefined) await plant(plants);
else await run();

async function run(): Promise<void> {
  const results: RowResult[] = [];
  for (const row of rows) results.push(await runRow(row, { seed, isQuick, plant: undefined }));
  console.log("");
  for (const { row, figures, violations, missing, seconds } of results) {
    const verdict = missing.length > 0 ? "MISSING" : violations.length > 0 ? "FAILED" : "ok";
    console.log(
      `${row.name.padEnd(4)} ${verdict.padEnd(8)} ${seconds.toFixed(0).padStart(4)} s  ${row.title}: ${missing.length > 0 ? `needs ${missing.join(", ")}` : told(figures)}`,
    );
  }
  const lacking = results.filter(({ missing }) => missing.length > 0);
  const bad = results.filter(({ violations }) => violations.length > 0);
  for (const { row } of bad) console.log(`again: npm run chaos -- --row ${row.name} --seed ${seed}`);
  if (lacking.length > 0)
    console.log(
      `\n!! NOT RUN: ${lacking.map(({ row, missing }) => `${row.name} needs ${missing.join(", ")}`).join("; ")}`,
    );
  // In CI what is not run has failed.
  const failed = bad.length + (process.env["CI"] === undefined ? 0 : lacking.length);
  finish(results.length - bad.length - lacking.length, failed);
}

/** A bug is found when a promise was not kept. */
async function plant(names: readonly Plant[]): Promise<void> {
  const lines: string[] = [];
  let found = 0;
  for (const name of names) {
    const { row: rowName, what } = PLANTS[name];
    const row = ROWS.find((each) => each.name === rowName)!;
    const { violations } = await runRow(row, { seed, isQuick: true, plant: name });
    const by = [...new Set(violations.map(({ check }) => check))].filter((check) => !ACCIDENTS.has(check));
    if (by.length > 0) found++;
    lines.push(
      `${name.padEnd(15)} ${rowName.padEnd(4)} ${by.length > 0 ? `found by ${by.join(", ")}` : "NOT FOUND"}: ${what}`,
    );
  }
  console.log(`\n${lines.join("\n")}`);
  finish(found, names.length - found);
}

function rowsWanted(): readonly Row[] {
  const names = ROWS.map(({ name }) => name);
  const wanted = (values.row ?? names).map((name) => oneOf("row", name, names));
  return wanted.map((name) => ROWS.find((row) => row.name === name)!);
}

function plantsWanted(): readonly Plant[] | undefined {
  const all = Object.keys(PLANTS) as Plant[];
  const wanted = values.plant?.map((name) => oneOf("plant", name, ["all", ...all]));
  return wanted?.includes("all") === true ? all : wanted && all.filter((name) => wanted.includes(name));
}

/** The last line can be counted by a machine. */
function finish(passed: number, failed: number): void {
  console.log(`chaos: ${passed} passed, ${failed} failed`);
  process.exit(failed > 0 || passed + failed === 0 ? 1 : 0);
}

function told(figures: Readonly<Record<string, number | string>>): string {
  return Object.entries(figures)
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");
}

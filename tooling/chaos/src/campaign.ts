/** Rows, one after the other, each within its bound, and nothing of it left afterwards. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { ExitCode } from "@corral/daemon";
import { endAll } from "@corral/end-to-end";
import type { Violation } from "@corral/simulation";
import { drawFrom } from "@corral/testing/world";
import type { Plant } from "./plants/plants.ts";
import type { Figures, Row, RowStage } from "./row.ts";
import { missing } from "./tools.ts";

export interface RowResult {
  readonly row: Row;
  readonly figures: Figures;
  readonly violations: readonly Violation[];
  /** What it could not be run without. */
  readonly missing: readonly string[];
  readonly seconds: number;
}

export interface CampaignOptions {
  readonly seed: number;
  readonly isQuick: boolean;
  readonly plant: Plant | undefined;
}

const REFUSED_START = new RegExp(`ended with (${ExitCode.badData}|${ExitCode.logFailed}) before it served`);
const VIOLATIONS_SHOWN = 6;
const WIDTH_MAX = 700;

export async function runRow(row: Row, { seed, isQuick, plant }: CampaignOptions): Promise<RowResult> {
  const startedAt = performance.now();
  const undoes: (() => void | Promise<void>)[] = [];
  const lacks = missing(row.needs ?? []);
  console.log(`\n== ${row.name} ${row.title}`);
  if (lacks.length > 0) {
    console.log(`!! ${row.name} IS NOT RUN: it needs ${lacks.join(", ")}`);
    return { row, figures: {}, violations: [], missing: lacks, seconds: 0 };
  }
  const stage: RowStage = {
    seed,
    isQuick,
    plant,
    directory: async (name) => {
      const made = await mkdtemp(path.join(tmpdir(), `corral-chaos-${row.name}-${name}-`));
      undoes.push(() => rm(made, { recursive: true, force: true }));
      return made;
    },
    atEnd: (undo) => void undoes.push(undo),
    draw: (name) => drawFrom(seed, `${row.name} ${name}`),
    say: (line) => console.log(`   ${line}`),
  };
  let figures: Figures = {};
  const violations: Violation[] = [];
  try {
    const outcome = await within(row.boundMs, row.run(stage));
    figures = outcome.figures;
    violations.push(...outcome.violations);
  } catch (error) {
    const what = String((error as Error)?.stack ?? error);
    // A corrald that refuses its data, or fails on it, has broken a promise; anything else is an accident of the row.
    violations.push({ check: REFUSED_START.test(what) ? "start" : "row", what });
  }
  await endAll();
  for (const undo of undoes.toReversed()) {
    try {
      await undo();
    } catch (error) {
      violations.push({ check: "cleaning", what: String(error) });
    }
  }
  for (const { check, what } of violations.slice(0, VIOLATIONS_SHOWN))
    console.log(`   ! ${check}: ${what.slice(0, WIDTH_MAX)}`);
  if (violations.length > VIOLATIONS_SHOWN) console.log(`   ! and ${violations.length - VIOLATIONS_SHOWN} more`);
  return { row, figures, violations, missing: [], seconds: (performance.now() - startedAt) / 1_000 };
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not over within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    // It may fail later, of what was taken from under it.
    work.catch(() => {});
  }
}

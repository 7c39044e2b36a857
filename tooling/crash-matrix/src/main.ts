/**
 * The command: every crash of the file log, then every single fault in a data directory that a real corrald has written.
 *
 * `--only matrix|sweep` one half; `--workload NAME` one workload; `--share N/M` the N-th of M parts of both halves; `--sample K`
 * every K-th block of the sweep, as a whole all of it in K runs with different shares; `--at ADDRESS` one crash again, told;
 * `--plant NAME` over a log with a defect: passes when it is found.
 */
import { flagsOf, oneOf, shareOf, wholeNumber, wrongUse } from "../../dev/flags.mjs";
import { tell } from "./matrix/tell.ts";
import type { ShareResult } from "./matrix/share.ts";
import { WORKLOADS } from "./matrix/workloads/index.ts";
import { PLANTS } from "./plant.ts";
import { makeSource } from "./sweep/source.ts";
import { addSweeps, sweepLines, type SweepResult } from "./sweep/sweep.ts";
import { tableLines } from "./table.ts";
import { inThreads } from "./threads.ts";
import type { Task } from "./worker.ts";

/** Tasks that each workload, and the sweep, is cut into, so that all threads are busy to the end. */
const PIECES = 8;
/** Printed of each half; more are only counted. */
const FAILURES_SHOWN = 10;

interface Count {
  passed: number;
  failed: number;
}

const { values } = flagsOf({
  options: {
    only: { type: "string" },
    workload: { type: "string" },
    share: { type: "string" },
    sample: { type: "string" },
    at: { type: "string" },
    plant: { type: "string" },
  },
});

const { at, only, plant, workload } = values;
if (only !== undefined) oneOf("only", only, ["matrix", "sweep"]);
if (plant !== undefined) oneOf("plant", plant, Object.keys(PLANTS));
if (workload !== undefined)
  oneOf(
    "workload",
    workload,
    WORKLOADS.map(({ name }) => name),
  );
const share = shareOf("share", values.share ?? "1/1");
const sampleEvery = wholeNumber("sample", values.sample ?? "1", 1);

const count: Count = { passed: 0, failed: 0 };
if (at !== undefined) {
  await tell(at, plant === undefined ? undefined : PLANTS[plant], count).catch((error: unknown) =>
    wrongUse((error as Error).message),
  );
} else {
  if (only !== "sweep") await matrix();
  if (only !== "matrix" && plant === undefined && workload === undefined) await sweep();
}
console.log(`crash-matrix: ${count.passed} passed, ${count.failed} failed`);
const isFine = plant === undefined ? count.failed === 0 && count.passed > 0 : count.failed > 0;
process.exitCode = isFine ? 0 : 1;

async function matrix(): Promise<void> {
  const from = performance.now();
  const names = WORKLOADS.map(({ name }) => name).filter((name) => workload === undefined || name === workload);
  const of = PIECES * share.of;
  const tasks = names.flatMap((name) =>
    Array.from({ length: PIECES }, (_, piece): Task => ({
      kind: "matrix",
      workload: name,
      index: piece * share.of + share.index,
      of,
      plant,
    })),
  );
  const rows = new Map(names.map((name) => [name, { moments: 0, crashes: 0, secondCrashes: 0, passed: 0, failed: 0 }]));
  const failures: string[] = [];
  await inThreads(tasks, (answer) => {
    if (answer.task.kind !== "matrix") return;
    const row = rows.get(answer.task.workload)!;
    if (answer.kind === "matrix") add(row, answer.result);
    else row.failed += 1;
    failures.push(
      ...(answer.kind === "matrix" ? answer.result.failures : [`${answer.task.workload}: ${whatOf(answer)}`]),
    );
  });
  const lines = [...rows].map(([name, row]) => [
    name,
    row.moments,
    row.crashes,
    row.secondCrashes,
    row.passed,
    row.failed,
  ]);
  const sum = (column: number): number => lines.reduce((all, line) => all + Number(line[column]), 0);
  const all = [1, 2, 3, 4, 5].map(sum);
  count.passed += all[3]!;
  count.failed += all[4]!;
  lines.push(["all", ...all]);
  for (const line of tableLines(["workload", "moments", "crashes", "second", "recoveries", "failed"], lines))
    console.log(line);
  show(failures);
  console.log(`${((performance.now() - from) / 1000).toFixed(0)} s\n`);
}

function add(row: { moments: number; crashes: number; secondCrashes: number } & Count, result: ShareResult): void {
  row.moments += result.moments;
  row.crashes += result.crashes;
  row.secondCrashes += result.secondCrashes;
  row.passed += result.passed;
  row.failed += result.failed;
}

async function sweep(): Promise<void> {
  const from = performance.now();
  const source = await makeSource();
  for (const [name, bytes] of Object.entries(source.files)) console.log(`${name}  ${bytes.length} bytes`);
  const of = PIECES * share.of;
  const tasks = Array.from({ length: PIECES }, (_, piece): Task => ({
    kind: "sweep",
    source,
    index: piece * share.of + share.index,
    of,
    sampleEvery,
  }));
  const results: SweepResult[] = [];
  await inThreads(tasks, (answer) => {
    if (answer.kind === "sweep") results.push(answer.result);
    else results.push({ counts: {}, passed: 0, failed: 1, failures: [whatOf(answer)] });
  });
  const all = addSweeps(results);
  for (const line of sweepLines(all)) console.log(line);
  show(all.failures);
  count.passed += all.passed;
  count.failed += all.failed;
  console.log(`${((performance.now() - from) / 1000).toFixed(0)} s\n`);
}

function whatOf(answer: { readonly kind: string; readonly what?: string }): string {
  return answer.what ?? `answered with ${answer.kind}`;
}

function show(failures: readonly string[]): void {
  const again = plant === undefined ? "" : ` --plant ${plant}`;
  for (const failure of failures.slice(0, FAILURES_SHOWN))
    console.log(`FAILED   npm run crash-matrix --${again} ${failure}`);
  if (failures.length > FAILURES_SHOWN) console.log(`and ${failures.length - FAILURES_SHOWN} more`);
}

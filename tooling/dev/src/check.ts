/**
 * `npm run check`: everything that can be said of the tree without running it, one line a check. The build stands
 * before it (tooling/dev/run.mjs), so sources compile when this starts.
 *
 * Owns which checks there are and in which order. `npm run check -- lint tidy` runs only those named.
 */
import { packed } from "./check/packed.ts";
import type { Step } from "./check/step.ts";
import { deadCode, format, lint, tidy } from "./check/tools.ts";
import { types } from "./check/types.ts";

const steps: readonly Step[] = [types, lint, format, deadCode, packed, tidy];
const wanted = process.argv.slice(2);
const unknown = wanted.find((name) => !steps.some((step) => step.name === name));
if (unknown !== undefined) {
  console.error(`no check '${unknown}'; there are: ${steps.map(({ name }) => name).join(", ")}`);
  process.exit(2);
}

let failed = 0;
const chosen = steps.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
for (const { name, run } of chosen) {
  const from = performance.now();
  const { ok, summary, output } = await run();
  const seconds = ((performance.now() - from) / 1000).toFixed(1);
  console.log(`${name.padEnd(10)} ${ok ? "ok    " : "FAILED"} ${seconds.padStart(5)} s  ${summary}`);
  if (ok) continue;
  failed += 1;
  console.log(`\n${output.trim()}\n`);
}
console.log(`check: ${chosen.length - failed} passed, ${failed} failed`);
if (failed > 0) process.exitCode = 1;

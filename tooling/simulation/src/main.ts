/** The command: so many seeds, each run twice, in as many processes as there are processors. */
import { parseArgs } from "node:util";
import { type Plant, PLANTS } from "./plant.ts";
import { run } from "./run.ts";

const { values } = parseArgs({ options: { seed: { type: "string" }, plant: { type: "string" }, trace: { type: "boolean" }, from: { type: "string" }, seeds: { type: "string" } } });
void PLANTS;
const from = Number(values.seed ?? values.from ?? 1);
const n = Number(values.seeds ?? 1);
let failed = 0;
for (let seed = from; seed < from + n; seed++) {
  const t = performance.now();
  const first = await run(seed, { plant: values.plant as Plant | undefined, print: values.trace === true ? (line) => console.log(line) : undefined });
  console.log(seed, first.hash, Math.round(performance.now() - t), "ms", JSON.stringify(first.figures));
  for (const { check, what } of first.violations) console.log("  ", check, what.slice(0, 600));
  if (first.violations.length > 0) failed++;
}
console.log(`simulate: ${n - failed} passed, ${failed} failed`);

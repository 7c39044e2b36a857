/** What a run came to, on a terminal: the targets, and what failed. */
import { verdictLine } from "./tables.ts";
import { judge } from "./targets.ts";
import type { Results } from "./results.ts";

export function summary(results: Results): string {
  const judged = judge(results).filter(({ verdict }) => verdict !== "not measured");
  const lines = judged.map((one) => `${one.verdict.padEnd(9)} ${verdictLine(one)}`);
  for (const { system, what, why } of results.failures)
    lines.push(`FAILED    ${system}, ${what}: ${why.split("\n")[0]}`);
  const absent = results.systems.filter(({ missing }) => missing !== undefined);
  for (const { name, missing } of absent) lines.push(`WITHOUT   ${name}: ${missing}`);
  if (results.quick) lines.push("a quick run: every part has run, no figure means anything");
  lines.push(`${results.minutes.toFixed(1)} minutes`);
  return lines.join("\n");
}

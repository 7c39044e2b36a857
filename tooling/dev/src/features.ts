/**
 * `npm run features`: fails unless every row of docs/features.md is there and every row that says `yes` names tests
 * that exist, run and assert something.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { flagsOf } from "../flags.mjs";
import { proofFaults } from "./features/proof.ts";
import { readTable, type Verdict } from "./features/table.ts";
import { importsOf, resolveRelative } from "./tidy/imports.ts";
import { ROOT, textFiles } from "./workspace.ts";

flagsOf({ options: {} });
const tests = filesOfTests();
const { rows, faults } = readTable(readFileSync(join(ROOT, "docs/features.md"), "utf8"));
const all = [...faults, ...proofFaults(rows, (path) => tests.get(path))];
for (const fault of all) console.log(fault);
const count = (verdict: Verdict): number => rows.filter((row) => row.verdict === verdict).length;
const verdicts = `${count("yes")} yes, ${count("later")} later, ${count("no")} no`;
console.log(`features: ${rows.length} rows (${verdicts}), ${all.length} faults`);
if (all.length > 0) process.exitCode = 1;

/** The test files that vitest runs and, path → text, what they import from their own test folder. */
function filesOfTests(): Map<string, string> {
  const inTest = new Map(
    textFiles()
      .filter(({ path }) => path.includes("/test/"))
      .map(({ path, text }) => [path, text]),
  );
  const reached = new Map<string, string>();
  const reach = (path: string): void => {
    const text = inTest.get(path);
    if (text === undefined || reached.has(path)) return;
    reached.set(path, text);
    for (const { to } of importsOf({ path, text })) if (to.startsWith(".")) reach(resolveRelative(path, to));
  };
  for (const path of inTest.keys()) if (path.endsWith(".test.ts")) reach(path);
  return reached;
}

/** Types of what the build does not compile: tests and tooling. Sources are compiled by the build before any check. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { packages, ROOT } from "../workspace.ts";
import { runTool, type Outcome, type Step } from "./step.ts";

export const types: Step = { name: "types", run: checkTypes };

async function checkTypes(): Promise<Outcome> {
  const projects: string[] = [];
  let missing = "";
  for (const { folder } of packages()) {
    const tests = `${folder}/test`;
    if (folder.startsWith("tooling/")) projects.push(folder);
    if (existsSync(join(ROOT, tests, "tsconfig.json"))) projects.push(tests);
    else if (existsSync(join(ROOT, tests)) && !includesTests(folder)) {
      missing += `${tests}/tsconfig.json is missing: nothing checks the types there\n`;
    }
  }
  const { ok, output } = await runTool("tsc", ["-b", ...projects]);
  return {
    ok: ok && missing === "",
    summary: `${projects.length} projects of tests and tooling`,
    output: missing + output,
  };
}

/** Whether the folder's own tsconfig.json takes in its tests, as one that builds nothing may. */
function includesTests(folder: string): boolean {
  const file = join(ROOT, folder, "tsconfig.json");
  if (!existsSync(file)) return false;
  const { include } = JSON.parse(readFileSync(file, "utf8")) as { include?: string[] };
  return include?.includes("test") ?? false;
}

/** Types of what the build does not compile: tests and tooling. Sources are compiled by the build before any check. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { packages, ROOT } from "../workspace.ts";
import { runTool, type Outcome, type Step } from "./step.ts";

export const types: Step = { name: "types", run: checkTypes };

async function checkTypes(): Promise<Outcome> {
  const projects: string[] = [];
  const missing: string[] = [];
  for (const { folder } of packages()) {
    const own = folder.startsWith("tooling/") ? folder : `${folder}/test`;
    if (existsSync(join(ROOT, own, "tsconfig.json"))) projects.push(own);
    else if (existsSync(join(ROOT, own)))
      missing.push(`${own}/tsconfig.json is missing: nothing checks the types there\n`);
  }
  const { ok, output } = await runTool("tsc", ["-b", ...projects]);
  return {
    ok: ok && missing.length === 0,
    summary: `${projects.length} projects of tests and tooling`,
    output: missing.join("") + output,
  };
}

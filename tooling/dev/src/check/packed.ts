/**
 * What npm would get: every published package is packed as a release packs it, and publint and attw look at the tarball.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { published, ROOT, type Package } from "../workspace.ts";
import { runTool, type Outcome, type Step } from "./step.ts";

export const packed: Step = { name: "packages", run: checkPackages };

async function checkPackages(): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), "corral-packed-"));
  try {
    const all = published();
    const waiting = [...all];
    const failures: string[] = [];
    const worker = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        failures.push(...(await checkPackage(next, folder)));
      }
    };
    await Promise.all([worker(), worker()]);
    return {
      ok: failures.length === 0,
      summary: `${all.length} packages, publint and attw`,
      output: failures.join("\n"),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What the tools say against one package; empty when it is fine. */
async function checkPackage({ folder, manifest }: Package, into: string): Promise<string[]> {
  const tarball = join(into, `${manifest.name.replace("@", "").replace("/", "-")}-${manifest.version}.tgz`);
  const pack = await runTool("pnpm", ["pack", "--pack-destination", into], join(ROOT, folder));
  if (!pack.ok) return [`${folder}: pnpm pack failed\n${pack.output}`];
  const publint = await runTool("publint", ["run", tarball, "--strict"]);
  const attw = await runTool("attw", [tarball, "--profile", "esm-only", "--format", "ascii", "--no-emoji"]);
  const failures: string[] = [];
  if (!publint.ok) failures.push(`${folder}: publint\n${publint.output}`);
  if (!attw.ok) failures.push(`${folder}: attw\n${attw.output}`);
  return failures;
}

/**
 * Which package may see which: dependencies point down, and client and server never see each other.
 *
 * Owns the table. Type imports count like any other, and a package.json counts like an import.
 */
import type { Package, TextFile } from "../workspace.ts";
import type { Finding } from "./finding.ts";
import { CODE, importsOf, resolveRelative } from "./imports.ts";

/** What the sources of each package may import of ours, and so what its package.json may list as dependencies. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  "packages/protocol": [],
  "packages/state-machine": ["@corral/protocol"],
  "packages/log": [],
  "packages/server": ["@corral/protocol", "@corral/state-machine", "@corral/log"],
  "packages/client": ["@corral/protocol"],
  "packages/recipes": ["@corral/client"],
  "packages/broker-agent": ["@corral/client", "@corral/recipes"],
  "packages/consumer-group": ["@corral/client", "@corral/recipes"],
  "packages/testing": ["@corral/protocol", "@corral/state-machine", "@corral/log", "@corral/server", "@corral/client"],
  "apps/daemon": ["@corral/protocol", "@corral/state-machine", "@corral/log", "@corral/server"],
  "apps/cli": [
    "@corral/protocol",
    "@corral/client",
    "@corral/recipes",
    "@corral/broker-agent",
    "@corral/consumer-group",
  ],
  "apps/example-broker": ["@corral/client", "@corral/recipes", "@corral/broker-agent", "@corral/consumer-group"],
};

/** Tests may also look at what their package does not know, downwards still. Tooling may see everything. */
const TESTS_MAY_ALSO_IMPORT: Readonly<Record<string, readonly string[]>> = {
  "packages/recipes": ["@corral/testing"],
  "packages/broker-agent": ["@corral/testing"],
  "packages/consumer-group": ["@corral/testing"],
  "apps/daemon": ["@corral/client", "@corral/testing"],
  "apps/example-broker": ["@corral/testing", "@corral/server", "@corral/log", "@corral/daemon"],
  "apps/cli": ["@corral/state-machine", "@corral/log", "@corral/server", "@corral/testing", "@corral/daemon"],
};

/** What is never published may take these straight from the workspace: suites their bounds, commands their way with flags. */
const OF_THE_WORKSPACE: ReadonlySet<string> = new Set(["tooling/dev/flags.mjs", "tooling/dev/src/test-bounds.ts"]);

export function directionFindings(packages: readonly Package[], files: readonly TextFile[]): Finding[] {
  const findings: Finding[] = [];
  for (const { folder, manifest } of packages) {
    if (folder.startsWith("tooling/")) continue;
    const inSources = MAY_IMPORT[folder];
    if (inSources === undefined) {
      findings.push({ where: folder, what: "has no row in the direction table of tooling/dev/src/tidy/direction.ts" });
      continue;
    }
    const inTests = [...inSources, ...(TESTS_MAY_ALSO_IMPORT[folder] ?? []), manifest.name];
    findings.push(
      ...listedFindings(folder, "dependencies", manifest.dependencies, inSources),
      ...listedFindings(folder, "devDependencies", manifest.devDependencies, inTests),
    );
    for (const file of files) {
      if (!file.path.startsWith(`${folder}/`) || !CODE.test(file.path)) continue;
      const allowed = file.path.startsWith(`${folder}/src/`) ? inSources : inTests;
      findings.push(...importFindings(folder, file, allowed));
    }
  }
  return findings;
}

function listedFindings(
  folder: string,
  kind: string,
  listed: Readonly<Record<string, string>> | undefined,
  allowed: readonly string[],
): Finding[] {
  return Object.keys(listed ?? {})
    .filter((name) => name.startsWith("@corral/") && !allowed.includes(name))
    .map((name) => ({ where: `${folder}/package.json`, what: `${kind} may not list ${name}` }));
}

function importFindings(folder: string, file: TextFile, allowed: readonly string[]): Finding[] {
  const findings: Finding[] = [];
  for (const { to, line } of importsOf(file)) {
    const where = `${file.path}:${line}`;
    if (to.startsWith(".")) {
      const target = resolveRelative(file.path, to);
      const isPublished = file.path.startsWith(`${folder}/src/`);
      if (!isPublished && OF_THE_WORKSPACE.has(target)) continue;
      if (!target.startsWith(`${folder}/`)) findings.push({ where, what: `leaves its package by '${to}'` });
      else if (isPublished && !target.startsWith(`${folder}/src/`)) {
        findings.push({ where, what: `sources may not import '${to}', which is not published` });
      }
    } else if (to.startsWith("@corral/")) {
      const name = to.split("/").slice(0, 2).join("/");
      if (!allowed.includes(name)) findings.push({ where, what: `may not import ${name}` });
    }
  }
  return findings;
}

/**
 * Our own guard over the shape of the repository: what no general tool knows. Runs as one line of `npm run check`.
 *
 * Owns which rules there are. Each rule is a function from files to findings, in a file of its own under tidy/.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { cycleFindings } from "./tidy/cycles.ts";
import { directionFindings } from "./tidy/direction.ts";
import { fileFindings } from "./tidy/files.ts";
import type { Finding } from "./tidy/finding.ts";
import { textFindings } from "./tidy/text.ts";
import { packages, ROOT, textFiles } from "./workspace.ts";

const files = textFiles();
const longFiles = JSON.parse(readFileSync(join(ROOT, "tooling/dev/long-files.json"), "utf8")) as Record<string, string>;
const findings: Finding[] = [
  ...directionFindings(packages(), files),
  ...cycleFindings(files),
  ...fileFindings(files, longFiles),
  ...textFindings(files, (path) => existsSync(join(ROOT, path))),
];
for (const { where, what } of findings) console.log(`${where}  ${what}`);
console.log(`${files.length} files, ${findings.length} findings`);
if (findings.length > 0) process.exitCode = 1;

/**
 * Rules about a file as a whole: how long it may be, what it may be called, and no `export *`.
 */
import type { TextFile } from "../workspace.ts";
import type { Finding } from "./finding.ts";
import { CODE, importsOf } from "./imports.ts";

/** Lines of one code file. Who needs more has two subjects in one file, or a row in long-files.json that says why not. */
const LINES_MAX = 400;
/** Names that say nothing of what is inside. */
const NAMES_BANNED = new Set(["util", "utils", "helper", "helpers", "common", "manager", "managers"]);

/** `longFiles`: path → why this file may be longer. A row that is not needed is a finding too. */
export function fileFindings(files: readonly TextFile[], longFiles: Readonly<Record<string, string>>): Finding[] {
  const findings: Finding[] = [];
  const code = files.filter(({ path }) => CODE.test(path));
  for (const file of code) {
    const lines = file.text.split("\n").length - 1;
    if (lines > LINES_MAX && longFiles[file.path] === undefined) {
      findings.push({ where: file.path, what: `has ${lines} lines, more than ${LINES_MAX}` });
    }
    const banned = file.path.split(/[/.\-_]/).find((word) => NAMES_BANNED.has(word.toLowerCase()));
    if (banned !== undefined) findings.push({ where: file.path, what: `is named '${banned}', which says nothing` });
    for (const { star, line } of importsOf(file)) {
      if (star) findings.push({ where: `${file.path}:${line}`, what: "`export *` hides what is public: name it" });
    }
  }
  for (const path of Object.keys(longFiles)) {
    const file = code.find((other) => other.path === path);
    if (file === undefined || file.text.split("\n").length - 1 <= LINES_MAX) {
      findings.push({ where: "tooling/dev/long-files.json", what: `does not need its row for ${path}` });
    }
  }
  return findings;
}

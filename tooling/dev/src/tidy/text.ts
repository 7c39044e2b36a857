/**
 * Rules about what the text says: a path that it names exists, a decision that it cites exists, and it speaks of
 * nothing that only one machine has.
 */
import { posix } from "node:path";
import type { TextFile } from "../workspace.ts";
import type { Finding } from "./finding.ts";
import { lineAt } from "./imports.ts";

/** Says whether a path from the root is there: a file or a folder. */
export type Exists = (path: string) => boolean;

const DOCUMENT =
  /^(README|ARCHITECTURE|CONTRIBUTING|SECURITY)\.md$|^docs\/.*\.md$|^(packages|apps|tooling)\/[^/]+\/README\.md$/;
/** A path of the workspace between backticks; what a build or a run makes is not looked for. */
const NAMED_PATH = /`((?:packages|apps|tooling|docs|\.ci|\.changeset)\/[\w./@-]+)(?::\d+)?[ `]/g;
const MADE = /\/(dist|node_modules|coverage)(\/|$)/;
const LINK = /\]\(([^)#\s]+)(?:#[^)]*)?\)/g;
const DECISION = /\bdecisions?[ /](\d{4})\b/gi;
/** What lies beside the clone, and absolute paths of somebody's machine. */
const ELSEWHERE = [/\.\.\/shared\b/g, /(?<![\w.])\/work\//g, /(?<![\w.])\/(?:home|Users)\/\w+\//g];

export function textFindings(files: readonly TextFile[], exists: Exists): Finding[] {
  const decisions = new Set(files.map(({ path }) => /^docs\/decisions\/(\d{4})-/.exec(path)?.[1]));
  const findings: Finding[] = [];
  for (const file of files) {
    const report = (offset: number, what: string): void => {
      findings.push({ where: `${file.path}:${lineAt(file.text, offset)}`, what });
    };
    if (DOCUMENT.test(file.path)) namedPaths(file, exists, report);
    for (const match of file.text.matchAll(DECISION)) {
      if (!decisions.has(match[1]))
        report(match.index, `cites decision ${match[1]}, which docs/decisions does not have`);
    }
    for (const pattern of ELSEWHERE) {
      for (const match of file.text.matchAll(pattern))
        report(match.index, `names '${match[0]}', outside the repository`);
    }
  }
  return findings;
}

function namedPaths(file: TextFile, exists: Exists, report: (offset: number, what: string) => void): void {
  const prose = withoutFences(file.text);
  for (const match of prose.matchAll(NAMED_PATH)) {
    const path = (match[1] ?? "").replace(/\/$/, "");
    if (!MADE.test(path) && !exists(path)) report(match.index, `names ${path}, which does not exist`);
  }
  for (const match of prose.matchAll(LINK)) {
    const target = match[1] ?? "";
    if (/^[a-z]+:/.test(target)) continue;
    const path = posix.join(posix.dirname(file.path), target).replace(/\/$/, "");
    if (!exists(path)) report(match.index, `links to ${target}, which does not exist`);
  }
}

/** The text with every fenced block blanked out, offsets unchanged. */
function withoutFences(text: string): string {
  return text.replace(/^```[\s\S]*?^```/gm, (block) => block.replace(/[^\n]/g, " "));
}

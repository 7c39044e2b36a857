/**
 * Import cycles among the sources of a package, type imports included: files that cannot be read one after the other.
 */
import type { TextFile } from "../workspace.ts";
import type { Finding } from "./finding.ts";
import { CODE, importsOf, resolveRelative } from "./imports.ts";

/** One finding per cycle, at the import that closes it. */
export function cycleFindings(files: readonly TextFile[]): Finding[] {
  const graph = new Map<string, { to: string; line: number }[]>();
  for (const file of files) {
    if (!CODE.test(file.path) || !file.path.includes("/src/")) continue;
    const edges = importsOf(file).filter(({ to }) => to.startsWith("."));
    graph.set(
      file.path,
      edges.map(({ to, line }) => ({ to: resolveRelative(file.path, to), line })),
    );
  }
  const findings: Finding[] = [];
  const done = new Set<string>();
  /** The files on the way from where the walk began to the one being looked at. */
  const way: string[] = [];
  const visit = (path: string): void => {
    way.push(path);
    for (const { to, line } of graph.get(path) ?? []) {
      const start = way.indexOf(to);
      if (start !== -1) {
        findings.push({ where: `${path}:${line}`, what: `closes the cycle ${[...way.slice(start), to].join(" → ")}` });
      } else if (!done.has(to)) visit(to);
    }
    way.pop();
    done.add(path);
  };
  for (const path of graph.keys()) if (!done.has(path)) visit(path);
  return findings;
}

/** The checks that one tool does over the whole tree: lint, format, dead code, and our own guard. */
import { runTool, type Outcome, type Step } from "./step.ts";

export const lint: Step = {
  name: "lint",
  run: () => tool("oxlint", [], /on (?<n>\d+) files with (?<m>\d+) rules/, (n, m) => `${n} files, ${m} rules`),
};

export const format: Step = {
  name: "format",
  run: () => tool("oxfmt", ["--check", "."], /on (?<n>\d+) files/, (n) => `${n} files`),
};

export const deadCode: Step = {
  name: "dead code",
  run: () => tool("knip", ["--no-progress"], /^/, () => "nothing unused"),
};

export const tidy: Step = {
  name: "tidy",
  run: () => tool("node", ["tooling/dev/src/tidy.ts"], /(?<n>\d+) files, \d+ findings/, (n) => `${n} files`),
};

/** Runs a tool and reads its summary from what it printed. */
async function tool(
  command: string,
  args: readonly string[],
  figures: RegExp,
  summarize: (n: string, m: string) => string,
): Promise<Outcome> {
  const { ok, output } = await runTool(command, args);
  const found = figures.exec(output)?.groups ?? {};
  return { ok, output, summary: ok ? summarize(found["n"] ?? "?", found["m"] ?? "?") : "see below" };
}

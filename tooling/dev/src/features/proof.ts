/**
 * Whether the tests that a row names exist, run, and assert.
 *
 * A name matches a test by its own title, or by the titles of the describe blocks around it and its own joined by ` › `.
 */
import type { Row, TestName } from "./table.ts";
import { declaredTests, type DeclaredTest, type Title } from "./tests.ts";

/** The text of a file that `npm test` runs, itself or imported by one of its test files; undefined for any other. */
export type ReadTestFile = (path: string) => string | undefined;

/** What is wrong with the proofs of these rows, one sentence each. */
export function proofFaults(rows: readonly Row[], readFile: ReadTestFile): string[] {
  const files = new Map<string, DeclaredTest[] | string>();
  const testsOf = (path: string): DeclaredTest[] | string => {
    const known = files.get(path) ?? readTests(path, readFile);
    files.set(path, known);
    return known;
  };
  return rows.flatMap((row) =>
    row.tests.flatMap((test) => {
      const fault = faultOf(test, testsOf(test.path));
      return fault === undefined ? [] : [`row ${row.id} (line ${row.line}): ${fault}`];
    }),
  );
}

function readTests(path: string, readFile: ReadTestFile): DeclaredTest[] | string {
  const text = readFile(path);
  if (text === undefined) return `${path} is not a file that \`npm test\` runs`;
  if (/\b(?:test|it|describe)(?:\.\w+)*\.only\b/.test(text)) return `${path} runs only some of its tests (.only)`;
  return declaredTests(path, text);
}

function faultOf({ path, name }: TestName, tests: DeclaredTest[] | string): string | undefined {
  if (typeof tests === "string") return tests;
  const found = tests.filter(({ titles }) => {
    const own = titles.at(-1) ?? [];
    return matches([own], name) || matches(titles, name);
  });
  const test = found[0];
  if (test === undefined) return `${path} has no test '${name}'`;
  if (found.length > 1) return `${path} has ${found.length} tests '${name}'`;
  if (test.idle !== undefined) return `'${name}' does not run (${test.idle})`;
  if (!test.asserts) return `'${name}' asserts nothing`;
  return undefined;
}

function matches(titles: readonly Title[], name: string): boolean {
  const pattern = titles.map((pieces) => pieces.map(escaped).join(".+")).join(" › ");
  return new RegExp(`^${pattern}$`, "s").test(name);
}

function escaped(piece: string): string {
  return piece.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

/**
 * Reads docs/features.md: one row per feature of ZooKeeper, and what stands behind it here.
 *
 * Owns the form of the table and that no row is missing. Whether a named test is any good is proof.ts's question.
 */

/** `yes` is proven by tests; `later` and `no` say why. */
export type Verdict = "yes" | "later" | "no";

export interface Row {
  /** `1` … `135`, `W1` … `W30`, and so on: see {@link ROWS}. */
  readonly id: string;
  readonly line: number;
  readonly verdict: Verdict;
  /** The tests of a `yes`. */
  readonly tests: readonly TestName[];
}

/** `packages/log/test/exam.test.ts › the name of the test`. */
export interface TestName {
  readonly path: string;
  /** With the names of the describe blocks around it, joined by ` › `, or without. */
  readonly name: string;
}

/** The rows, and what is wrong with the table itself. */
export interface Table {
  readonly rows: readonly Row[];
  readonly faults: readonly string[];
}

/** The numbers of the rows there are, by the letter before them: from and to, both included. */
const ROWS: Readonly<Record<string, readonly (readonly [from: number, to: number])[]>> = {
  /** Features of ZooKeeper. */
  "": [[1, 135]],
  /** What its users ask for and lack. */
  W: [[1, 30]],
  /** Curator's recipes, and what they stand on. */
  C: [[1, 50]],
  /** Kazoo's. */
  K: [[1, 20]],
  /** What users of such clients complain about. */
  P: [[1, 44]],
  /** What ZooKeeper and KRaft do for Kafka: brokers, controller, metadata; replication; configuration and reassignment; groups. */
  F: [
    [1, 32],
    [40, 53],
    [60, 99],
    [110, 115],
  ],
};

const CITATION = /`([^`]+?) › ([^`]+)`/g;

export function readTable(text: string): Table {
  const rows: Row[] = [];
  const faults: string[] = [];
  for (const [index, source] of text.split("\n").entries()) {
    const cells = cellsOf(source);
    const id = cells?.[0];
    if (cells === undefined || id === undefined || !/^[A-Z]?\d+$/.test(id)) continue;
    const fault = (what: string): void => void faults.push(`row ${id} (line ${index + 1}): ${what}`);
    const [, feature = "", verdict = "", proof = ""] = cells;
    if (cells.length !== 4) fault(`has ${cells.length} cells instead of 4`);
    if (feature === "") fault("names no feature");
    if (rows.some((row) => row.id === id)) fault("stands here twice");
    if (verdict !== "yes" && verdict !== "later" && verdict !== "no") {
      fault(`says '${verdict}' instead of yes, later or no`);
      continue;
    }
    const tests = [...proof.matchAll(CITATION)].map(([, path = "", name = ""]) => ({ path, name }));
    if (/\bTODO\b/.test(proof)) fault("TODO is not a proof");
    else if (verdict === "yes" && tests.length === 0) fault("names no test");
    else if (verdict !== "yes" && proof.length < 10) fault(`gives no reason for '${verdict}'`);
    rows.push({ id, line: index + 1, verdict, tests });
  }
  for (const id of expectedIds()) if (!rows.some((row) => row.id === id)) faults.push(`row ${id}: is missing`);
  const expected = new Set(expectedIds());
  for (const { id } of rows) if (!expected.has(id)) faults.push(`row ${id}: is not one of the list`);
  return { rows, faults };
}

export function expectedIds(): string[] {
  return Object.entries(ROWS).flatMap(([kind, ranges]) =>
    ranges.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, i) => `${kind}${from + i}`)),
  );
}

/** The cells of a table line, trimmed; undefined for any other line. `\|` is a bar within a cell. */
function cellsOf(line: string): string[] | undefined {
  if (!line.startsWith("|")) return undefined;
  const cells = line.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
  return cells.slice(1, -1);
}

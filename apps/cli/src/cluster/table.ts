/** Rows for people: columns as wide as they need to be; and the same as objects, one a line. */
import type { Output } from "../output.ts";

export interface Row {
  /** Tells it from the others, and is the same the next time. */
  readonly key: string;
  readonly object: object;
  readonly cells: readonly string[];
}

export function printTable(output: Output, columns: readonly string[], rows: readonly Row[]): void {
  if (output.isJson) for (const { object } of rows) output.item(object, () => "");
  else if (rows.length > 0) output.item({}, () => tableText(columns, rows));
}

export function tableText(columns: readonly string[], rows: readonly Row[]): string {
  const lines = [columns, ...rows.map(({ cells }) => cells)];
  const widths = columns.map((_, at) => Math.max(...lines.map((line) => line[at]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** `1 replica`, `3 replicas`. */
export const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;

/** Nothing is shown as `-`, so that a column is never empty. */
export const cell = (value: string | number | null | undefined): string =>
  value === null || value === undefined || value === "" ? "-" : String(value);

export const list = (values: readonly (string | number)[]): string => (values.length === 0 ? "-" : values.join(","));

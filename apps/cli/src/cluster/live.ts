/**
 * Rows that are shown again as they change, until Ctrl-C. In a terminal they are drawn anew; elsewhere the rows that changed come line by line,
 * as `corral watch` has it: `entry` for what is there, `synced`, then `created`, `changed`, `deleted`.
 */
import type { Client } from "@corral/client";
import type { Call } from "../command.ts";
import { printTable, type Row, tableText } from "./table.ts";

/** Between two looks, milliseconds: what changes twice within it is shown once. */
const PAUSE_MS = 50;
const CLEAR = "\u001B[2J\u001B[H";

export interface Shown {
  readonly columns: readonly string[];
  readonly rows: () => readonly Row[] | Promise<readonly Row[]>;
  /** Calls back with each change that may concern the rows. The function returned ends it. */
  readonly onChange: (changed: () => void) => () => void;
}

/** Once, or with `--watch` until it is interrupted. Rejects when the session is over. */
export async function show({ flags, output, untilInterrupted }: Call, client: Client, shown: Shown): Promise<void> {
  if (!flags.has("watch")) return printTable(output, shown.columns, await shown.rows());
  const signal = untilInterrupted();
  const isDrawn = !output.isJson && process.stdout.isTTY === true;
  let before: ReadonlyMap<string, Row> | undefined;
  await eachChange(client, shown, signal, async () => {
    const rows = await shown.rows();
    const now = new Map(rows.map((row) => [row.key, row]));
    if (isDrawn) process.stdout.write(`${CLEAR}${tableText(shown.columns, rows)}\n`);
    else tell(output, before, now);
    before = now;
  });
}

/** Looks at once, then after each change; no two looks at a time. */
async function eachChange(client: Client, shown: Shown, signal: AbortSignal, look: () => Promise<void>): Promise<void> {
  let isDue = true;
  let wake = (): void => {};
  const stops = [
    shown.onChange(() => {
      isDue = true;
      wake();
    }),
    client.on("state", () => {
      wake();
    }),
  ];
  const onAbort = (): void => {
    wake();
  };
  signal.addEventListener("abort", onAbort);
  try {
    while (!signal.aborted) {
      const { state } = client;
      if (state.name === "closed") throw state.cause ?? new Error("the session is over");
      if (isDue) {
        isDue = false;
        await look();
        await pause(PAUSE_MS, signal);
      } else await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    for (const stop of stops) stop();
  }
}

function tell(
  output: Call["output"],
  before: ReadonlyMap<string, Row> | undefined,
  now: ReadonlyMap<string, Row>,
): void {
  const line = (kind: string, row: Row): void => {
    output.item({ kind, ...row.object }, () => `${kind} ${row.cells.join(" ")}`);
  };
  for (const row of before?.values() ?? []) if (!now.has(row.key)) line("deleted", row);
  for (const row of now.values()) {
    const was = before?.get(row.key);
    if (was === undefined) line(before === undefined ? "entry" : "created", row);
    else if (JSON.stringify(was.object) !== JSON.stringify(row.object)) line("changed", row);
  }
  if (before === undefined) output.item({ kind: "synced" }, () => "synced");
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done);
  });
}

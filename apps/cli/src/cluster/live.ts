/**
 * Rows that are shown again as they change, until Ctrl-C. In a terminal they are drawn anew; elsewhere the rows that changed come line by line,
 * as `corral watch` has it: `entry` for what is there, `synced`, then `created`, `changed`, `deleted`.
 */
import type { ClusterAdmin } from "@corral/broker-agent";
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
  /** Aborted, with the reason, when nobody can tell of changes any more. */
  readonly over: AbortSignal;
}

/** What is read from the image of a cluster: each of its transactions may concern it. */
export function showCluster(call: Call, admin: ClusterAdmin, shown: Pick<Shown, "columns" | "rows">): Promise<void> {
  return show(call, { ...shown, onChange: (changed) => admin.watch(changed), over: admin.image.signal });
}

/** Once, or with `--watch` until it is interrupted; rejects when it is over before. */
export async function show({ flags, output, untilInterrupted }: Call, shown: Shown): Promise<void> {
  if (!flags.has("watch")) return printTable(output, shown.columns, await shown.rows());
  let before: ReadonlyMap<string, Row> | undefined;
  await eachChange(shown, untilInterrupted(), async () => {
    const rows = await shown.rows();
    const now = new Map(rows.map((row) => [row.key, row]));
    const terminal = output.isJson ? undefined : output.terminal;
    if (terminal === undefined) tell(output, before, now);
    else output.bytes(Buffer.from(`${CLEAR}${fitting(tableText(shown.columns, rows), terminal)}\n`));
    before = now;
  });
}

/** As much as there is room for, and how much more there is. Lines are cut: one that wraps would take the room of two. */
function fitting(text: string, { rows, columns }: NonNullable<Call["output"]["terminal"]>): string {
  const all = text.split("\n").map((line) => (line.length > columns ? `${line.slice(0, columns - 1)}…` : line));
  const room = Math.max(2, rows - 1);
  return all.length <= room
    ? all.join("\n")
    : [...all.slice(0, room - 1), `… ${all.length - room + 1} more`].join("\n");
}

/** Looks at once, then after each change; no two looks at a time. */
async function eachChange({ onChange, over }: Shown, signal: AbortSignal, look: () => Promise<void>): Promise<void> {
  let isDue = true;
  let wake = (): void => {};
  const stop = onChange(() => {
    isDue = true;
    wake();
  });
  const either = AbortSignal.any([signal, over]);
  either.addEventListener("abort", () => {
    wake();
  });
  try {
    while (!either.aborted) {
      if (isDue) {
        isDue = false;
        await look();
        await pause(PAUSE_MS, either);
      } else await new Promise<void>((resolve) => (wake = resolve));
    }
    if (!signal.aborted) throw over.reason as Error;
  } finally {
    stop();
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

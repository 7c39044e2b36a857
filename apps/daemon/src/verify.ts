/**
 * `corrald verify --data DIR`: reads everything that is stored and says whether it can be trusted, and whether every way to
 * the present gives the same state. Changes nothing, takes no lock; of a running daemon's directory, use a copy. A part that
 * is damaged and not needed, such as a snapshot beside a sound one, counts as damage here.
 */
import path from "node:path";
import { LogError, type LogWarning, openFileLog } from "@corral/log";
import { recover } from "@corral/server";
import { digestOf } from "@corral/state-machine";
import { ExitCode, exitCodeOfStart } from "./exit-code.ts";
import { type Flag, parseFlags } from "./flags.ts";
import { UsageError } from "./usage-error.ts";

export const VERIFY_FLAGS: Readonly<Record<string, Flag>> = {
  data: { type: "string", value: "DIR", help: "the data directory, or a copy of one; only read" },
};

/** Where to begin: the snapshots kept, and the beginning of the log if that is still there. */
const BEGINNINGS = ["newest", "oldest", "none"] as const;
type Beginning = (typeof BEGINNINGS)[number];

interface Found {
  readonly zxid: number;
  readonly digest: string;
}

export async function verify(args: readonly string[]): Promise<ExitCode> {
  const { values, positionals } = parseFlags(args, VERIFY_FLAGS);
  const data = values.get("data")?.[0];
  if (data === undefined || positionals.length > 0) throw new UsageError("write corrald verify --data DIR");
  const directory = path.resolve(data);
  const warnings = new Set<string>();
  try {
    const found: Found[] = [];
    for (const beginning of BEGINNINGS) found.push(...(await replay(directory, beginning, warnings)));
    for (const warning of warnings) console.error(`corrald verify: ${warning}`);
    const isSame = found.every(({ zxid, digest }) => zxid === found[0]?.zxid && digest === found[0].digest);
    if (isSame && warnings.size === 0) return ExitCode.ok;
    if (!isSame) console.error(`corrald verify: ${directory}: the ways to the present give different states`);
  } catch (error) {
    console.error(`corrald verify: ${(error as Error).message}`);
    return exitCodeOfStart(error);
  }
  return ExitCode.badData;
}

/** Prints what came out. Nothing if the log no longer reaches back to its beginning. */
async function replay(directory: string, beginning: Beginning, warnings: Set<string>): Promise<readonly Found[]> {
  const warn = (warning: LogWarning): void => void warnings.add(JSON.stringify(warning));
  const log = openFileLog({ directory, readOnly: true, snapshot: beginning, warn });
  const { state, lastZxid, batches, snapshotZxid } = await recover(log).catch((error: unknown) => {
    if (beginning === "none" && error instanceof LogError && error.code === "DAMAGED")
      return { state: undefined, lastZxid: 0, batches: 0, snapshotZxid: 0 };
    throw error;
  });
  if (state === undefined) return [];
  const digest = digestOf(state);
  const from =
    snapshotZxid === undefined ? "the beginning of the log" : `the ${beginning} snapshot, zxid ${snapshotZxid},`;
  console.log(
    `from ${from} and ${batches} records: zxid ${lastZxid}, digest ${digest}, ${state.tree.count} znodes, ${state.sessions.count} sessions`,
  );
  return [{ zxid: lastZxid, digest }];
}

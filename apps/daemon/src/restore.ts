/** `corrald restore --from DIR --data DIR`: a new log out of a backup. Offline: no server runs on either directory. */
import path from "node:path";
import { restoreFileLog } from "@corral/log";
import { ExitCode, exitCodeOfStart } from "./exit-code.ts";
import { type Flag, parseFlags } from "./flags.ts";
import { UsageError } from "./usage-error.ts";

export const RESTORE_FLAGS: Readonly<Record<string, Flag>> = {
  from: { type: "string", value: "DIR|FILE", help: "a copy of a data directory, or one snapshot file; only read" },
  data: { type: "string", value: "DIR", help: "the new data directory: missing or empty" },
};

export async function restore(args: readonly string[]): Promise<ExitCode> {
  const { values, positionals } = parseFlags(args, RESTORE_FLAGS);
  const from = values.get("from")?.[0];
  const data = values.get("data")?.[0];
  if (from === undefined || data === undefined || positionals.length > 0)
    throw new UsageError("write corrald restore --from DIR --data DIR");
  try {
    const { clusterId, lastZxid, epoch } = await restoreFileLog({ from: path.resolve(from), to: path.resolve(data) });
    console.log(`restored ${path.resolve(data)} to zxid ${lastZxid}`);
    console.log(`  cluster: ${clusterId} (new: clients notice that they meet another history)`);
    console.log(`  epoch:   ${epoch + 1} at the next start (no token given out after the backup is given out again)`);
    return ExitCode.ok;
  } catch (error) {
    console.error(`corrald restore: ${(error as Error).message}`);
    return exitCodeOfStart(error);
  }
}

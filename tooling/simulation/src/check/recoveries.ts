/** The same log, read from its newest snapshot and from its oldest, comes to the same state. */
import { FileLog, type FileLogLimits } from "@corral/log";
import type { MemoryDisk } from "@corral/log/testing";
import { recover } from "@corral/server";
import { digestOf, type HistoryLimits } from "@corral/state-machine";

/** What differs; undefined if nothing does. Changes nothing on the disk. */
export async function compareRecoveries(
  disk: MemoryDisk,
  limits: Partial<FileLogLimits>,
  history: HistoryLimits | undefined,
  note: (what: string) => void,
): Promise<string | undefined> {
  const found: { readonly zxid: number; readonly digest: string }[] = [];
  for (const snapshot of ["newest", "oldest"] as const) {
    const world = {
      disk: disk.mount(),
      lock: { acquire: async () => async () => {} },
      timers: { now: () => 0, after: () => () => {} },
      random: (length: number) => new Uint8Array(length),
    };
    try {
      const { state } = await recover(new FileLog(world, { limits, readOnly: true, snapshot }), history);
      found.push({ zxid: state.zxid, digest: digestOf(state) });
    } catch (error) {
      // There is no log yet, or it cannot be trusted: the start that follows says so too.
      note(`not compared: ${String(error)}`);
      return undefined;
    }
  }
  const [newest, oldest] = found as [(typeof found)[0], (typeof found)[0]];
  note(`compared ${newest.zxid}`);
  if (newest.zxid === oldest.zxid && newest.digest === oldest.digest) return undefined;
  return `from the newest snapshot ${JSON.stringify(newest)}, from the oldest ${JSON.stringify(oldest)}`;
}

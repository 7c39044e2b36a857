/**
 * A directory that nobody writes to now leads to one state, whichever of its snapshots is begun with: each that has its final
 * name is whole, and those that are kept have all of the log that comes after them.
 */
import { FileLog, type FileLogLimits, type LogWarning } from "@corral/log";
import type { MemoryDisk } from "@corral/log/testing";
import { recover } from "@corral/server";
import { digestOf, type HistoryLimits } from "@corral/state-machine";

const isSnapshot = (name: string): boolean => /^snapshot-\d+$/.test(name);

interface Found {
  readonly zxid: number;
  readonly digest: string;
}

/** What differs; undefined if nothing does. Changes nothing on the disk. `damaged`: files that something has been done to. */
export async function compareRecoveries(
  disk: MemoryDisk,
  limits: Partial<FileLogLimits>,
  history: HistoryLimits | undefined,
  note: (what: string) => void,
  damaged: ReadonlySet<string> = new Set(),
): Promise<string | undefined> {
  let newest: Found;
  try {
    newest = await recovered(disk, limits, history, () => true);
  } catch (error) {
    // There is no log yet, or it cannot be trusted: the start that follows says so too.
    note(`not compared: ${String(error)}`);
    return undefined;
  }
  // Older ones may have come back whose removal was not yet durable when power failed; of the log before them nothing is promised.
  const kept = disk
    .names()
    .filter(isSnapshot)
    .sort()
    .reverse()
    .slice(0, limits.snapshotsKept ?? 1);
  for (const name of kept) {
    if (damaged.has(name)) continue;
    try {
      const found = await recovered(disk, limits, history, (other) => !isSnapshot(other) || other === name);
      if (found.zxid !== newest.zxid || found.digest !== newest.digest)
        return `from ${name} ${JSON.stringify(found)}, from the newest that can be used ${JSON.stringify(newest)}`;
    } catch (error) {
      return `from ${name} alone: ${String(error)}`;
    }
  }
  note(`compared ${newest.zxid}`);
  return undefined;
}

/** The state that comes of what is there, but for what may not be seen. */
async function recovered(
  disk: MemoryDisk,
  limits: Partial<FileLogLimits>,
  history: HistoryLimits | undefined,
  maySee: (name: string) => boolean,
): Promise<Found> {
  const mounted = disk.mount();
  const world = {
    disk: { ...mounted, list: async () => (await mounted.list()).filter(maySee) },
    lock: { acquire: async () => async () => {} },
    timers: { now: () => 0, after: () => () => {} },
    random: (length: number) => new Uint8Array(length),
  };
  const warnings: string[] = [];
  const warn = (warning: LogWarning): void => void warnings.push(JSON.stringify(warning));
  try {
    const { state } = await recover(new FileLog(world, { limits, readOnly: true, warn }), history);
    return { zxid: state.zxid, digest: digestOf(state) };
  } catch (error) {
    throw new Error([String(error), ...warnings].join("; "), { cause: error });
  }
}

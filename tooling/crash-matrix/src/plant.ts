/**
 * Defects to be found: each stands between the log and its disk, and does what a log with that defect would do there.
 *
 * Owns what they are. `--plant NAME` runs the matrix over such a log, and passes when a crash tells it.
 */
import type { Disk, DiskFile } from "@corral/log";
import type { WrapDisk } from "./world.ts";

const isSegment = (name: string): boolean => /^log-\d+$/.test(name);
const isZeros = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

export const PLANTS: Readonly<Record<string, WrapDisk>> = {
  "no-directory-sync": (disk) => ({ ...disk, syncDirectory: async () => {} }),
  /** Acknowledges what was written, not what was synced. */
  "ack-before-sync": (disk) => ({
    ...disk,
    open: (name, mode) => disk.open(name, mode === "durable" ? "write" : mode),
  }),
  /** Takes a sync that failed for one that may be asked for again. */
  "sync-again": (disk) => ({
    ...disk,
    open: async (name, mode) => {
      const file = await disk.open(name, mode);
      return { ...file, write: (pieces, position) => ignoringEio(() => file.write(pieces, position)) };
    },
  }),
  /** After a restart trusts what the page cache shows, and does not write it again. */
  "no-rewrite": (disk) => ({
    ...disk,
    open: async (name, mode) => {
      const file = await disk.open(name, mode);
      return mode === "write" && isSegment(name) ? { ...file, write: async () => {} } : file;
    },
  }),
  /** A new snapshot has the name of a whole one before it is durable. */
  "rename-before-sync": (disk) => ({
    ...disk,
    open: async (name, mode) => {
      const file = await disk.open(name, mode);
      return name.startsWith("snapshot-") ? { ...file, sync: async () => {} } : file;
    },
  }),
  /** Lets go of every segment but the last as soon as there is any snapshot. */
  "greedy-removal": (disk) => ({
    ...disk,
    rename: async (from, to) => {
      await disk.rename(from, to);
      if (to.startsWith("snapshot-")) await removeAllButLast(disk);
    },
  }),
};

async function ignoringEio(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if ((error as { code?: unknown }).code !== "EIO") throw error;
  }
}

async function removeAllButLast(disk: Disk): Promise<void> {
  const inUse: string[] = [];
  for (const name of (await disk.list()).filter(isSegment).toSorted()) {
    const file = await disk.open(name, "read");
    if (await hasHeader(file)) inUse.push(name);
    await file.close();
  }
  for (const name of inUse.slice(0, -1)) await disk.remove(name);
}

async function hasHeader(file: DiskFile): Promise<boolean> {
  const first = new Uint8Array(8);
  await file.read(first, 0);
  return !isZeros(first);
}

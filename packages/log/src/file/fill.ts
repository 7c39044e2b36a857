/** New files of zeros, durable under their name, so that an append never has to make a file longer. */

import type { Disk } from "./disk.ts";

const PIECE_BYTES = 1 << 20;
/** So that the sync of a whole file never stands between an append and the disk for long. */
const SYNC_EVERY_BYTES = 4 << 20;
const zeros: Uint8Array = new Uint8Array(PIECE_BYTES);

/** Makes `name` appear, whole, with `head` at its start. On failure nothing of it stays. */
export async function createFilled(disk: Disk, name: string, bytes: number, head?: Uint8Array): Promise<void> {
  const temporary = `${name}.tmp`;
  try {
    const file = await disk.open(temporary, "create");
    try {
      await writeZeros(file, 0, bytes);
      if (head !== undefined) await file.write([head], 0);
      await file.sync();
    } finally {
      await file.close();
    }
    await disk.rename(temporary, name);
    await disk.syncDirectory();
  } catch (error) {
    await removeIfThere(disk, temporary);
    throw error;
  }
}

/** Overwrites a range with zeros; the last stretch is not yet durable. */
export async function writeZeros(
  file: { write(pieces: readonly Uint8Array[], position: number): Promise<void>; sync(): Promise<void> },
  from: number,
  to: number,
): Promise<void> {
  let unsynced = 0;
  for (let at = from; at < to; at += PIECE_BYTES) {
    const piece = zeros.subarray(0, Math.min(PIECE_BYTES, to - at));
    await file.write([piece], at);
    unsynced += piece.length;
    if (unsynced < SYNC_EVERY_BYTES) continue;
    await file.sync();
    unsynced = 0;
  }
}

/** Removes a file that may not exist. The caller has a worse error to report than that of a removal that fails. */
export async function removeIfThere(disk: Disk, name: string): Promise<void> {
  const names = await disk.list();
  if (names.includes(name)) await disk.remove(name);
}

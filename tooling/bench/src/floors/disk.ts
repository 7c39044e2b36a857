/**
 * What the disk takes for a durable append of 4 KiB, one after the other, into a file of zeros that is long enough before:
 * as the log does it, one write on a descriptor that syncs each, and as a write with an fdatasync behind it.
 */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import type { Floor, FloorName } from "../report/results.ts";
import { latenciesOf } from "./latencies.ts";

const APPEND_BYTES = 4096;
const FILE_BYTES = 64 << 20;
const PIECE_BYTES = 1 << 20;

export async function diskFloors(directory: string, ms: number): Promise<Floor[]> {
  const name = join(directory, "appends");
  const file = await open(name, "wx+");
  try {
    for (let at = 0; at < FILE_BYTES; at += PIECE_BYTES)
      await file.write(new Uint8Array(PIECE_BYTES), 0, PIECE_BYTES, at);
    await file.sync();
    const bytes = new Uint8Array(APPEND_BYTES).fill(120);
    const synced = await open(name, constants.O_RDWR | constants.O_DSYNC);
    try {
      const writes = await appends("disk-sync-write", ms, (at) => synced.write(bytes, 0, APPEND_BYTES, at));
      const pairs = await appends("disk-write-fdatasync", ms, async (at) => {
        await file.write(bytes, 0, APPEND_BYTES, at);
        await file.datasync();
      });
      return [writes, pairs];
    } finally {
      await synced.close();
    }
  } finally {
    await file.close();
  }
}

async function appends(name: FloorName, ms: number, append: (at: number) => Promise<unknown>): Promise<Floor> {
  const micros: number[] = [];
  const began = performance.now();
  let from = began;
  // At the end of the file it goes on at its beginning: these bytes are there as well.
  for (let n = 0; from - began < ms; n++) {
    await append((n * APPEND_BYTES) % FILE_BYTES);
    const to = performance.now();
    micros.push((to - from) * 1000);
    from = to;
  }
  return { name, operations: micros.length, seconds: (from - began) / 1000, latencies: latenciesOf(micros) };
}

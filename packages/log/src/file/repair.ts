/**
 * Carries out what recover.ts decided: cuts off what was never acknowledged, and writes again what may never have
 * reached the disk. Every step may be cut short by another crash and is then simply decided again.
 */

import type { Disk } from "./disk.ts";
import { writeZeros } from "./fill.ts";
import type { FileLogLimits } from "./limits.ts";
import type { Trust } from "./recover.ts";
import type { Timers } from "./timers.ts";
import type { LogWarning } from "./warning.ts";

const COPY_BYTES = 1 << 20;

export async function repair(
  disk: Disk,
  trust: Trust,
  timers: Timers,
  limits: FileLogLimits,
  warn: (warning: LogWarning) => void,
): Promise<void> {
  for (const { segment, from, to } of trust.cut) {
    const keptAs = await keepTorn(disk, segment.name, from, to, timers, warn);
    const file = await disk.open(segment.name, "write");
    try {
      await writeZeros(file, from, to);
      await file.sync();
    } finally {
      await file.close();
    }
    warn({
      kind: "torn-tail",
      file: segment.name,
      offset: from,
      bytes: to - from,
      afterSeq: trust.position.seq,
      keptAs,
    });
  }
  if (trust.cut.length > 0) await dropOldTorn(disk, limits.tornFilesKept);
  await rewrite(disk, trust.rewrite);
  // A name that the page cache shows may not be durable either.
  await disk.syncDirectory();
}

/** After a failed sync the kernel takes pages for clean that never reached the disk: only writing them again helps. */
async function rewrite(disk: Disk, range: { name: string; from: number; to: number }): Promise<void> {
  const file = await disk.open(range.name, "write");
  try {
    const bytes = new Uint8Array(Math.min(COPY_BYTES, range.to - range.from));
    for (let at = range.from; at < range.to; at += COPY_BYTES) {
      const piece = bytes.subarray(0, Math.min(COPY_BYTES, range.to - at));
      await file.read(piece, at);
      await file.write([piece], at);
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A copy for whoever wants to look; the log does not need it, so a failure is only told. */
async function keepTorn(
  disk: Disk,
  name: string,
  from: number,
  to: number,
  timers: Timers,
  warn: (warning: LogWarning) => void,
): Promise<string | undefined> {
  const copyName = `${name}.torn-${String(timers.now()).padStart(15, "0")}`;
  try {
    const source = await disk.open(name, "read");
    try {
      const copy = await disk.open(copyName, "create");
      try {
        const bytes = new Uint8Array(Math.min(COPY_BYTES, to - from));
        for (let at = from; at < to; at += COPY_BYTES) {
          const piece = bytes.subarray(0, Math.min(COPY_BYTES, to - at));
          await source.read(piece, at);
          await copy.write([piece], at - from);
        }
        await copy.sync();
      } finally {
        await copy.close();
      }
    } finally {
      await source.close();
    }
    return copyName;
  } catch (error) {
    warn({ kind: "background", step: `keeping ${copyName}`, error });
    return undefined;
  }
}

async function dropOldTorn(disk: Disk, keep: number): Promise<void> {
  const torn = (await disk.list()).filter((name) => /\.torn-\d+$/.test(name));
  torn.sort((a, b) => Number(a.slice(a.lastIndexOf("-") + 1)) - Number(b.slice(b.lastIndexOf("-") + 1)));
  for (const name of torn.slice(0, Math.max(0, torn.length - keep))) await disk.remove(name);
}

/** A FileLog on the lying disk, with virtual time and a seeded draw. */

import { FileLog, type FileLogOptions } from "../src/file/file-log.ts";
import type { FileLogLimits } from "../src/file/limits.ts";
import type { DirectoryLock } from "../src/file/lock.ts";
import type { LogSubject } from "../src/testing/log-suite.ts";
import { type Draw, MemoryDisk } from "../src/testing/memory-disk.ts";
import { VirtualTimers } from "../src/testing/virtual-timers.ts";

/** mulberry32 */
export function drawFrom(seed: number): Draw {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const freeLock: DirectoryLock = { acquire: async () => async () => {} };

const smallLimits: FileLogLimits = {
  segmentBytes: 16 << 10,
  maxRecordBytes: 11 << 10,
  reserveBytes: 16 << 10,
  softMarkFraction: 1,
  softMarkBytes: 0,
  snapshotsKept: 2,
  idleMarkMs: 5,
  spacePollMs: 1000,
  tornFilesKept: 3,
  readAheadBytes: 4 << 10,
};

export interface Lying {
  readonly disk: MemoryDisk;
  readonly timers: VirtualTimers;
  readonly draw: Draw;
  readonly limits: FileLogLimits;
  log(options?: FileLogOptions): FileLog;
}

export function lying(seed: number, limits: Partial<FileLogLimits> = {}): Lying {
  const draw = drawFrom(seed);
  const disk = new MemoryDisk();
  const timers = new VirtualTimers();
  const random = (length: number): Uint8Array => Uint8Array.from({ length }, () => Math.floor(draw() * 256));
  const all = { ...smallLimits, ...limits };
  return {
    disk,
    timers,
    draw,
    limits: all,
    log: (options) => new FileLog({ disk: disk.mount(), lock: freeLock, timers, random }, { limits: all, ...options }),
  };
}

/** For the exam. A crash loses what the seed decides. */
export function lyingSubject(seed: number): LogSubject {
  const world = lying(seed);
  return { start: () => world.log(), crash: async () => world.disk.crash(world.draw), dispose: async () => {} };
}

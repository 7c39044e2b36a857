/**
 * The world of one file log in memory: a disk, a time that stands until it is moved, and random bytes from a seed.
 *
 * Owns how a log is made on it. Knows no workload and judges nothing.
 */
import { type Disk, FileLog, type FileLogLimits, type FileLogOptions } from "@corral/log";
import { MemoryDisk, VirtualTimers } from "@corral/log/testing";
import { bytesOf, type Draw, drawFrom } from "@corral/testing/world";

/** Two records of 5,000 bytes fill a segment; a snapshot is a few sectors. */
export const SMALL_LIMITS: FileLogLimits = {
  segmentBytes: 16 << 10,
  maxRecordBytes: 11 << 10,
  reserveBytes: 16 << 10,
  softMarkFraction: 1,
  softMarkBytes: 0,
  snapshotsKept: 2,
  idleMarkMs: 5,
  spacePollMs: 1_000,
  tornFilesKept: 3,
  readAheadBytes: 4 << 10,
};

/** Turns of the event loop that a step may take before it counts as one that hangs: nothing here waits for real time. */
const TURNS_MAX = 500;

/** Puts something between the log and its disk: a defect. */
export type WrapDisk = (disk: Disk) => Disk;

export class World {
  readonly disk: MemoryDisk;
  readonly limits: FileLogLimits;
  readonly time: VirtualTimers = new VirtualTimers();
  readonly #draw: Draw;
  readonly #wrapDisk: WrapDisk | undefined;

  constructor(limits: FileLogLimits, wrapDisk?: WrapDisk, disk: MemoryDisk = new MemoryDisk(), seed = 1) {
    this.limits = limits;
    this.disk = disk;
    this.#wrapDisk = wrapDisk;
    this.#draw = drawFrom(seed, "random bytes of the log");
  }

  /** What a log of this world sees of the disk: dead after the next crash. */
  mount(): Disk {
    const disk = this.disk.mount();
    return this.#wrapDisk === undefined ? disk : this.#wrapDisk(disk);
  }

  random = (length: number): Uint8Array => bytesOf(this.#draw, length);

  log(options: FileLogOptions = {}): FileLog {
    const { random, time: timers } = this;
    const lock = { acquire: async () => async () => {} };
    return new FileLog({ disk: this.mount(), lock, timers, random }, { limits: this.limits, ...options });
  }
}

/** Lets everything that waits for nothing but promises run to its end. */
export async function drained(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await nextTurn();
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** The promise's result; throws an Error that says `hangs` when it never comes. */
export async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  let settled = false;
  const settle = (): void => {
    settled = true;
  };
  promise.then(settle, settle);
  await Promise.resolve();
  for (let turn = 0; !settled; turn += 1) {
    if (turn === TURNS_MAX) throw new Error(`${what} hangs`);
    await nextTurn();
  }
  return promise;
}

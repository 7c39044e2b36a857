/**
 * Space before use: the next segment, the reserve, and the word `low` while there is still room for closing sessions.
 *
 * Owns the blank segment ahead of the log, the reserve file and the free-space watermark. Works in the background,
 * one step at a time; a failure here is told and tried again, and only the append that finds no segment fails for it.
 */

import { LogError } from "../log.ts";
import type { Disk, DiskFile } from "./disk.ts";
import { createFilled } from "./fill.ts";
import type { FileLogLimits } from "./limits.ts";
import { segmentName } from "./segment.ts";
import type { Timers } from "./timers.ts";
import type { LogWarning } from "./warning.ts";

export const RESERVE_NAME = "reserve";

export interface FreshSegment {
  readonly number: number;
  readonly size: number;
  /** Open in `durable` mode, all zeros. */
  readonly file: DiskFile;
}

export class SegmentSupply {
  readonly #disk: Disk;
  readonly #timers: Timers;
  readonly #limits: FileLogLimits;
  readonly #warn: (warning: LogWarning) => void;
  readonly #onSpace: (state: "ok" | "low") => void;
  #state: "ok" | "low" = "ok";
  #nextNumber: number;
  #ready: FreshSegment | undefined;
  /** Size of the file that waits, when recovery found one. */
  #foundSize: number | undefined;
  #hasReserve: boolean;
  #step: Promise<void> | undefined;
  #runAgain = false;
  #lastFailure: unknown;
  #callOff: () => void = () => {};
  #closed = false;

  constructor(
    disk: Disk,
    timers: Timers,
    limits: FileLogLimits,
    found: { nextNumber: number; spareSize: number | undefined; hasReserve: boolean },
    warn: (warning: LogWarning) => void,
    onSpace: (state: "ok" | "low") => void,
  ) {
    this.#disk = disk;
    this.#timers = timers;
    this.#limits = limits;
    this.#warn = warn;
    this.#onSpace = onSpace;
    this.#nextNumber = found.nextNumber;
    this.#foundSize = found.spareSize;
    this.#hasReserve = found.hasReserve;
  }

  /** Begins the background work. */
  start(): void {
    void this.#run();
  }

  /** The next segment; waits for it, and makes a last attempt, when it is not ready. */
  async take(): Promise<FreshSegment> {
    if (this.#ready === undefined) await this.#step;
    if (this.#ready === undefined) await this.#run();
    const taken = this.#ready;
    if (taken === undefined) {
      const code = isNoSpace(this.#lastFailure) ? "NO_SPACE" : "IO_FAILED";
      throw new LogError(code, `no room for ${segmentName(this.#nextNumber)} in ${this.#disk.place}`, {
        cause: this.#lastFailure,
      });
    }
    this.#ready = undefined;
    this.#nextNumber += 1;
    // A round that is under way may be behind its look at the next segment.
    if (this.#step === undefined) void this.#run();
    else this.#runAgain = true;
    return taken;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#callOff();
    while (this.#step !== undefined) await this.#step;
    await this.#ready?.file.close();
    this.#ready = undefined;
  }

  /** One round of work; the rounds never overlap. */
  #run(): Promise<void> {
    this.#callOff();
    this.#step ??= this.#round().finally(() => {
      this.#step = undefined;
      const again = this.#runAgain;
      this.#runAgain = false;
      if (again) void this.#run();
      else if (!this.#closed) this.#callOff = this.#timers.after(this.#limits.spacePollMs, () => void this.#run());
    });
    return this.#step;
  }

  async #round(): Promise<void> {
    if (this.#closed) return;
    // Not whether a segment is ready at the end: it may have been taken meanwhile, which is no lack of space.
    const hasNext = await this.#attempt("preparing the next segment", () => this.#prepare());
    let plenty = false;
    await this.#attempt("looking at the free space", async () => {
      const { free, total } = await this.#disk.space();
      const mark = Math.min(total * this.#limits.softMarkFraction, this.#limits.softMarkBytes);
      if (!this.#hasReserve && !this.#closed && free >= mark + this.#limits.reserveBytes) {
        await createFilled(this.#disk, RESERVE_NAME, this.#limits.reserveBytes);
        this.#hasReserve = true;
      }
      // From `low` back to `ok` takes one segment more, so that the word does not flicker.
      const left = (await this.#disk.space()).free;
      plenty = left >= (this.#state === "ok" ? mark : mark + this.#limits.segmentBytes);
    });
    const state = plenty && this.#hasReserve && hasNext ? "ok" : "low";
    if (state === this.#state || this.#closed) return;
    this.#state = state;
    this.#onSpace(state);
  }

  async #prepare(): Promise<void> {
    if (this.#ready !== undefined) return;
    const number = this.#nextNumber;
    const name = segmentName(number);
    if (this.#foundSize === undefined) {
      try {
        await createFilled(this.#disk, name, this.#limits.segmentBytes);
      } catch (error) {
        if (!isNoSpace(error) || !this.#hasReserve || this.#limits.reserveBytes === 0) throw error;
        this.#hasReserve = false;
        await this.#disk.remove(RESERVE_NAME);
        await this.#disk.syncDirectory();
        await createFilled(this.#disk, name, this.#limits.segmentBytes);
      }
      this.#foundSize = this.#limits.segmentBytes;
    }
    this.#ready = { number, size: this.#foundSize, file: await this.#disk.open(name, "durable") };
    this.#foundSize = undefined;
  }

  /** Whether it succeeded. */
  async #attempt(step: string, work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      this.#lastFailure = error;
      this.#warn({ kind: "background", step, error });
      return false;
    }
  }
}

export function isNoSpace(error: unknown): boolean {
  const code = (error as { code?: unknown } | undefined)?.code;
  return code === "ENOSPC" || code === "EDQUOT";
}

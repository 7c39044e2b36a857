/**
 * After a run: the committed log is read from the data directory, and everything that was recorded is judged by it.
 *
 * Reads copies, while nobody writes to them; never changes a directory.
 */
import { rm } from "node:fs/promises";
import { copyOf } from "@corral/end-to-end";
import { LogError } from "@corral/log";
import { dumpOfServer, type History, judge, type Violation } from "@corral/simulation";
import { digestOf } from "@corral/state-machine";
import type { SegmentKeeper } from "./keeper.ts";
import { KnownLog, type LogLimits, stateIn } from "./read-log.ts";

export type Limits = Readonly<Record<string, number>>;

/** Small, so that segments rotate and snapshots are taken all the time. */
export const SMALL: Limits & LogLimits = {
  frameBytes: 256 << 10,
  requestBytes: 64 << 10,
  valueBytes: 32 << 10,
  batchBytes: 16 << 10,
  maxRecordBytes: 128 << 10,
  segmentBytes: 256 << 10,
  reserveBytes: 0,
  snapshotEntries: 400,
  sessionTimeoutMsMin: 500,
};

/** The smallest segments there are. */
export const SMALLEST: Limits & LogLimits = {
  ...SMALL,
  segmentBytes: 64 << 10,
  maxRecordBytes: 36 << 10,
  batchBytes: 8 << 10,
  frameBytes: 64 << 10,
  requestBytes: 32 << 10,
  valueBytes: 16 << 10,
  snapshotEntries: 150,
};

/** Reads one data directory over all lives of its daemon. */
export class LogReader {
  readonly violations: Violation[] = [];
  readonly known: KnownLog;
  readonly #history: History;
  readonly #keeper: SegmentKeeper | undefined;

  /** `keeper`: of what the daemon deletes; without one it must delete nothing. */
  constructor(history: History, keeper: SegmentKeeper | undefined) {
    this.#history = history;
    this.#keeper = keeper;
    this.known = new KnownLog(history.entries);
  }

  /** Of a directory whose daemon has ended: what is new joins the history, what was known must still be so. */
  async read(directory: string, why: string): Promise<void> {
    const copy = await copyOf(directory);
    try {
      this.#keeper?.complete(copy);
      const whole = await stateIn(copy, SMALL, "none", (batch) => this.known.saw(batch, why));
      this.known.ended(whole.zxid, why);
      const text = dumpOfServer(whole);
      this.#history.dumps.push({ zxid: whole.zxid, why: `${why}, from the beginning of the log`, text });
      for (const snapshot of ["newest", "oldest"] as const) {
        const state = await stateIn(copy, SMALL, snapshot);
        if (state.zxid !== whole.zxid || digestOf(state) !== digestOf(whole))
          this.violations.push({
            check: "recovery",
            what: `${why}: from the ${snapshot} snapshot the state at ${state.zxid} is ${digestOf(state)}, from the beginning at ${whole.zxid} ${digestOf(whole)}`,
          });
      }
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      this.violations.push({ check: "recovery", what: `${why}: the log cannot be read: ${error.message}` });
    } finally {
      await rm(copy, { recursive: true, force: true });
    }
  }
}

/** All checks of the simulation over what was recorded. */
export function judged(history: History, figures: Record<string, number | string>): Violation[] {
  const violations = judge(history, { checksWatches: true, count: (what, howMany) => (figures[what] = howMany) });
  figures["calls"] = history.calls.length;
  figures["entries"] = history.entries.length;
  return violations;
}

/**
 * After a run: the committed log is read from the data directory, and everything that was recorded is judged by it.
 *
 * Owns how a log is read from outside. Reads copies, while nobody writes to them; never changes a directory.
 */
import { rm } from "node:fs/promises";
import { copyOf } from "@corral/end-to-end";
import { LogError, openFileLog } from "@corral/log";
import { recover } from "@corral/server";
import { dumpOfServer, type History, judge, LogWitness, observedLog, type Violation } from "@corral/simulation";
import { digestOf, type State } from "@corral/state-machine";
import type { SegmentKeeper } from "./keeper.ts";

export type Limits = Readonly<Record<string, number>>;

/** Small, so that segments rotate and snapshots are taken all the time. */
export const SMALL: Limits = {
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

/** What has been read of one data directory, over all lives of its daemon: nothing in it may change any more. */
export class LogReader {
  readonly violations: Violation[] = [];
  readonly #history: History;
  readonly #keeper: SegmentKeeper | undefined;
  readonly #witness: LogWitness;
  /** Times it was read. */
  reads = 0;

  /** `keeper`: of what the daemon deletes; without one it must delete nothing. */
  constructor(history: History, keeper: SegmentKeeper | undefined) {
    this.#history = history;
    this.#keeper = keeper;
    this.#witness = new LogWitness(history.entries, this.violations);
  }

  /** Of a directory whose daemon has ended: what is new joins the history, what was known must still be so. */
  async read(directory: string, why: string): Promise<void> {
    const copy = await copyOf(directory);
    try {
      this.#keeper?.complete(copy);
      const whole = await this.#recover(copy, "none", true);
      const text = dumpOfServer(whole);
      this.#history.dumps.push({ zxid: whole.zxid, why: `${why}, from the beginning of the log`, text });
      for (const snapshot of ["newest", "oldest"] as const) {
        const state = await this.#recover(copy, snapshot, false);
        if (state.zxid !== whole.zxid || digestOf(state) !== digestOf(whole))
          this.violations.push({
            check: "recovery",
            what: `${why}: from the ${snapshot} snapshot the state at ${state.zxid} is ${digestOf(state)}, from the beginning at ${whole.zxid} ${digestOf(whole)}`,
          });
      }
      this.reads++;
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      this.violations.push({ check: "recovery", what: `${why}: the log cannot be read: ${error.message}` });
    } finally {
      await rm(copy, { recursive: true, force: true });
    }
  }

  async #recover(directory: string, snapshot: "none" | "newest" | "oldest", isWitnessed: boolean): Promise<State> {
    const log = openFileLog({ directory, readOnly: true, snapshot, limits: logLimits(SMALL) });
    return (await recover(isWitnessed ? observedLog(log, this.#witness) : log)).state;
  }
}

/** Those of the log among the limits of a daemon. */
export function logLimits({ maxRecordBytes, segmentBytes }: Limits): { maxRecordBytes: number; segmentBytes: number } {
  return { maxRecordBytes: maxRecordBytes!, segmentBytes: segmentBytes! };
}

/** All checks of the simulation over what was recorded. */
export function judged(history: History, figures: Record<string, number | string>): Violation[] {
  const violations = judge(history, { checksWatches: true, count: (what, howMany) => (figures[what] = howMany) });
  figures["calls"] = history.calls.length;
  figures["entries"] = history.entries.length;
  return violations;
}

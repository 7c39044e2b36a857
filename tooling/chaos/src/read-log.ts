/**
 * The committed log, read from a copy of a data directory, again and again over the lives of its daemon: what has been read once
 * stands there for ever, unchanged and in its order.
 *
 * Owns what is known of the log. Changes nothing on the disk.
 */
import { type CommittedBatch, type Log, openFileLog, type SnapshotChoice } from "@corral/log";
import { recover } from "@corral/server";
import type { History, Violation } from "@corral/simulation";
import { readTxns, type State } from "@corral/state-machine";

export interface LogLimits {
  readonly maxRecordBytes: number;
  readonly segmentBytes: number;
}

/** What this directory comes to. Throws what the log throws. */
export async function stateIn(
  directory: string,
  limits: LogLimits,
  snapshot: SnapshotChoice,
  saw: (batch: CommittedBatch) => void = () => {},
): Promise<State> {
  return (await recover(seen(openFileLog({ directory, readOnly: true, snapshot, limits }), saw))).state;
}

/** The same log; each batch is shown before it is handed on. */
function seen(log: Log, saw: (batch: CommittedBatch) => void): Log {
  return Object.assign(Object.create(log) as Log, {
    recover: (listener: Parameters<Log["recover"]>[0]) =>
      log.recover({
        snapshot: (source) => listener.snapshot(source),
        batch: (batch) => {
          saw(batch);
          return listener.batch(batch);
        },
      }),
  });
}

export class KnownLog {
  readonly violations: Violation[] = [];
  readonly #entries: History["entries"];
  readonly #records = new Map<number, { readonly firstZxid: number; readonly body: Buffer }>();
  lastSeq = 0;
  lastZxid = 0;

  constructor(entries: History["entries"]) {
    this.#entries = entries;
  }

  /** A record is read, from the beginning of the log on. */
  saw({ seq, firstZxid, count, body, timeMs }: CommittedBatch, why: string): void {
    const fail = (what: string): void => void this.violations.push({ check: "log", what: `${why}: ${what}` });
    const known = this.#records.get(seq);
    if (known !== undefined) {
      if (known.firstZxid !== firstZxid || Buffer.compare(known.body, body) !== 0)
        fail(`record ${seq} is another one when it is read again`);
      return;
    }
    if (seq !== this.lastSeq + 1) fail(`record ${seq} after ${this.lastSeq}`);
    if (firstZxid <= this.lastZxid) fail(`record ${seq} begins with zxid ${firstZxid} after ${this.lastZxid}`);
    this.#records.set(seq, { firstZxid, body: Buffer.from(body) });
    this.lastSeq = seq;
    this.lastZxid = firstZxid + count - 1;
    const txns = readTxns(Uint8Array.from(body), count);
    for (const [i, txn] of txns.entries()) this.#entries.push({ zxid: firstZxid + i, timeMs, txn });
  }

  /** It has been read to its end. */
  ended(zxid: number, why: string): void {
    if (zxid >= this.lastZxid) return;
    const what = `${why}: the log ends at ${zxid}; ${this.lastZxid} had been read`;
    this.violations.push({ check: "log", what });
  }
}

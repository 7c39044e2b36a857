/**
 * A log with a witness beside it: every batch that was committed, or read back at a start, is noted once; one that comes
 * back changed, or does not come back although it was committed, is a violation.
 */
import type { Batch, CommittedBatch, Log, LogListener, Recovered, RecoveryListener, SnapshotWriter } from "@corral/log";
import { readTxns } from "@corral/state-machine";
import type { Violation } from "../history.ts";
import type { Entry } from "../model/model.ts";

/** What outlives the logs: the one committed order. */
export class LogWitness {
  readonly #entries: Entry[];
  readonly #violations: Violation[];
  readonly #bodies = new Map<
    number,
    { readonly count: number; readonly firstZxid: number; readonly body: Uint8Array }
  >();
  lastSeq = 0;
  lastZxid = 0;

  constructor(entries: Entry[], violations: Violation[]) {
    this.#entries = entries;
    this.#violations = violations;
  }

  #fail(what: string): void {
    this.#violations.push({ check: "log", what });
  }

  saw({ seq, firstZxid, count, body, timeMs }: CommittedBatch): void {
    const known = this.#bodies.get(seq);
    if (known !== undefined) {
      const isSame = known.firstZxid === firstZxid && known.count === count && Buffer.compare(known.body, body) === 0;
      if (!isSame) this.#fail(`record ${seq} is another one when it is read again`);
      return;
    }
    if (seq !== this.lastSeq + 1) this.#fail(`record ${seq} after ${this.lastSeq}`);
    if (firstZxid <= this.lastZxid) this.#fail(`record ${seq} begins with zxid ${firstZxid} after ${this.lastZxid}`);
    this.#bodies.set(seq, { count, firstZxid, body: Uint8Array.from(body) });
    this.lastSeq = Math.max(this.lastSeq, seq);
    this.lastZxid = firstZxid + count - 1;
    for (const [i, txn] of readTxns(Uint8Array.from(body), count).entries())
      this.#entries.push({ zxid: firstZxid + i, timeMs, txn });
  }

  recovered({ lastZxid }: Recovered): void {
    if (lastZxid < this.lastZxid) this.#fail(`recovered up to ${lastZxid}; ${this.lastZxid} had been committed`);
  }
}

export function observedLog(log: Log, witness: LogWitness): Log {
  return {
    get clusterId() {
      return log.clusterId;
    },
    get exclusive() {
      return log.exclusive;
    },
    async recover(listener: RecoveryListener): Promise<Recovered> {
      const recovered = await log.recover({
        snapshot: (source) => listener.snapshot(source),
        batch(batch) {
          witness.saw(batch);
          return listener.batch(batch);
        },
      });
      witness.recovered(recovered);
      return recovered;
    },
    open: (listener: LogListener) =>
      log.open({
        committed(batch) {
          witness.saw(batch);
          listener.committed(batch);
        },
        failed: (error) => listener.failed(error),
        space: (state) => listener.space(state),
      }),
    propose: (batch: Batch) => log.propose(batch),
    createSnapshot: (zxid: number): Promise<SnapshotWriter> => log.createSnapshot(zxid),
    close: () => log.close(),
  };
}

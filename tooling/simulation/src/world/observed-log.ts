/**
 * A log with a witness beside it: every batch that was committed, or read back at a start, is noted once; one that comes
 * back changed, or does not come back although it was committed, is a violation, unless a lying disk may have lost it.
 */
import type { Batch, CommittedBatch, Log, LogListener, Recovered, RecoveryListener, SnapshotWriter } from "@corral/log";
import { readTxns, type Txn } from "@corral/state-machine";
import type { Violation } from "../history.ts";
import type { Entry } from "../model/model.ts";

/** Who wants to know what happens to the log, and may forgive a loss. */
export interface LogAudience {
  /** Committed, and only found again at a start. */
  found(firstZxid: number, txns: readonly Txn[]): void;
  recovered(): void;
  proposed(txns: readonly Txn[]): void;
  committed(firstZxid: number, txns: readonly Txn[]): void;
  /** Everything up to this zxid is there, and no more of what was committed: may that be? */
  mayLose(afterZxid: number): boolean;
}

/** What outlives the logs: the one committed order. */
export class LogWitness {
  readonly #entries: Entry[];
  readonly #violations: Violation[];
  readonly audience: LogAudience;
  readonly #bodies = new Map<
    number,
    { readonly count: number; readonly firstZxid: number; readonly body: Uint8Array }
  >();
  lastSeq = 0;
  lastZxid = 0;

  constructor(entries: Entry[], violations: Violation[], audience: LogAudience) {
    this.#entries = entries;
    this.#violations = violations;
    this.audience = audience;
  }

  #fail(what: string): void {
    this.#violations.push({ check: "log", what });
  }

  /** Its transactions, if it is new. */
  saw({ seq, firstZxid, count, body, timeMs }: CommittedBatch): readonly Txn[] {
    const known = this.#bodies.get(seq);
    if (known !== undefined) {
      const isSame = known.firstZxid === firstZxid && known.count === count && Buffer.compare(known.body, body) === 0;
      if (!isSame) this.#fail(`record ${seq} is another one when it is read again`);
      return [];
    }
    if (seq !== this.lastSeq + 1) this.#fail(`record ${seq} after ${this.lastSeq}`);
    if (firstZxid <= this.lastZxid) this.#fail(`record ${seq} begins with zxid ${firstZxid} after ${this.lastZxid}`);
    this.#bodies.set(seq, { count, firstZxid, body: Uint8Array.from(body) });
    this.lastSeq = Math.max(this.lastSeq, seq);
    this.lastZxid = firstZxid + count - 1;
    const txns = readTxns(Uint8Array.from(body), count);
    for (const [i, txn] of txns.entries()) this.#entries.push({ zxid: firstZxid + i, timeMs, txn });
    return txns;
  }

  recovered({ lastZxid }: Recovered): void {
    if (lastZxid < this.lastZxid && !this.audience.mayLose(lastZxid))
      this.#fail(`recovered up to ${lastZxid}; ${this.lastZxid} had been committed`);
    this.audience.recovered();
  }
}

export function observedLog(log: Log, witness: LogWitness): Log {
  const { audience } = witness;
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
          audience.found(batch.firstZxid, witness.saw(batch));
          return listener.batch(batch);
        },
      });
      witness.recovered(recovered);
      return recovered;
    },
    open: (listener: LogListener) =>
      log.open({
        committed(batch) {
          audience.committed(batch.firstZxid, witness.saw(batch));
          listener.committed(batch);
        },
        failed: (error) => listener.failed(error),
        space: (state) => listener.space(state),
      }),
    propose: (batch: Batch) => {
      audience.proposed(readTxns(Uint8Array.from(batch.body), batch.count));
      log.propose(batch);
    },
    createSnapshot: (zxid: number): Promise<SnapshotWriter> => log.createSnapshot(zxid),
    close: () => log.close(),
  };
}

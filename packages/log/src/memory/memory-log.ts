/**
 * A log in memory: the plainest thing that keeps the contract, and the oracle for the others.
 *
 * The store outlives the log, as a disk does: opening a second log over it is a restart. Several logs open over one
 * store share it, as daemons share an ensemble's log. A batch is "durable" when it is in the store.
 */

import type { Batch, CommittedBatch, Log, LogListener, Recovered, RecoveryListener, SnapshotWriter } from "../log.ts";

const ZXIDS_PER_EPOCH = 2 ** 32;

interface StoredSnapshot {
  readonly zxid: number;
  readonly chunks: readonly Uint8Array[];
}

/** What outlives a {@link MemoryLog}. */
export class MemoryLogStore {
  readonly clusterId: string;
  readonly snapshotsKept: number;
  /** Ascending, without gaps; without what every kept snapshot holds. */
  batches: CommittedBatch[] = [];
  /** Newest first. */
  snapshots: StoredSnapshot[] = [];
  epoch = 0;
  #counter = 0;
  #seq = 0;
  #lastTimeMs = 0;
  #lastZxid = 0;
  readonly #subscribers = new Set<(batch: CommittedBatch, own: Batch) => void>();

  /** `clusterId`: 32 hex digits. */
  constructor(clusterId: string = "0".repeat(31) + "1", snapshotsKept = 2) {
    this.clusterId = clusterId;
    this.snapshotsKept = snapshotsKept;
  }

  /** Stamp of the last batch, 0 before the first. */
  get lastTimeMs(): number {
    return this.#lastTimeMs;
  }

  /** Zxid of the last entry, 0 before the first. */
  get lastZxid(): number {
    return this.#lastZxid;
  }

  /** Number of the last batch, 0 before the first. */
  get seq(): number {
    return this.#seq;
  }

  beginEpoch(): void {
    this.epoch += 1;
    this.#counter = 0;
  }

  subscribe(subscriber: (batch: CommittedBatch, own: Batch) => void): () => void {
    this.#subscribers.add(subscriber);
    return () => void this.#subscribers.delete(subscriber);
  }

  append(batch: Batch): void {
    if (batch.timeMs < this.#lastTimeMs || batch.count < 1)
      throw new RangeError(`a batch of ${batch.count} entries stamped ${batch.timeMs} after ${this.#lastTimeMs}`);
    if (this.#counter + batch.count >= ZXIDS_PER_EPOCH) this.beginEpoch();
    const firstZxid = this.epoch * ZXIDS_PER_EPOCH + this.#counter + 1;
    this.#counter += batch.count;
    this.#seq += 1;
    this.#lastTimeMs = batch.timeMs;
    this.#lastZxid = firstZxid + batch.count - 1;
    const { level, count, timeMs, body } = batch;
    const stored = {
      level,
      epoch: this.epoch,
      seq: this.#seq,
      firstZxid,
      count,
      timeMs,
      body: Uint8Array.from(body),
      own: undefined,
    };
    this.batches.push(stored);
    for (const subscriber of this.#subscribers) subscriber(stored, batch);
  }

  keep(snapshot: StoredSnapshot): void {
    this.snapshots = [snapshot, ...this.snapshots.filter(({ zxid }) => zxid !== snapshot.zxid)]
      .sort((a, b) => b.zxid - a.zxid)
      .slice(0, this.snapshotsKept);
    if (this.snapshots.length < this.snapshotsKept) return;
    const oldest = this.snapshots.at(-1)!.zxid;
    this.batches = this.batches.filter(({ firstZxid, count }) => firstZxid + count - 1 > oldest);
  }
}

export interface MemoryLogOptions {
  /** Shared with the log before or beside this one; a new one by default. */
  readonly store?: MemoryLogStore | undefined;
  /** Default true. */
  readonly exclusive?: boolean | undefined;
  /** Carries out a step later, in order; a microtask by default. What has not been carried out at a restart is lost. */
  readonly defer?: ((step: () => void) => void) | undefined;
}

export class MemoryLog implements Log {
  readonly clusterId: string;
  readonly exclusive: boolean;
  readonly store: MemoryLogStore;
  readonly #defer: (step: () => void) => void;
  #state: "new" | "recovered" | "open" | "closed" = "new";
  #inFlight = 0;
  #delivered = 0;
  #writing = false;
  #unsubscribe: () => void = () => {};
  #onIdle: (() => void)[] = [];
  /** Batches of this log that are being appended. */
  readonly #proposed = new Set<Batch>();

  constructor(options: MemoryLogOptions = {}) {
    this.store = options.store ?? new MemoryLogStore();
    this.clusterId = this.store.clusterId;
    this.exclusive = options.exclusive ?? true;
    this.#defer = options.defer ?? queueMicrotask;
  }

  async recover(listener: RecoveryListener): Promise<Recovered> {
    this.#expect("new", "recover");
    let snapshotZxid: number | undefined;
    for (const { zxid, chunks } of this.store.snapshots) {
      try {
        await listener.snapshot({ zxid, chunks: copies(chunks) });
        snapshotZxid = zxid;
        break;
      } catch {
        // The listener rejects this one: the contract says to offer the next older one.
        continue;
      }
    }
    const stored = this.store.batches;
    if (snapshotZxid === undefined && stored[0]?.seq !== 1 && this.store.lastZxid > 0)
      throw new Error("no snapshot was accepted, and the batches before the oldest are gone");
    let batches = 0;
    for (const batch of stored) {
      if (batch.firstZxid + batch.count - 1 <= (snapshotZxid ?? 0)) continue;
      batches += 1;
      await listener.batch({ ...batch, body: Uint8Array.from(batch.body) });
    }
    this.#delivered = this.store.lastZxid;
    this.#state = "recovered";
    return { lastZxid: this.store.lastZxid, lastTimeMs: this.store.lastTimeMs, batches, snapshotZxid };
  }

  async open(listener: LogListener): Promise<void> {
    this.#expect("recovered", "open");
    this.#state = "open";
    this.store.beginEpoch();
    this.#unsubscribe = this.store.subscribe((stored, own) => {
      const mine = this.#proposed.delete(own);
      this.#delivered = stored.firstZxid + stored.count - 1;
      listener.committed(mine ? { ...stored, body: own.body, own } : { ...stored, body: Uint8Array.from(stored.body) });
    });
  }

  propose(batch: Batch): void {
    this.#expect("open", "propose");
    this.#inFlight += 1;
    this.#defer(() => {
      this.#inFlight -= 1;
      this.#proposed.add(batch);
      this.store.append(batch);
      if (this.#inFlight === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
    });
  }

  async createSnapshot(zxid: number): Promise<SnapshotWriter> {
    this.#expect("open", "createSnapshot");
    if (!(zxid > 0 && zxid <= this.#delivered))
      throw new RangeError(`a snapshot at zxid ${zxid}; the last committed one is ${this.#delivered}`);
    if (this.#writing) throw new Error("a snapshot is being written already");
    this.#writing = true;
    const chunks: Uint8Array[] = [];
    let settled = false;
    const settle = (): void => {
      if (settled) throw new Error("the snapshot is finished or aborted");
      settled = true;
      this.#writing = false;
    };
    return {
      write: async (chunk) => {
        if (settled) throw new Error("the snapshot is finished or aborted");
        chunks.push(Uint8Array.from(chunk));
      },
      finish: async () => {
        settle();
        this.store.keep({ zxid, chunks });
      },
      abort: async () => {
        if (!settled) settle();
      },
    };
  }

  async close(): Promise<void> {
    if (this.#inFlight > 0) await new Promise<void>((resolve) => void this.#onIdle.push(resolve));
    this.#state = "closed";
    this.#unsubscribe();
  }

  #expect(state: string, call: string): void {
    if (this.#state !== state) throw new Error(`${call}: the log is ${this.#state}`);
  }
}

async function* copies(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void, undefined> {
  for (const chunk of chunks) yield Uint8Array.from(chunk);
}

/**
 * One replica's log of a partition: batches, where each leader epoch begins, what is known to be committed, and the last batch of each
 * producer. A folder of three files:
 *
 * - `batches`: see segment.ts;
 * - `epochs`: where leader epochs begin. Those that have batches could be read from there; those in which nothing was written could not;
 * - `committed`: the high watermark, now and then. What is below it must be whole when the log is opened again.
 *
 * Owns no part in the cluster: it does not know whether it is a leader's or a follower's.
 */
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { dropFrom, endOffsetFor, type EpochEnd, type Epochs, truncationFor, withEpoch } from "@corral/broker-agent";
import { batchesIn, type BatchHeader, encodeBatch, endOffsetOf } from "./batch.ts";
import { readCheckpoint, syncFolder, writeCheckpoint } from "./checkpoint.ts";
import { Producers, type SequenceVerdict } from "./producers.ts";
import { Segment } from "./segment.ts";

/**
 * When records go from the system's cache to the disk.
 *
 * - `before-ack`: before the leader counts them for itself, and before a follower asks for more. Survives the loss of power everywhere at once.
 * - `by-system`: when the system likes; acknowledged records rest on several machines' memories (Kafka's default). Survives the end of any
 *   process, and the loss of power on fewer machines than are in sync.
 */
export type SyncPolicy = "before-ack" | "by-system";

/** Bytes that were committed are damaged or missing: this replica must not be believed. */
export class LogDamaged extends Error {
  constructor(folder: string, endOffset: number, committed: number) {
    super(`${folder} is whole up to offset ${endOffset} only, and was committed up to ${committed}`);
    this.name = "LogDamaged";
  }
}

export class PartitionLog {
  readonly #folder: string;
  readonly #policy: SyncPolicy;
  readonly #segment: Segment;
  readonly #producers = new Producers();
  #epochs: Epochs = [];
  #highWatermark = 0;
  /** As in the file `committed`. */
  #highWatermarkSaved = 0;
  #durableEnd = 0;
  #syncing: Promise<void> | undefined;
  /** How often the log was cut: a sync that began before says nothing of what was written after. */
  #cuts = 0;

  /** What a crash had left behind the last whole batch, bytes. */
  readonly bytesCutOff: number;

  /** Opens the log in this folder, or makes it. Throws `LogDamaged`. */
  constructor(folder: string, policy: SyncPolicy) {
    this.#folder = folder;
    this.#policy = policy;
    mkdirSync(folder, { recursive: true });
    this.#segment = new Segment(join(folder, "batches"));
    syncFolder(folder);
    syncFolder(dirname(folder));
    try {
      this.#epochs = (readCheckpoint(join(folder, "epochs")) as Epochs | undefined) ?? [];
      this.#highWatermarkSaved = (readCheckpoint(join(folder, "committed")) as number | undefined) ?? 0;
      this.bytesCutOff = this.#recover();
      if (this.endOffset < this.#highWatermarkSaved) {
        throw new LogDamaged(folder, this.endOffset, this.#highWatermarkSaved);
      }
    } catch (error) {
      this.#segment.close();
      throw error;
    }
    this.#highWatermark = this.#highWatermarkSaved;
  }

  /** The offset that the next record will have. */
  get endOffset(): number {
    return this.#segment.endOffset;
  }

  /** Everything before it is where the policy wants it. */
  get durableEnd(): number {
    return this.#policy === "before-ack" ? this.#durableEnd : this.endOffset;
  }

  /** Everything before it is known to be committed. */
  get highWatermark(): number {
    return this.#highWatermark;
  }

  get epochs(): Epochs {
    return this.#epochs;
  }

  judge(producerId: number, sequence: number, count: number): SequenceVerdict {
    return this.#producers.judge(producerId, sequence, count);
  }

  /** As the leader. Undefined: the log is full. */
  append(
    batch: {
      readonly leaderEpoch: number;
      readonly producerId: number;
      readonly sequence: number;
      readonly timeMs: number;
    },
    records: readonly Uint8Array[],
  ): BatchHeader | undefined {
    this.startEpoch(batch.leaderEpoch);
    const header = { ...batch, baseOffset: this.endOffset };
    const bytes = encodeBatch(header, records);
    if (!this.#segment.hasRoomFor(bytes.length)) return undefined;
    const written = { ...header, count: records.length };
    this.#segment.append(bytes, written);
    this.#noted(written);
    return written;
  }

  /** As a follower: what the leader sent. RangeError if that does not go on where this log ends; nothing is written then. */
  appendFetched(bytes: Buffer): void {
    const batches = batchesIn(bytes);
    let end = this.endOffset;
    for (const batch of batches) {
      if (batch.baseOffset !== end) throw new RangeError(`fetched offset ${batch.baseOffset} does not follow ${end}`);
      end = endOffsetOf(batch);
    }
    const before = this.#epochs;
    for (const batch of batches) {
      this.#segment.append(bytes.subarray(batch.start, batch.end), batch);
      this.#epochs = withEpoch(this.#epochs, batch.leaderEpoch, batch.baseOffset);
      this.#noted(batch);
    }
    if (this.#epochs !== before) this.#saveEpochs();
  }

  /** This replica leads from here on, in this epoch. */
  startEpoch(epoch: number): void {
    const epochs = withEpoch(this.#epochs, epoch, this.endOffset);
    if (epochs === this.#epochs) return;
    this.#epochs = epochs;
    this.#saveEpochs();
  }

  /** Where an epoch ends here; undefined if this log cannot know. */
  endOf(epoch: number): EpochEnd | undefined {
    return endOffsetFor(this.#epochs, epoch, this.endOffset);
  }

  /**
   * Cuts off what the leader does not have, by what it answered about this log's last epoch. False: there is more to ask about.
   */
  truncateBy(answer: EpochEnd | undefined): boolean {
    const { offset, done } = truncationFor(this.#epochs, this.endOffset, this.#highWatermark, answer);
    this.truncateTo(offset);
    return done;
  }

  /** Cuts off the batch that has this offset, and all after it. */
  truncateTo(offset: number): void {
    const epochs = dropFrom(this.#epochs, offset);
    if (epochs.length < this.#epochs.length) {
      this.#epochs = epochs;
      this.#saveEpochs();
    }
    if (offset >= this.endOffset) return;
    // Only after an unclean election is something cut off that was committed. It must be said first: a crash in between is no damage then.
    this.#highWatermark = Math.min(this.#highWatermark, offset);
    if (this.#highWatermark < this.#highWatermarkSaved) this.#saveCommitted(this.#highWatermark);
    this.#cuts += 1;
    this.#segment.cut(offset);
    this.#recover();
  }

  /** Whole batches from the one that has `from` up to `below`. */
  read(from: number, below: number, maxBytes: number): Buffer {
    return this.#segment.read(from, below, maxBytes);
  }

  /** Never falls but by truncation. */
  raiseHighWatermark(offset: number): void {
    this.#highWatermark = Math.max(this.#highWatermark, Math.min(offset, this.endOffset));
  }

  /** Done now and then, and at the end. */
  saveHighWatermark(): void {
    const safe = Math.min(this.#highWatermark, this.durableEnd);
    if (safe > this.#highWatermarkSaved) this.#saveCommitted(safe);
  }

  /** Resolves when `durableEnd` has reached what is now the end. What is appended while one sync runs is covered by the next. */
  async flush(): Promise<void> {
    const end = this.endOffset;
    while (this.durableEnd < Math.min(end, this.endOffset)) {
      this.#syncing ??= this.#sync();
      await this.#syncing;
    }
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#syncing]);
    this.saveHighWatermark();
    this.#segment.close();
  }

  async #sync(): Promise<void> {
    const end = this.endOffset;
    const cuts = this.#cuts;
    try {
      await this.#segment.sync();
      if (cuts === this.#cuts) this.#durableEnd = end;
    } finally {
      this.#syncing = undefined;
    }
  }

  #recover(): number {
    this.#producers.clear();
    const cutOff = this.#segment.recover((batch) => {
      // The file is written after the first batch of an epoch, so only the newest can be missing in it.
      if (batch.leaderEpoch > (this.#epochs.at(-1)?.epoch ?? -1)) {
        this.#epochs = withEpoch(this.#epochs, batch.leaderEpoch, batch.baseOffset);
      }
      this.#noted(batch);
    });
    this.#epochs = dropFrom(this.#epochs, this.endOffset + 1);
    this.#durableEnd = Math.min(this.#durableEnd, this.endOffset);
    return cutOff;
  }

  #noted(batch: BatchHeader): void {
    if (batch.producerId !== 0) this.#producers.note(batch);
  }

  #saveCommitted(offset: number): void {
    writeCheckpoint(join(this.#folder, "committed"), offset);
    this.#highWatermarkSaved = offset;
  }

  #saveEpochs(): void {
    writeCheckpoint(join(this.#folder, "epochs"), this.#epochs);
  }
}

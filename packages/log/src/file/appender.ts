/**
 * The end of the log: gives each batch its place, writes it, and says when it is durable.
 *
 * Owns the active segment, the counters of seq and zxid, and the batches on their way. At most one write is in flight;
 * what gathers meanwhile goes into the next. Knows no listener but the two callbacks, and never retries a write.
 */

import { type Batch, type CommittedBatch, LogError } from "../log.ts";
import type { DiskFile } from "./disk.ts";
import { encodeFrame, FRAME_ALIGNMENT, FRAME_BYTES, frameExtent } from "./frame.ts";
import type { FileLogLimits } from "./limits.ts";
import { encodeRecordHeader, type LogPosition, positionAfter, RECORD_HEADER_BYTES } from "./record.ts";
import { encodeSegmentHeader, saltOf, SEGMENT_HEADER_BYTES } from "./segment.ts";
import { isNoSpace, type SegmentSupply } from "./segment-supply.ts";
import type { Timers } from "./timers.ts";

/** Epochs end here, so that epoch · 2^32 + counter stays a safe integer. */
export const MAX_EPOCH: number = 2 ** 21 - 1;
const ZXIDS_PER_EPOCH = 2 ** 32;
/** Most bytes of one write, so that a burst does not hold back the first acknowledgement. A larger record goes alone. */
const MAX_WRITE_BYTES = 4 << 20;

export interface ActiveSegment {
  readonly number: number;
  readonly size: number;
  readonly file: DiskFile;
}

export interface AppenderStart {
  readonly clusterId: string;
  readonly secret: Uint8Array;
  readonly position: LogPosition;
  /** The new epoch. */
  readonly epoch: number;
  readonly active: ActiveSegment;
  /** Where the next frame goes; 0 in a segment that has no header yet. */
  readonly offset: number;
}

interface Waiting {
  readonly committed: CommittedBatch;
  /** Frame and record header; the body follows, then zeros up to the alignment. */
  readonly head: Buffer;
  readonly extent: number;
  /** Where the log stands after this batch. */
  readonly after: LogPosition;
}

export class Appender {
  readonly #start: AppenderStart;
  readonly #limits: FileLogLimits;
  readonly #supply: SegmentSupply;
  readonly #timers: Timers;
  readonly #onCommitted: (batch: CommittedBatch) => void;
  readonly #onFailed: (error: LogError) => void;
  #active: ActiveSegment;
  /** Of the next frame. */
  #offset: number;
  /** The active segment has no header yet: it goes out with the first frame. */
  #headerDue: boolean;
  #salt: number;
  #epoch: number;
  #counter = 0;
  /** Where the log stands: after the last batch given a place; after the last durable one; after the last one handed over. */
  #assigned: LogPosition;
  #durable: LogPosition;
  #delivered: LogPosition;
  /** Greatest durableSeq that stands in a durable frame. */
  #provenSeq: number;
  /** Bounded by its owner, who holds back writes while batches are on their way. */
  #waiting: Waiting[] = [];
  #mark: "none" | "due" | "clean" = "none";
  #running: Promise<void> | undefined;
  #failed = false;
  #callOffMark: () => void = () => {};

  constructor(
    start: AppenderStart,
    limits: FileLogLimits,
    supply: SegmentSupply,
    timers: Timers,
    onCommitted: (batch: CommittedBatch) => void,
    onFailed: (error: LogError) => void,
  ) {
    this.#start = start;
    this.#limits = limits;
    this.#supply = supply;
    this.#timers = timers;
    this.#onCommitted = onCommitted;
    this.#onFailed = onFailed;
    this.#active = start.active;
    this.#headerDue = start.offset === 0;
    this.#offset = Math.max(start.offset, SEGMENT_HEADER_BYTES);
    this.#salt = saltOf(start.secret, start.active.number);
    this.#epoch = start.epoch;
    this.#assigned = start.position;
    this.#durable = start.position;
    this.#delivered = start.position;
    this.#provenSeq = start.position.seq;
  }

  get delivered(): LogPosition {
    return this.#delivered;
  }

  /** Makes the new epoch durable, before the first batch. */
  async begin(): Promise<void> {
    this.#mark = "due";
    await this.#go();
  }

  /** Throws RangeError for a batch that no log can hold: a mistake of the caller. */
  propose(batch: Batch): void {
    if (this.#failed) return;
    this.#callOffMark();
    this.#waiting.push(this.#place(batch));
    if (this.#running === undefined) void this.#go();
  }

  /** Resolves when everything proposed is delivered, or the log has failed. Writes the mark of a clean stop if there is room. */
  async close(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
    if (!this.#failed && this.#fits(FRAME_BYTES)) {
      this.#mark = "clean";
      await this.#go();
    }
    this.#callOffMark();
    await this.#active.file.close();
  }

  #place(batch: Batch): Waiting {
    const { body, count, level, timeMs } = batch;
    if (!(Number.isInteger(count) && count >= 1 && count < ZXIDS_PER_EPOCH))
      throw new RangeError(`a batch of ${count} entries`);
    if (!(Number.isSafeInteger(timeMs) && timeMs >= this.#assigned.timeMs))
      throw new RangeError(`a batch stamped ${timeMs} after one stamped ${this.#assigned.timeMs}`);
    if (body.length > this.#limits.maxRecordBytes)
      throw new RangeError(`a batch of ${body.length} bytes; maxRecordBytes is ${this.#limits.maxRecordBytes}`);
    if (this.#counter + count >= ZXIDS_PER_EPOCH) this.#nextEpoch();
    const epoch = this.#epoch;
    const firstZxid = epoch * ZXIDS_PER_EPOCH + this.#counter + 1;
    this.#counter += count;
    const seq = this.#assigned.seq + 1;
    const head = Buffer.allocUnsafe(FRAME_BYTES + RECORD_HEADER_BYTES);
    const record = { level, epoch, seq, firstZxid, count, timeMs, body, chain: this.#assigned.chain };
    encodeRecordHeader(record, head, FRAME_BYTES);
    const after = positionAfter(record, head.subarray(FRAME_BYTES));
    this.#assigned = after;
    return {
      committed: { level, epoch, seq, firstZxid, count, timeMs, body, own: batch },
      head,
      extent: frameExtent(RECORD_HEADER_BYTES + body.length),
      after,
    };
  }

  #nextEpoch(): void {
    if (this.#epoch >= MAX_EPOCH)
      throw new RangeError(`epoch ${this.#epoch} is the last one, and its zxids are used up`);
    this.#epoch += 1;
    this.#counter = 0;
  }

  /** Runs until nothing waits. The first write is given to the disk before this returns. */
  #go(): Promise<void> {
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      // Proposed after the last look, and before this.
      if (this.#waiting.length > 0) return void this.#go();
      if (this.#failed || this.#durable.seq === this.#provenSeq) return;
      this.#callOffMark = this.#timers.after(this.#limits.idleMarkMs, () => this.#markIdle());
    });
    return this.#running;
  }

  async #run(): Promise<void> {
    /** Durable, not yet handed over: that happens while the next write is already on its way to the disk. */
    let durable: readonly Waiting[] = [];
    for (;;) {
      const next = this.#waiting[0];
      if (this.#failed || (next === undefined && this.#mark === "none")) {
        if (durable.length === 0) return;
        // The owner may propose from within; then there is more to do.
        this.#deliver(durable);
        durable = [];
      } else if (!this.#fits(next?.extent ?? FRAME_BYTES)) {
        this.#deliver(durable);
        durable = [];
        await this.#roll();
      } else {
        const taken = this.#takeFitting();
        const writing = this.#write(taken);
        this.#deliver(durable);
        durable = (await writing) ? taken : [];
      }
    }
  }

  /** Whether so many bytes fit into the active segment, and a seal behind them. */
  #fits(bytes: number): boolean {
    return this.#offset + bytes + FRAME_BYTES <= this.#active.size;
  }

  #takeFitting(): readonly Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { extent } of this.#waiting) {
      if (!this.#fits(bytes + extent) || (count > 0 && bytes + extent > MAX_WRITE_BYTES)) break;
      bytes += extent;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  /** One durable write: batches, or a mark when there are none. False when the log has failed. */
  async #write(taken: readonly Waiting[]): Promise<boolean> {
    const provesSeq = this.#durable.seq;
    const pieces: Uint8Array[] = this.#headerDue ? [this.#encodeHeader()] : [];
    let bytes = 0;
    for (const { committed, head, extent } of taken) {
      const length = RECORD_HEADER_BYTES + committed.body.length;
      encodeFrame(
        { type: "batch", length, seq: committed.seq, durableSeq: provesSeq, epoch: committed.epoch, clean: false },
        this.#salt,
        head,
        0,
      );
      pieces.push(head, committed.body, gapOfZeros.subarray(0, extent - FRAME_BYTES - length));
      bytes += extent;
    }
    if (taken.length === 0) {
      pieces.push(this.#encodeBare("mark", this.#mark === "clean"));
      bytes = FRAME_BYTES;
    }
    // A batch says all that a mark of durability would say.
    this.#mark = "none";
    try {
      await this.#active.file.write(pieces, this.#headerDue ? 0 : this.#offset);
    } catch (error) {
      this.#fail(error);
      return false;
    }
    this.#headerDue = false;
    this.#offset += bytes;
    this.#provenSeq = provesSeq;
    this.#durable = taken.at(-1)?.after ?? this.#durable;
    return true;
  }

  /** Closes the full segment with a seal and goes on in the next one. The seal is durable before the next is begun. */
  async #roll(): Promise<void> {
    try {
      const fresh = await this.#supply.take();
      await this.#active.file.write([this.#encodeBare("seal", false)], this.#offset);
      await this.#active.file.close();
      this.#active = fresh;
      this.#offset = SEGMENT_HEADER_BYTES;
      this.#headerDue = true;
      this.#salt = saltOf(this.#start.secret, fresh.number);
    } catch (error) {
      this.#fail(error);
    }
  }

  #deliver(batches: readonly Waiting[]): void {
    for (const { committed, after } of batches) {
      if (this.#failed) return;
      this.#delivered = after;
      this.#onCommitted(committed);
    }
  }

  /** Nothing is delivered and nothing is written any more: what the disk holds is unknown. */
  #fail(error: unknown): void {
    this.#failed = true;
    this.#waiting = [];
    this.#mark = "none";
    if (error instanceof LogError) return this.#onFailed(error);
    const code = isNoSpace(error) ? "NO_SPACE" : "IO_FAILED";
    this.#onFailed(
      new LogError(code, `writing ${this.#active.file.name} at offset ${this.#offset} failed: ${String(error)}`, {
        cause: error,
      }),
    );
  }

  /** A seal will say the same when there is no room for a mark. */
  #markIdle(): void {
    if (this.#running !== undefined || this.#failed || !this.#fits(FRAME_BYTES)) return;
    this.#mark = "due";
    void this.#go();
  }

  #encodeHeader(): Buffer {
    return encodeSegmentHeader({
      clusterId: this.#start.clusterId,
      secret: this.#start.secret,
      number: this.#active.number,
      base: this.#durable,
      epoch: this.#epoch,
    });
  }

  #encodeBare(type: "mark" | "seal", clean: boolean): Buffer {
    const bytes = Buffer.allocUnsafe(FRAME_BYTES);
    encodeFrame(
      { type, length: 0, seq: this.#durable.seq, durableSeq: this.#durable.seq, epoch: this.#epoch, clean },
      this.#salt,
      bytes,
      0,
    );
    return bytes;
  }
}

const gapOfZeros: Uint8Array = new Uint8Array(FRAME_ALIGNMENT);

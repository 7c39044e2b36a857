/**
 * The file that a partition's batches are in, one after the other, and a sparse index of where which offset is.
 *
 * Writing and reading are synchronous: they copy from and to the system's page cache, and what was checked before an append still holds when
 * it happens. Only syncing, which waits for the disk, is not. Owns no meaning of a batch beyond its offsets.
 */
import { closeSync, fdatasync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import { BATCH_BYTES_MAX, type BatchHeader, batchAt, endOffsetOf } from "./batch.ts";

/** Of one partition: a log that is full takes no more records. There is no retention in this example. */
const SEGMENT_BYTES_MAX: number = 1024 * 1024 * 1024;
/** The index has an entry for the first batch that begins so many bytes after the last one. */
const INDEX_EVERY_BYTES = 4096;
/** Of one read while the file is gone through. A whole batch fits in. */
const SCAN_BYTES: number = BATCH_BYTES_MAX;

export class Segment {
  /** −1 when it is closed: the system gives the number to another file then. */
  #file: number;
  #size = 0;
  #endOffset = 0;
  /** Ascending in both. */
  readonly #index: { readonly offset: number; readonly position: number }[] = [];

  /** Opens or makes it. Nothing is known of its content before `recover`. */
  constructor(path: string) {
    this.#file = openSync(path, "a+");
  }

  /** Bytes of whole batches. */
  get size(): number {
    return this.#size;
  }

  get endOffset(): number {
    return this.#endOffset;
  }

  /**
   * Goes through the file from its beginning, tells of each batch, and cuts off what follows the last good one: a batch that was being
   * written when the process or the machine ended. Returns the number of bytes cut off.
   */
  recover(onBatch: (batch: BatchHeader) => void): number {
    this.#size = 0;
    this.#endOffset = 0;
    this.#index.length = 0;
    const total = fstatSync(this.#file).size;
    let window: Buffer = Buffer.alloc(0);
    let at = 0;
    for (;;) {
      const batch = batchAt(window, at);
      if (batch === "incomplete" && this.#size + window.length - at < total) {
        window = this.#read(this.#size, Math.min(SCAN_BYTES, total - this.#size));
        at = 0;
        continue;
      }
      // A batch that is whole and does not go on where the last one ended was never written here: the file is cut before it as well.
      if (typeof batch === "string" || batch.baseOffset !== this.#endOffset || batch.count === 0) break;
      this.#note(batch, batch.end - batch.start);
      onBatch(batch);
      at = batch.end;
    }
    if (this.#size < total) ftruncateSync(this.#file, this.#size);
    return total - this.#size;
  }

  hasRoomFor(bytes: number): boolean {
    return this.#size + bytes <= SEGMENT_BYTES_MAX;
  }

  /** The batch begins at the end of the log; who calls has checked that. */
  append(bytes: Buffer, batch: BatchHeader): void {
    try {
      for (let written = 0; written < bytes.length;) written += writeSync(this.#file, bytes, written);
    } catch (error) {
      // Half a batch must not stand before the next one.
      ftruncateSync(this.#file, this.#size);
      throw error;
    }
    this.#note(batch, bytes.length);
  }

  /** Whole batches from the one that has `from` up to `below`: `maxBytes` at most, but one batch in any case if there is one. */
  read(from: number, below: number, maxBytes: number): Buffer {
    if (from >= Math.min(below, this.#endOffset)) return Buffer.alloc(0);
    const begin = this.#positionBefore(from);
    // Most batches are small; the second try has room for the largest there can be.
    for (const room of [maxBytes, BATCH_BYTES_MAX]) {
      const window = this.#read(begin, Math.min(this.#size - begin, INDEX_EVERY_BYTES + room));
      const found = stretch(window, from, below, maxBytes);
      if (found.length > 0) return found;
    }
    // What is there begins below the limit and ends above it.
    return Buffer.alloc(0);
  }

  /** Removes the batch that has `offset`, and all after it. The file is to be recovered after that. */
  cut(offset: number): void {
    let position = this.#positionBefore(offset);
    const window = this.#read(position, Math.min(this.#size - position, INDEX_EVERY_BYTES + BATCH_BYTES_MAX));
    let at = 0;
    for (;;) {
      const batch = batchAt(window, at);
      if (typeof batch === "string" || endOffsetOf(batch) > offset) break;
      at = batch.end;
    }
    position += at;
    ftruncateSync(this.#file, position);
  }

  /** Resolves when everything appended before the call is on the disk. */
  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fdatasync(this.#file, (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
  }

  close(): void {
    const file = this.#file;
    this.#file = -1;
    closeSync(file);
  }

  #note(batch: BatchHeader, bytes: number): void {
    const last = this.#index.at(-1);
    if (last === undefined || this.#size - last.position >= INDEX_EVERY_BYTES) {
      this.#index.push({ offset: batch.baseOffset, position: this.#size });
    }
    this.#size += bytes;
    this.#endOffset = endOffsetOf(batch);
  }

  /** Of the last batch in the index that does not begin after `offset`. */
  #positionBefore(offset: number): number {
    let low = 0;
    let high = this.#index.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#index[middle] as { offset: number }).offset <= offset) low = middle + 1;
      else high = middle;
    }
    return this.#index[low - 1]?.position ?? 0;
  }

  #read(position: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    let filled = 0;
    while (filled < length) {
      const got = readSync(this.#file, bytes, filled, length - filled, position + filled);
      if (got === 0) throw new Error(`the log ends at byte ${position + filled}, before ${position + length}`);
      filled += got;
    }
    return bytes;
  }
}

/** The whole batches of a piece of the log that are wanted. */
function stretch(window: Buffer, from: number, below: number, maxBytes: number): Buffer {
  let start: number | undefined;
  let end = 0;
  for (;;) {
    const batch = batchAt(window, end);
    if (batch === "damaged") throw new Error(`the log is damaged near offset ${from}`);
    if (batch === "incomplete" || endOffsetOf(batch) > below) break;
    if (start === undefined && endOffsetOf(batch) > from) start = batch.start;
    else if (start !== undefined && batch.end - start > maxBytes) break;
    end = batch.end;
  }
  return start === undefined ? Buffer.alloc(0) : window.subarray(start, end);
}

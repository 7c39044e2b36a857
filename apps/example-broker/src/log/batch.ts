/**
 * The one form of records: the same bytes on the leader's disk, on the wire and on the followers' disks.
 *
 * | byte | field           |                                                                        |
 * |------|-----------------|------------------------------------------------------------------------|
 * | 0    | length, u32     | of all that follows the check sum                                      |
 * | 4    | check sum, u32  | CRC-32 of all that follows it                                          |
 * | 8    | base offset, u64| of the first record; the others follow without a gap                   |
 * | 16   | epoch, u32      | of the leader that wrote it                                            |
 * | 20   | producer, u64   | 0: of none that can be recognised                                      |
 * | 28   | sequence, u32   | of the first record, in the count of its producer for this partition   |
 * | 32   | time, f64       | the leader's wall clock, milliseconds since 1970                       |
 * | 40   | count, u32      | records, at least 1                                                    |
 * | 44   | records         | each a u32 length and its bytes                                        |
 *
 * All numbers are big-endian. Owns the form only: no file, no order between batches.
 */
import { crc32 } from "node:zlib";

const HEADER_BYTES = 44;
/** What stands before that which length and check sum speak of. */
const PREFIX_BYTES = 8;
/** Of one batch with its header. */
export const BATCH_BYTES_MAX: number = 1024 * 1024;
export const BATCH_RECORDS_MAX = 10_000;

export interface BatchHeader {
  readonly baseOffset: number;
  readonly leaderEpoch: number;
  readonly producerId: number;
  readonly sequence: number;
  readonly timeMs: number;
  readonly count: number;
}

/** A batch as it lies in a piece of memory. */
export interface FoundBatch extends BatchHeader {
  /** First byte and the first one after it, in the piece it was found in. */
  readonly start: number;
  readonly end: number;
}

/** The offset that the next batch begins with. */
export function endOffsetOf(batch: BatchHeader): number {
  return batch.baseOffset + batch.count;
}

/** RangeError if it is empty or beyond a bound. */
export function encodeBatch(header: Omit<BatchHeader, "count">, records: readonly Uint8Array[]): Buffer {
  const size = records.reduce((bytes, record) => bytes + 4 + record.length, HEADER_BYTES);
  if (records.length === 0 || records.length > BATCH_RECORDS_MAX) {
    throw new RangeError(`a batch has ${records.length} records, not 1 to ${BATCH_RECORDS_MAX}`);
  }
  if (size > BATCH_BYTES_MAX) throw new RangeError(`a batch has ${size} bytes, more than ${BATCH_BYTES_MAX}`);
  const bytes = Buffer.allocUnsafe(size);
  bytes.writeUInt32BE(size - PREFIX_BYTES, 0);
  writeUInt64(bytes, header.baseOffset, 8);
  bytes.writeUInt32BE(header.leaderEpoch, 16);
  writeUInt64(bytes, header.producerId, 20);
  bytes.writeUInt32BE(header.sequence, 28);
  bytes.writeDoubleBE(header.timeMs, 32);
  bytes.writeUInt32BE(records.length, 40);
  let at = HEADER_BYTES;
  for (const record of records) {
    at = bytes.writeUInt32BE(record.length, at);
    bytes.set(record, at);
    at += record.length;
  }
  bytes.writeUInt32BE(crc32(bytes.subarray(PREFIX_BYTES)), 4);
  return bytes;
}

/**
 * What stands at `start`. `incomplete`: the batch goes on beyond these bytes. `damaged`: no batch can begin like this, or its check sum is
 * wrong.
 */
export function batchAt(bytes: Buffer, start: number): FoundBatch | "incomplete" | "damaged" {
  if (bytes.length - start < PREFIX_BYTES) return "incomplete";
  const end = start + PREFIX_BYTES + bytes.readUInt32BE(start);
  if (end - start < HEADER_BYTES || end - start > BATCH_BYTES_MAX) return "damaged";
  if (end > bytes.length) return "incomplete";
  if (crc32(bytes.subarray(start + PREFIX_BYTES, end)) !== bytes.readUInt32BE(start + 4)) return "damaged";
  return {
    start,
    end,
    baseOffset: readUInt64(bytes, start + 8),
    leaderEpoch: bytes.readUInt32BE(start + 16),
    producerId: readUInt64(bytes, start + 20),
    sequence: bytes.readUInt32BE(start + 28),
    timeMs: bytes.readDoubleBE(start + 32),
    count: bytes.readUInt32BE(start + 40),
  };
}

/** Whole batches, one after the other, as they come over the wire. RangeError if anything else is among them. */
export function batchesIn(bytes: Buffer): FoundBatch[] {
  const found: FoundBatch[] = [];
  for (let at = 0; at < bytes.length;) {
    const batch = batchAt(bytes, at);
    if (typeof batch === "string") throw new RangeError(`the batch at byte ${at} of ${bytes.length} is ${batch}`);
    found.push(batch);
    at = batch.end;
  }
  return found;
}

/** The records of a batch; views into `bytes`. RangeError if they do not fill it exactly. */
export function recordsOf(bytes: Buffer, batch: FoundBatch): Buffer[] {
  const records: Buffer[] = [];
  let at = batch.start + HEADER_BYTES;
  while (at + 4 <= batch.end && records.length < batch.count) {
    const from = at + 4;
    at = from + bytes.readUInt32BE(at);
    if (at <= batch.end) records.push(bytes.subarray(from, at));
  }
  if (at !== batch.end || records.length !== batch.count) {
    throw new RangeError(
      `the batch of offset ${batch.baseOffset} has not the ${batch.count} records that it speaks of`,
    );
  }
  return records;
}

/** Numbers up to 2^53: all that we count. */
function writeUInt64(bytes: Buffer, value: number, at: number): void {
  bytes.writeBigUInt64BE(BigInt(value), at);
}

function readUInt64(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4);
}

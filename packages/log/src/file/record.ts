/**
 * The record: one batch with its place in the order, as bytes that are the same in every engine.
 *
 * Owns the layout below, its checksum and the chain. Never knows a file, a segment or an offset.
 *
 * ```
 *  0 crc u32          over everything behind it, CRC-32 (IEEE)
 *  4 version u16      1
 *  6 zero u16
 *  8 level u32        apply level
 * 12 epoch u32
 * 16 count u32        entries in the body
 * 20 bodyLength u32
 * 24 seq u64
 * 32 firstZxid u64
 * 40 timeMs u64
 * 48 chain 16 bytes   digest of everything before this record
 * 64 body
 * ```
 * Numbers are little endian. The digest after a record is SHA-256 of its first 64 bytes, cut to 16: those hold the
 * former digest and the checksum over the body, so a missing, swapped or foreign record breaks the chain.
 */

import { hash } from "node:crypto";
import { crc32 } from "node:zlib";
import { getInteger, putInteger } from "./integers.ts";

export const RECORD_HEADER_BYTES = 64;
export const CHAIN_BYTES = 16;
const VERSION = 1;

/** Where a log stands after a record. */
export interface LogPosition {
  /** Number of that record, 0 before the first. */
  readonly seq: number;
  /** Zxid of its last entry, 0 before the first. */
  readonly zxid: number;
  /** Its stamp, milliseconds since 1970, 0 before the first. */
  readonly timeMs: number;
  /** Digest of the log up to and including it, {@link CHAIN_BYTES} bytes. */
  readonly chain: Uint8Array;
}

export const LOG_START: LogPosition = { seq: 0, zxid: 0, timeMs: 0, chain: new Uint8Array(CHAIN_BYTES) };

export interface LogRecord {
  readonly level: number;
  readonly epoch: number;
  readonly seq: number;
  readonly firstZxid: number;
  readonly count: number;
  readonly timeMs: number;
  /** Digest of the log before this record. */
  readonly chain: Uint8Array;
  readonly body: Uint8Array;
}

/** Writes the 64 bytes that stand before the body into `into` at `offset`; the body itself is not copied. */
export function encodeRecordHeader(record: LogRecord, into: Buffer, offset: number): void {
  into.writeUInt16LE(VERSION, offset + 4);
  into.writeUInt16LE(0, offset + 6);
  into.writeUInt32LE(record.level, offset + 8);
  into.writeUInt32LE(record.epoch, offset + 12);
  into.writeUInt32LE(record.count, offset + 16);
  into.writeUInt32LE(record.body.length, offset + 20);
  putInteger(into, record.seq, offset + 24);
  putInteger(into, record.firstZxid, offset + 32);
  putInteger(into, record.timeMs, offset + 40);
  into.set(record.chain, offset + 48);
  const crc = crc32(record.body, crc32(into.subarray(offset + 4, offset + RECORD_HEADER_BYTES)));
  into.writeUInt32LE(crc, offset);
}

/** The position after a record, from its encoded header. */
export function positionAfter(record: LogRecord, header: Uint8Array): LogPosition {
  return {
    seq: record.seq,
    zxid: record.firstZxid + record.count - 1,
    timeMs: record.timeMs,
    chain: hash("sha256", header, "buffer").subarray(0, CHAIN_BYTES),
  };
}

/** Reads a record that fills `bytes` exactly. Its chain and body are views into `bytes`. A string says what is wrong. */
export function decodeRecord(bytes: Buffer): LogRecord | string {
  if (bytes.length < RECORD_HEADER_BYTES) return "record shorter than its header";
  if (bytes.readUInt32LE(0) !== crc32(bytes.subarray(4))) return "checksum does not match";
  if (bytes.readUInt16LE(4) !== VERSION) return `record version ${bytes.readUInt16LE(4)} is not known`;
  if (bytes.readUInt32LE(20) !== bytes.length - RECORD_HEADER_BYTES) return "body length does not match";
  return {
    level: bytes.readUInt32LE(8),
    epoch: bytes.readUInt32LE(12),
    count: bytes.readUInt32LE(16),
    seq: getInteger(bytes, 24),
    firstZxid: getInteger(bytes, 32),
    timeMs: getInteger(bytes, 40),
    chain: bytes.subarray(48, RECORD_HEADER_BYTES),
    body: bytes.subarray(RECORD_HEADER_BYTES),
  };
}

/** Whether `record` may stand right after `before`. A string says why not. */
export function follows(record: LogRecord, before: LogPosition): string | undefined {
  if (record.seq !== before.seq + 1) return `record ${record.seq} stands after record ${before.seq}`;
  if (Buffer.compare(record.chain, before.chain) !== 0) return `record ${record.seq} does not continue the chain`;
  if (!(record.firstZxid > before.zxid) || record.count < 1)
    return `zxid ${record.firstZxid} stands after zxid ${before.zxid}`;
  if (!(record.timeMs >= before.timeMs)) return `stamp ${record.timeMs} stands after stamp ${before.timeMs}`;
  return undefined;
}

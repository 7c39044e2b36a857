/**
 * The frame: what stands before each record in a segment file, and what makes a crash decidable.
 *
 * Owns the 32 bytes below. Never looks into the record.
 *
 * ```
 *  0 crc u32          over the other 28 bytes, started from the segment's salt: a frame copied from elsewhere fails
 *  4 length u32       bytes of the record that follows; believed only after the checksum
 *  8 seq u64          batch: its own; mark and seal: the last batch before it
 * 16 durableSeq u64   greatest seq known durable when this frame was written
 * 24 epoch u32
 * 28 type u8          1 batch, 2 mark, 3 seal
 * 29 flags u8         bit 0, on a mark: the log was closed cleanly
 * 30 zero u16
 * ```
 * Frames start at multiples of eight. The gap behind a record is zero.
 */

import { crc32 } from "node:zlib";
import { getInteger, putInteger } from "./integers.ts";

export const FRAME_BYTES = 32;
export const FRAME_ALIGNMENT = 8;

/** `mark` carries only evidence (durableSeq, epoch); `seal` says that the log goes on in the next segment, which exists. */
export type FrameType = "batch" | "mark" | "seal";
const types: readonly (FrameType | undefined)[] = [undefined, "batch", "mark", "seal"];
const FLAG_CLEAN = 1;

export interface Frame {
  readonly type: FrameType;
  readonly length: number;
  readonly seq: number;
  readonly durableSeq: number;
  readonly epoch: number;
  readonly clean: boolean;
}

/** Bytes from the start of a frame to the start of the next. */
export function frameExtent(length: number): number {
  return FRAME_BYTES + Math.ceil(length / FRAME_ALIGNMENT) * FRAME_ALIGNMENT;
}

export function encodeFrame(frame: Frame, salt: number, into: Buffer, offset: number): void {
  into.writeUInt32LE(frame.length, offset + 4);
  putInteger(into, frame.seq, offset + 8);
  putInteger(into, frame.durableSeq, offset + 16);
  into.writeUInt32LE(frame.epoch, offset + 24);
  into.writeUInt8(types.indexOf(frame.type), offset + 28);
  into.writeUInt8(frame.clean ? FLAG_CLEAN : 0, offset + 29);
  into.writeUInt16LE(0, offset + 30);
  into.writeUInt32LE(crc32(into.subarray(offset + 4, offset + FRAME_BYTES), salt), offset);
}

/** The frame at `offset`, or undefined when these bytes are none of this segment. Cheap to ask at every offset. */
export function decodeFrame(bytes: Buffer, offset: number, salt: number): Frame | undefined {
  const type = types[bytes[offset + 28]!];
  const flags = bytes[offset + 29]!;
  if (type === undefined || flags > FLAG_CLEAN || bytes.readUInt16LE(offset + 30) !== 0) return undefined;
  if (bytes.readUInt32LE(offset) !== crc32(bytes.subarray(offset + 4, offset + FRAME_BYTES), salt)) return undefined;
  return {
    type,
    length: bytes.readUInt32LE(offset + 4),
    seq: getInteger(bytes, offset + 8),
    durableSeq: getInteger(bytes, offset + 16),
    epoch: bytes.readUInt32LE(offset + 24),
    clean: flags === FLAG_CLEAN,
  };
}

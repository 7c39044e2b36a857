/**
 * The segment file: its name, its header, and how its frames are walked.
 *
 * Owns the layout of the first 4,096 bytes. Judges nothing: what to trust after a crash is decided in recover.ts.
 *
 * ```
 *   0 magic            "CORRALOG"
 *   8 version u16      1
 *  10 zero u16
 *  12 crc u32          over bytes 0–11 and 16–127; stays at this place in every later version
 *  16 clusterId 16 bytes
 *  32 secret 16 bytes  random, the same in the whole directory; salts the frames, so no client can forge one in its data
 *  48 number u64       of this segment, 1 …
 *  56 seq u64   64 zxid u64   72 timeMs u64   80 chain 16 bytes    where the log stood before this segment
 *  96 epoch u32        when the segment was begun
 * 100 zeros
 * ```
 */

import { crc32 } from "node:zlib";
import type { DiskFile } from "./disk.ts";
import { decodeFrame, FRAME_BYTES, type Frame, frameExtent } from "./frame.ts";
import { getInteger, putInteger } from "./integers.ts";
import { CHAIN_BYTES, type LogPosition } from "./record.ts";

export const SEGMENT_HEADER_BYTES = 4096;
export const SECRET_BYTES = 16;
const FORMAT_VERSION = 1;
const CHECKED_BYTES = 128;
const MAGIC = Buffer.from("CORRALOG", "latin1");
const WINDOW_BYTES = 1 << 20;
const ZEROS = Buffer.alloc(WINDOW_BYTES);

export interface SegmentHeader {
  readonly clusterId: string;
  readonly secret: Uint8Array;
  readonly number: number;
  readonly base: LogPosition;
  readonly epoch: number;
}

export function segmentName(number: number): string {
  return `log-${String(number).padStart(16, "0")}`;
}

/** The number in a segment's name, or undefined when it is not one. */
export function segmentNumber(name: string): number | undefined {
  return /^log-\d{16}$/.test(name) ? Number(name.slice(4)) : undefined;
}

/** Start value of every frame checksum in a segment. */
export function saltOf(secret: Uint8Array, number: number): number {
  const bytes = Buffer.alloc(8);
  putInteger(bytes, number, 0);
  return crc32(bytes, crc32(secret));
}

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  MAGIC.copy(bytes, 0);
  bytes.writeUInt16LE(FORMAT_VERSION, 8);
  bytes.write(header.clusterId, 16, "hex");
  bytes.set(header.secret, 32);
  putInteger(bytes, header.number, 48);
  putInteger(bytes, header.base.seq, 56);
  putInteger(bytes, header.base.zxid, 64);
  putInteger(bytes, header.base.timeMs, 72);
  bytes.set(header.base.chain, 80);
  bytes.writeUInt32LE(header.epoch, 96);
  bytes.writeUInt32LE(headerCrc(bytes), 12);
  return bytes;
}

function headerCrc(bytes: Buffer): number {
  return crc32(bytes.subarray(16, CHECKED_BYTES), crc32(bytes.subarray(0, 12)));
}

/** `blank`: all zero. `newer`: sound, but of a later format. */
export type HeaderState =
  | { readonly state: "good"; readonly header: SegmentHeader }
  | { readonly state: "blank" }
  | { readonly state: "bad" }
  | { readonly state: "newer"; readonly version: number };

export function decodeSegmentHeader(bytes: Buffer): HeaderState {
  if (bytes.length < SEGMENT_HEADER_BYTES) return { state: "bad" };
  if (bytes.every((byte) => byte === 0)) return { state: "blank" };
  if (MAGIC.compare(bytes, 0, MAGIC.length) !== 0 || bytes.readUInt32LE(12) !== headerCrc(bytes))
    return { state: "bad" };
  const version = bytes.readUInt16LE(8);
  if (version > FORMAT_VERSION) return { state: "newer", version };
  return {
    state: "good",
    header: {
      clusterId: bytes.toString("hex", 16, 32),
      secret: Buffer.from(bytes.subarray(32, 32 + SECRET_BYTES)),
      number: getInteger(bytes, 48),
      base: {
        seq: getInteger(bytes, 56),
        zxid: getInteger(bytes, 64),
        timeMs: getInteger(bytes, 72),
        chain: Buffer.from(bytes.subarray(80, 80 + CHAIN_BYTES)),
      },
      epoch: bytes.readUInt32LE(96),
    },
  };
}

/** A file read through one sliding piece of memory, which is used again for each step: what recovery leaves for the collector stays resident. */
export class FileWindow {
  readonly size: number;
  readonly #file: DiskFile;
  #memory: Buffer = Buffer.alloc(0);
  /** The part of `memory` that holds bytes of the file, from `start` on. */
  #buffer: Buffer = Buffer.alloc(0);
  #start = 0;

  constructor(file: DiskFile, size: number) {
    this.#file = file;
    this.size = size;
  }

  /** A view of these bytes, shorter at the end of the file. It lives until the next call. */
  async bytes(position: number, length: number): Promise<Buffer> {
    const held = this.held(position, length);
    if (held !== undefined) return held;
    const wanted = Math.max(0, Math.min(length, this.size - position));
    const filled = Math.min(Math.max(wanted, WINDOW_BYTES), this.size - position);
    const former = this.#buffer;
    if (this.#memory.length < filled) this.#memory = Buffer.allocUnsafe(filled);
    const from = position - this.#start;
    const kept = from >= 0 && from < former.length ? former.copy(this.#memory, 0, from) : 0;
    // Nothing is held while it is read: the read may fail.
    this.#buffer = this.#memory.subarray(0, 0);
    const count = await this.#file.read(this.#memory.subarray(kept, filled), position + kept);
    this.#buffer = this.#memory.subarray(0, kept + count);
    this.#start = position;
    return this.#buffer.subarray(0, wanted);
  }

  /** The same without waiting; undefined when the bytes must be read first. A walk over small records is mostly this. */
  held(position: number, length: number): Buffer | undefined {
    const from = position - this.#start;
    const to = from + Math.max(0, Math.min(length, this.size - position));
    return from >= 0 && to <= this.#buffer.length ? this.#buffer.subarray(from, to) : undefined;
  }
}

/**
 * Why a walk ended: at zeros, behind a seal, at bytes that are no frame, or because the file is shorter than what was written
 * into it: a segment has its size before its first frame, and room for a seal behind every other frame.
 */
export type WalkEnd = "blank" | "sealed" | "bad" | "short";

/**
 * Walks the frames of a segment from `from`, where one begins. `visit` sees each frame and its record's bytes (a view that lives until
 * it returns) and may refuse it with a reason. Ends at the first thing that is not a good frame.
 */
export async function walkFrames(
  window: FileWindow,
  salt: number,
  visit: (frame: Frame, record: Buffer, offset: number) => string | undefined,
  from: number = SEGMENT_HEADER_BYTES,
): Promise<{ end: WalkEnd; offset: number; reason: string }> {
  let offset = from;
  for (;;) {
    if (offset + FRAME_BYTES > window.size) return { end: "short", offset, reason: "the file ends here" };
    const head = window.held(offset, FRAME_BYTES) ?? (await window.bytes(offset, FRAME_BYTES));
    const frame = decodeFrame(head, 0, salt);
    if (frame === undefined) {
      const blank = head.every((byte) => byte === 0);
      return { end: blank ? "blank" : "bad", offset, reason: blank ? "" : "no valid frame here" };
    }
    if (offset + FRAME_BYTES + frame.length > window.size)
      return { end: "short", offset, reason: "the file ends within this record" };
    const length = FRAME_BYTES + frame.length;
    const record = (window.held(offset, length) ?? (await window.bytes(offset, length))).subarray(FRAME_BYTES);
    const reason = visit(frame, record, offset);
    if (reason !== undefined) return { end: "bad", offset, reason };
    offset += frameExtent(frame.length);
    if (frame.type === "seal") return { end: "sealed", offset, reason: "" };
  }
}

/** What stands behind a place where a walk ended. */
export interface Beyond {
  /** Offset behind the last byte that is not zero; `from` when all are. */
  readonly dirtyTo: number;
  /** Greatest of all frame headers of this segment that were found, 0 without one. */
  readonly durableSeq: number;
  readonly epoch: number;
}

/** Looks for anything at all from `from` to the end of the file. */
export async function scanBeyond(window: FileWindow, salt: number | undefined, from: number): Promise<Beyond> {
  const found = { dirtyTo: from, durableSeq: 0, epoch: 0 };
  for (let start = from; start < window.size; start += WINDOW_BYTES - FRAME_BYTES) {
    const bytes = await window.bytes(start, WINDOW_BYTES);
    if (bytes.equals(ZEROS.subarray(0, bytes.length))) continue;
    let last = bytes.length;
    while (bytes[last - 1] === 0) last -= 1;
    found.dirtyTo = Math.max(found.dirtyTo, start + last);
    if (salt === undefined) continue;
    for (let offset = 0; offset + FRAME_BYTES <= bytes.length && offset < last; offset += 8) {
      const frame = decodeFrame(bytes, offset, salt);
      if (frame === undefined) continue;
      found.durableSeq = Math.max(found.durableSeq, frame.durableSeq);
      found.epoch = Math.max(found.epoch, frame.epoch);
    }
  }
  return found;
}

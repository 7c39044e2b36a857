/**
 * The snapshot file: its name, its bytes, and how it is checked.
 *
 * Owns the container only; what a snapshot says is the state machine's.
 *
 * ```
 * header 64 bytes: magic "CORRSNAP" | version u16 = 1 | zero u16 | crc u32 over the rest of the header |
 *                  clusterId 16 bytes | zxid u64 | timeMs u64 (no batch up to zxid has a later stamp) | zeros
 * block:           length u32, 1 … 262,144 | crc u32 over the bytes, started from the block before's | bytes
 * trailer 24:      0 u32 | last block's crc u32 | bytes in all u64 | blocks u32 | crc u32 over the trailer so far
 * ```
 */

import { crc32 } from "node:zlib";
import type { Disk, DiskFile } from "./disk.ts";
import { getInteger, putInteger } from "./integers.ts";
import { FileWindow } from "./segment.ts";

const SNAPSHOT_BLOCK_BYTES: number = 256 << 10;
const HEADER_BYTES = 64;
const BLOCK_HEADER_BYTES = 8;
const TRAILER_BYTES = 24;
const VERSION = 1;
const MAGIC = Buffer.from("CORRSNAP", "latin1");

export interface SnapshotHeader {
  readonly clusterId: string;
  readonly zxid: number;
  readonly timeMs: number;
}

export function snapshotName(zxid: number): string {
  return `snapshot-${String(zxid).padStart(16, "0")}`;
}

/** The zxid in a snapshot's name, or undefined when it is not one. */
export function snapshotZxid(name: string): number | undefined {
  return /^snapshot-\d{16}$/.test(name) ? Number(name.slice(9)) : undefined;
}

function encodeHeader(header: SnapshotHeader): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(bytes, 0);
  bytes.writeUInt16LE(VERSION, 8);
  bytes.write(header.clusterId, 16, "hex");
  putInteger(bytes, header.zxid, 32);
  putInteger(bytes, header.timeMs, 40);
  bytes.writeUInt32LE(headerCrc(bytes), 12);
  return bytes;
}

function headerCrc(bytes: Buffer): number {
  return crc32(bytes.subarray(16, HEADER_BYTES), crc32(bytes.subarray(0, 12)));
}

function decodeHeader(bytes: Buffer): SnapshotHeader | string {
  if (bytes.length < HEADER_BYTES) return "shorter than its header";
  if (MAGIC.compare(bytes, 0, MAGIC.length) !== 0 || bytes.readUInt32LE(12) !== headerCrc(bytes))
    return "the header is damaged";
  if (bytes.readUInt16LE(8) > VERSION) return `format version ${bytes.readUInt16LE(8)} is not known to this release`;
  return { clusterId: bytes.toString("hex", 16, 32), zxid: getInteger(bytes, 32), timeMs: getInteger(bytes, 40) };
}

/** A string says why the header cannot be trusted. */
export async function readSnapshotHeader(disk: Disk, name: string): Promise<SnapshotHeader | string> {
  const file = await disk.open(name, "read");
  try {
    const bytes = Buffer.alloc(HEADER_BYTES);
    const header = decodeHeader(bytes.subarray(0, await file.read(bytes, 0)));
    const named = snapshotZxid(name);
    if (typeof header !== "string" && named !== undefined && header.zxid !== named)
      return `it is a copy of ${snapshotName(header.zxid)}`;
    return header;
  } finally {
    await file.close();
  }
}

/** Appends the blocks of one snapshot to an open, empty file. Syncs nothing. */
export class SnapshotEncoder {
  readonly #file: DiskFile;
  #block: Buffer = Buffer.allocUnsafe(SNAPSHOT_BLOCK_BYTES);
  #filled = 0;
  #offset = 0;
  #crc = 0;
  #bytes = 0;
  #blocks = 0;

  constructor(file: DiskFile) {
    this.#file = file;
  }

  async begin(header: SnapshotHeader): Promise<void> {
    await this.#put([encodeHeader(header)]);
  }

  async write(chunk: Uint8Array): Promise<void> {
    let rest = chunk;
    while (rest.length > 0) {
      const taken = rest.subarray(0, SNAPSHOT_BLOCK_BYTES - this.#filled);
      this.#block.set(taken, this.#filled);
      this.#filled += taken.length;
      rest = rest.subarray(taken.length);
      if (this.#filled === SNAPSHOT_BLOCK_BYTES) await this.#flush();
    }
  }

  async end(): Promise<void> {
    await this.#flush();
    const trailer = Buffer.alloc(TRAILER_BYTES);
    trailer.writeUInt32LE(this.#crc, 4);
    putInteger(trailer, this.#bytes, 8);
    trailer.writeUInt32LE(this.#blocks, 16);
    trailer.writeUInt32LE(crc32(trailer.subarray(0, 20)), 20);
    await this.#put([trailer]);
  }

  async #flush(): Promise<void> {
    if (this.#filled === 0) return;
    const bytes = this.#block.subarray(0, this.#filled);
    this.#crc = crc32(bytes, this.#crc);
    const head = Buffer.alloc(BLOCK_HEADER_BYTES);
    head.writeUInt32LE(bytes.length, 0);
    head.writeUInt32LE(this.#crc, 4);
    this.#bytes += bytes.length;
    this.#blocks += 1;
    this.#filled = 0;
    await this.#put([head, bytes]);
  }

  async #put(pieces: Uint8Array[]): Promise<void> {
    await this.#file.write(pieces, this.#offset);
    for (const piece of pieces) this.#offset += piece.length;
  }
}

/**
 * The bytes of a snapshot, block by block, each checked before it is handed out, and living until the next is asked for. Ends only when
 * all is sound. Throws an Error that says what is wrong.
 */
export async function* snapshotChunks(disk: Disk, name: string): AsyncGenerator<Uint8Array, void, undefined> {
  const file = await disk.open(name, "read");
  try {
    const window = new FileWindow(file, await file.size());
    let offset = HEADER_BYTES;
    let crc = 0;
    let total = 0;
    let blocks = 0;
    for (;;) {
      const head = await window.bytes(offset, TRAILER_BYTES);
      if (head.length < TRAILER_BYTES) throw new Error("it ends without a trailer");
      const length = head.readUInt32LE(0);
      if (length === 0) {
        const whole = head.readUInt32LE(4) === crc && getInteger(head, 8) === total && head.readUInt32LE(16) === blocks;
        if (!whole || head.readUInt32LE(20) !== crc32(head.subarray(0, 20)) || offset + TRAILER_BYTES !== window.size)
          throw new Error("the trailer does not match");
        return;
      }
      const expected = head.readUInt32LE(4);
      if (length > SNAPSHOT_BLOCK_BYTES || offset + BLOCK_HEADER_BYTES + length > window.size)
        throw new Error(`block ${blocks} has an impossible length`);
      const bytes = (await window.bytes(offset, BLOCK_HEADER_BYTES + length)).subarray(BLOCK_HEADER_BYTES);
      crc = crc32(bytes, crc);
      if (crc !== expected) throw new Error(`block ${blocks} does not match its checksum`);
      offset += BLOCK_HEADER_BYTES + length;
      total += length;
      blocks += 1;
      yield bytes;
    }
  } finally {
    await file.close();
  }
}

/** Reads the whole file and checks everything in it. A string says what is wrong. */
export async function verifySnapshot(disk: Disk, name: string): Promise<string | undefined> {
  const header = await readSnapshotHeader(disk, name);
  if (typeof header === "string") return header;
  try {
    for await (const chunk of snapshotChunks(disk, name)) void chunk;
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

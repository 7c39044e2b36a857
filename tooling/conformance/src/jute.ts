// ZooKeeper's Jute encoding: the primitive types, and frames of a stream. It owns bytes and offsets, and knows no
// operation. Longs are bigints: ids and zxids use all 64 bits.

/** Frames longer than this are refused on both sides; ZooKeeper's own default is 1 MiB. */
const maxFrameBytes: number = 4 * 1024 * 1024;

export class JuteWriter {
  #bytes: Buffer = Buffer.allocUnsafe(256);
  #length = 0;

  boolean(value: boolean): this {
    this.#reserve(1);
    this.#length = this.#bytes.writeUInt8(value ? 1 : 0, this.#length);
    return this;
  }

  int(value: number): this {
    this.#reserve(4);
    this.#length = this.#bytes.writeInt32BE(value, this.#length);
    return this;
  }

  long(value: bigint): this {
    this.#reserve(8);
    this.#length = this.#bytes.writeBigInt64BE(value, this.#length);
    return this;
  }

  /** null is a value of its own, different from empty. */
  buffer(value: Uint8Array | null): this {
    if (value === null) return this.int(-1);
    this.int(value.length);
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  string(value: string | null): this {
    return this.buffer(value === null ? null : Buffer.from(value, "utf8"));
  }

  vector<T>(items: readonly T[], write: (item: T) => void): this {
    this.int(items.length);
    for (const item of items) write(item);
    return this;
  }

  /** The bytes so far, behind their length. */
  frame(): Buffer {
    const frame = Buffer.allocUnsafe(4 + this.#length);
    frame.writeInt32BE(this.#length, 0);
    this.#bytes.copy(frame, 4, 0, this.#length);
    return frame;
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + count));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

export class JuteReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  boolean(): boolean {
    return this.#bytes.readUInt8(this.#advance(1)) !== 0;
  }

  int(): number {
    return this.#bytes.readInt32BE(this.#advance(4));
  }

  long(): bigint {
    return this.#bytes.readBigInt64BE(this.#advance(8));
  }

  buffer(): Buffer | null {
    const length = this.int();
    if (length === -1) return null;
    if (length < 0) throw new RangeError(`a buffer of ${length} bytes`);
    const start = this.#advance(length);
    return this.#bytes.subarray(start, start + length);
  }

  string(): string | null {
    return this.buffer()?.toString("utf8") ?? null;
  }

  /** A null vector reads as an empty one. */
  vector<T>(read: () => T): T[] {
    const count = this.int();
    if (count > this.left) throw new RangeError(`a vector of ${count} items in ${this.left} bytes`);
    const items: T[] = [];
    for (let index = 0; index < count; index++) items.push(read());
    return items;
  }

  #advance(count: number): number {
    const start = this.#at;
    if (count > this.left) throw new RangeError(`${count} bytes wanted at ${start}, ${this.left} left`);
    this.#at += count;
    return start;
  }
}

/** Cuts a byte stream into frames, whatever the pieces it comes in. */
export class FrameSplitter {
  #pending: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): Buffer[] {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    const frames: Buffer[] = [];
    while (this.#pending.length >= 4) {
      const length = this.#pending.readInt32BE(0);
      if (length < 0 || length > maxFrameBytes)
        throw new RangeError(`a frame of ${length} bytes, at most ${maxFrameBytes} are read`);
      if (this.#pending.length < 4 + length) break;
      frames.push(this.#pending.subarray(4, 4 + length));
      this.#pending = this.#pending.subarray(4 + length);
    }
    return frames;
  }
}

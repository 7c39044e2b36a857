/**
 * Writes MessagePack values into a growing buffer, with no object made on the way: what the server answers, it writes
 * field by field straight from its tables. Emits the same bytes as msgpackr does for the types of this protocol.
 *
 * A writer owns its buffer until `take` hands it out.
 */

const GROWTH = 2;
/** A buffer that grew beyond this is not kept from one message to the next. */
const KEPT_BYTES = 16 * 1024;

export class Writer {
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;
  readonly #initialBytes: number;

  constructor(initialBytes = 1024) {
    this.#initialBytes = initialBytes;
    this.#bytes = new Uint8Array(initialBytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Bytes written since the last `take` or `clear`. */
  get length(): number {
    return this.#length;
  }

  /** A view of what has been written; valid until the next call. */
  written(from = 0): Uint8Array {
    return this.#bytes.subarray(from, this.#length);
  }

  /** Hands out what has been written; the writer goes on with a new buffer. */
  take(): Uint8Array {
    const taken = this.#bytes.subarray(0, this.#length);
    this.#bytes = new Uint8Array(this.#initialBytes);
    this.#view = new DataView(this.#bytes.buffer);
    this.#length = 0;
    return taken;
  }

  /** A copy of what has been written; the writer starts over, with the same buffer unless that has grown large. */
  copy(): Uint8Array {
    if (this.#bytes.length > KEPT_BYTES && this.#bytes.length > this.#initialBytes) return this.take();
    const copied = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    return copied;
  }

  clear(): void {
    this.#length = 0;
  }

  /** Forgets everything after the first `length` bytes. */
  truncate(length: number): void {
    this.#length = length;
  }

  array(length: number): void {
    if (length < 16) this.#byte(0x90 | length);
    else if (length < 0x1_0000) this.#tag16(0xdc, length);
    else this.#tag32(0xdd, length);
  }

  /**
   * An array whose length is not known yet. Returns where it stands, for `closeArray`. Always takes three bytes, the
   * one place where the shortest form is not used.
   */
  openArray(): number {
    this.#tag16(0xdc, 0);
    return this.#length;
  }

  /** Sets the length of an array begun with `openArray`; at most 65,535. */
  closeArray(at: number, length: number): void {
    this.#view.setUint16(at - 2, length);
  }

  nil(): void {
    this.#byte(0xc0);
  }

  bool(value: boolean): void {
    this.#byte(value ? 0xc3 : 0xc2);
  }

  /** A safe integer: in the shortest integer form up to 32 bits, beyond that as float64. */
  int(value: number): void {
    if (value >= 0) {
      if (value < 0x80) this.#byte(value);
      else if (value < 0x100) {
        this.#reserve(2);
        this.#bytes[this.#length++] = 0xcc;
        this.#bytes[this.#length++] = value;
      } else if (value < 0x1_0000) this.#tag16(0xcd, value);
      else if (value < 0x1_0000_0000) this.#tag32(0xce, value);
      else this.#float(value);
    } else if (value >= -0x20) this.#byte(value & 0xff);
    else if (value >= -0x80) {
      this.#reserve(2);
      this.#bytes[this.#length++] = 0xd0;
      this.#bytes[this.#length++] = value & 0xff;
    } else if (value >= -0x8000) this.#tag16(0xd1, value & 0xffff);
    else if (value >= -0x8000_0000) this.#tag32(0xd2, value >>> 0);
    else this.#float(value);
  }

  /** A string. Lone surrogates become U+FFFD. */
  str(value: string): void {
    const units = value.length;
    this.#reserve(5 + units * 3);
    const header = units < 32 ? 1 : units < 0x100 ? 2 : units < 0x1_0000 ? 3 : 5;
    const start = this.#length + header;
    const end = writeUtf8(value, this.#bytes, start);
    const bytes = end - start;
    const needed = bytes < 32 ? 1 : bytes < 0x100 ? 2 : bytes < 0x1_0000 ? 3 : 5;
    if (needed !== header) this.#bytes.copyWithin(this.#length + needed, start, end);
    this.#strHeader(bytes);
    this.#length += bytes;
  }

  /** A string given as single-byte (ASCII) code units. */
  asciiStr(bytes: Uint8Array, offset: number, length: number): void {
    this.#reserve(5 + length);
    this.#strHeader(length);
    this.#copy(bytes, offset, length);
  }

  /** Binary data, or nil. */
  bin(value: Uint8Array | null): void {
    if (value === null) this.nil();
    else this.binFrom(value, 0, value.length);
  }

  /** Binary data that is a part of a larger array. */
  binFrom(bytes: Uint8Array, offset: number, length: number): void {
    this.#reserve(5 + length);
    if (length < 0x100) {
      this.#bytes[this.#length++] = 0xc4;
      this.#bytes[this.#length++] = length;
    } else if (length < 0x1_0000) this.#tag16(0xc5, length);
    else this.#tag32(0xc6, length);
    this.#copy(bytes, offset, length);
  }

  /** Bytes that are MessagePack already. */
  raw(bytes: Uint8Array, start = 0, end: number = bytes.length): void {
    this.#reserve(end - start);
    this.#copy(bytes, start, end - start);
  }

  /** All that another writer has written. */
  append(other: Writer): void {
    this.raw(other.#bytes, 0, other.#length);
  }

  #copy(bytes: Uint8Array, offset: number, length: number): void {
    const to = this.#bytes;
    let at = this.#length;
    // Below about this size a loop beats the call into the runtime.
    if (length <= 48) for (let i = 0; i < length; i++) to[at++] = bytes[offset + i]!;
    else to.set(offset === 0 && length === bytes.length ? bytes : bytes.subarray(offset, offset + length), at);
    this.#length += length;
  }

  #strHeader(bytes: number): void {
    if (bytes < 32) this.#bytes[this.#length++] = 0xa0 | bytes;
    else if (bytes < 0x100) {
      this.#bytes[this.#length++] = 0xd9;
      this.#bytes[this.#length++] = bytes;
    } else if (bytes < 0x1_0000) this.#tag16(0xda, bytes);
    else this.#tag32(0xdb, bytes);
  }

  #byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  #tag16(tag: number, value: number): void {
    this.#reserve(3);
    const bytes = this.#bytes;
    bytes[this.#length++] = tag;
    bytes[this.#length++] = value >>> 8;
    bytes[this.#length++] = value;
  }

  #tag32(tag: number, value: number): void {
    this.#reserve(5);
    this.#bytes[this.#length] = tag;
    this.#view.setUint32(this.#length + 1, value);
    this.#length += 5;
  }

  #float(value: number): void {
    this.#reserve(9);
    this.#bytes[this.#length] = 0xcb;
    this.#view.setFloat64(this.#length + 1, value);
    this.#length += 9;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#bytes.length) return;
    let size = this.#bytes.length * GROWTH;
    while (size < needed) size *= GROWTH;
    const grown = new Uint8Array(size);
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}

/** Writes a string as UTF-8 and returns where it ends. There must be room for three bytes a code unit. */
function writeUtf8(value: string, to: Uint8Array, start: number): number {
  let at = start;
  for (let i = 0; i < value.length; i++) {
    const unit = value.charCodeAt(i);
    if (unit < 0x80) to[at++] = unit;
    else if (unit < 0x800) {
      to[at++] = 0xc0 | (unit >> 6);
      to[at++] = 0x80 | (unit & 0x3f);
    } else {
      const next = unit >= 0xd800 && unit < 0xdc00 && i + 1 < value.length ? value.charCodeAt(i + 1) : 0;
      if (next >= 0xdc00 && next < 0xe000) {
        const point = 0x1_0000 + ((unit - 0xd800) << 10) + (next - 0xdc00);
        to[at++] = 0xf0 | (point >> 18);
        to[at++] = 0x80 | ((point >> 12) & 0x3f);
        to[at++] = 0x80 | ((point >> 6) & 0x3f);
        to[at++] = 0x80 | (point & 0x3f);
        i++;
      } else {
        const scalar = unit >= 0xd800 && unit < 0xe000 ? 0xfffd : unit;
        to[at++] = 0xe0 | (scalar >> 12);
        to[at++] = 0x80 | ((scalar >> 6) & 0x3f);
        to[at++] = 0x80 | (scalar & 0x3f);
      }
    }
  }
  return at;
}

/**
 * The slab: where byte strings (names, data, remembered results) are kept outside the JavaScript heap.
 *
 * An address is a 32-bit number. Below 2^31 it is segment · 2^17 + offset in units of 8 bytes: a segment of at most 1 MiB
 * holds blocks of one size class; freed blocks are chained through their own first bytes, and a segment without live blocks
 * serves any class. The first of each class is small: most states are. From 2^31 on it is the number of a string above the largest class, which has an array of its own.
 * Blocks are immutable while live, and are never handed out as views that outlive the call: an address is valid until `free`.
 */

const UNIT = 8;
const SEGMENT_UNITS = 1 << 17;
const SEGMENT_BYTES = SEGMENT_UNITS * UNIT;
const FIRST_SEGMENT_BYTES = 64 * 1024;
/** Largest block that shares a segment with others. */
const SHARED_BYTES_MAX = 32 * 1024;
/** 16 GiB in segments: the addresses below ALONE. */
const SEGMENTS_MAX = 1 << 14;
/** First address of strings that have an array of their own. */
const ALONE = 2 ** 31;
/** Ends a chain of free blocks. */
const NONE = -1;

/** Sizes in units, four to a doubling, so that at most a fifth of a block above 32 bytes is unused. */
const CLASS_UNITS: readonly number[] = (() => {
  const sizes = [1, 2, 3, 4];
  while (sizes.at(-1)! * UNIT < SHARED_BYTES_MAX) {
    const last = sizes.at(-1)!;
    const step = 2 ** (Math.floor(Math.log2(last)) - 2);
    sizes.push(last + Math.max(1, step));
  }
  return sizes;
})();

/** Size class by length in units. */
const CLASS_OF: Uint8Array = (() => {
  const classes = new Uint8Array(SHARED_BYTES_MAX / UNIT + 1);
  let at = 0;
  for (let units = 0; units < classes.length; units++) {
    while (CLASS_UNITS[at]! < units) at++;
    classes[units] = at;
  }
  return classes;
})();

interface Segment {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  /** Size of its blocks in units. */
  units: number;
  /** First free block, as an offset in units, or NONE. */
  free: number;
  /** First unit never used yet. */
  fresh: number;
  live: number;
  /** Stands in its class's list of segments that may have room. */
  open: boolean;
}

export class Slab {
  readonly #segments: Segment[] = [];
  /** Per class: segments that may have room. */
  readonly #open: number[][] = CLASS_UNITS.map(() => []);
  /** Classes that have a segment: such a class is never without one again. */
  readonly #begun = new Set<number>();
  /** Empty segments. */
  readonly #idle: number[] = [];
  /** Strings with an array of their own, and the numbers that have none. */
  readonly #alone: (Uint8Array | undefined)[] = [];
  readonly #vacant: number[] = [];
  #liveBytes = 0;

  /** Bytes asked for and not freed. */
  get liveBytes(): number {
    return this.#liveBytes;
  }

  /** Keeps a copy of `length` bytes; returns the address. */
  store(from: Uint8Array, offset: number, length: number): number {
    const address = this.allocate(length);
    const to = this.bytesAt(address);
    let at = this.offsetOf(address);
    if (length <= 32) for (let i = 0; i < length; i++) to[at++] = from[offset + i]!;
    else to.set(offset === 0 && length === from.length ? from : from.subarray(offset, offset + length), at);
    return address;
  }

  /** Room for `length` bytes, to be filled by the caller at once. */
  allocate(length: number): number {
    this.#liveBytes += length;
    if (length > SHARED_BYTES_MAX) return this.#allocateAlone(length);
    const sizeClass = CLASS_OF[(length + UNIT - 1) >>> 3]!;
    const open = this.#open[sizeClass]!;
    for (;;) {
      const number = open.at(-1) ?? this.#openSegment(sizeClass);
      const segment = this.#segments[number]!;
      let block = segment.free;
      if (block !== NONE) segment.free = segment.words[block * 2]!;
      else if (segment.fresh + segment.units <= segment.words.length / 2) {
        block = segment.fresh;
        segment.fresh += segment.units;
      } else {
        open.pop();
        segment.open = false;
        continue;
      }
      segment.live++;
      return number * SEGMENT_UNITS + block;
    }
  }

  /** The array that holds the block; read it at `offsetOf(address)`. */
  bytesAt(address: number): Uint8Array {
    return address >= ALONE ? this.#alone[address - ALONE]! : this.#segments[address >>> 17]!.bytes;
  }

  offsetOf(address: number): number {
    return address >= ALONE ? 0 : (address & (SEGMENT_UNITS - 1)) * UNIT;
  }

  /** A copy of a block's bytes. */
  read(address: number, length: number): Uint8Array {
    const offset = this.offsetOf(address);
    return this.bytesAt(address).slice(offset, offset + length);
  }

  free(address: number, length: number): void {
    this.#liveBytes -= length;
    if (address >= ALONE) {
      this.#alone[address - ALONE] = undefined;
      this.#vacant.push(address - ALONE);
      return;
    }
    const number = address >>> 17;
    const segment = this.#segments[number]!;
    const block = address & (SEGMENT_UNITS - 1);
    segment.words[block * 2] = segment.free;
    segment.free = block;
    segment.live--;
    const open = this.#open[CLASS_OF[segment.units]!]!;
    if (!segment.open) {
      segment.open = true;
      open.push(number);
    }
    if (segment.live === 0 && open.length > 1) this.#retire(number, open);
  }

  #retire(number: number, open: number[]): void {
    open.splice(open.indexOf(number), 1);
    this.#segments[number]!.open = false;
    this.#idle.push(number);
  }

  #openSegment(sizeClass: number): number {
    const isFirst = !this.#begun.has(sizeClass);
    this.#begun.add(sizeClass);
    const number = this.#idle.pop() ?? this.#addSegment(isFirst ? FIRST_SEGMENT_BYTES : SEGMENT_BYTES);
    const segment = this.#segments[number]!;
    segment.units = CLASS_UNITS[sizeClass]!;
    segment.free = NONE;
    segment.fresh = 0;
    segment.live = 0;
    segment.open = true;
    this.#open[sizeClass]!.push(number);
    return number;
  }

  #addSegment(size: number): number {
    if (this.#segments.length === SEGMENTS_MAX)
      throw new RangeError(`the slab is full: ${SEGMENTS_MAX} MiB (SEGMENTS_MAX)`);
    const buffer = new ArrayBuffer(size);
    return (
      this.#segments.push({
        bytes: new Uint8Array(buffer),
        words: new Int32Array(buffer),
        units: 0,
        free: NONE,
        fresh: 0,
        live: 0,
        open: false,
      }) - 1
    );
  }

  #allocateAlone(length: number): number {
    const number = this.#vacant.pop() ?? this.#alone.length;
    this.#alone[number] = new Uint8Array(length);
    return ALONE + number;
  }
}

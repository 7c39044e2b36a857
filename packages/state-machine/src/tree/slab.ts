/**
 * The slab: where byte strings (names, data, remembered results) are kept outside the JavaScript heap.
 *
 * An address is a 32-bit number: segment · 2^17 + offset in units of 8 bytes. A segment of 1 MiB holds blocks of one
 * size class; freed blocks are chained through their own first bytes, and a segment without live blocks serves any
 * class. Strings above the largest class have a segment of their own. Blocks are immutable while live, and are never
 * handed out as views that outlive the call: an address is valid until `free`.
 */

const UNIT = 8;
const SEGMENT_UNITS = 1 << 17;
const SEGMENT_BYTES = SEGMENT_UNITS * UNIT;
/** Largest block that shares a segment with others. */
const SHARED_BYTES_MAX = 32 * 1024;
/** 2^15 segments of 1 MiB: the addresses of 32 bits. */
const SEGMENTS_MAX = 1 << 15;
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
  /** Size of its blocks in units; 0 for a block of its own. */
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
  readonly #segments: (Segment | undefined)[] = [];
  /** Per class: segments that may have room. */
  readonly #open: number[][] = CLASS_UNITS.map(() => []);
  /** Empty shared segments, and numbers without a segment. */
  readonly #idle: number[] = [];
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
      else if (segment.fresh + segment.units <= SEGMENT_UNITS) {
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
    return this.#segments[address >>> 17]!.bytes;
  }

  offsetOf(address: number): number {
    return (address & (SEGMENT_UNITS - 1)) * UNIT;
  }

  /** A copy of a block's bytes. */
  read(address: number, length: number): Uint8Array {
    const offset = this.offsetOf(address);
    return this.bytesAt(address).slice(offset, offset + length);
  }

  free(address: number, length: number): void {
    this.#liveBytes -= length;
    const number = address >>> 17;
    const segment = this.#segments[number]!;
    if (segment.units === 0) {
      this.#segments[number] = undefined;
      this.#vacant.push(number);
      return;
    }
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
    const idle = this.#idle.pop();
    const number = idle ?? this.#number();
    if (idle === undefined) this.#segments[number] = segmentOf(SEGMENT_BYTES);
    const segment = this.#segments[number]!;
    segment.units = CLASS_UNITS[sizeClass]!;
    segment.free = NONE;
    segment.fresh = 0;
    segment.live = 0;
    segment.open = true;
    this.#open[sizeClass]!.push(number);
    return number;
  }

  #allocateAlone(length: number): number {
    const number = this.#number();
    this.#segments[number] = segmentOf(length);
    return number * SEGMENT_UNITS;
  }

  #number(): number {
    const vacant = this.#vacant.pop();
    if (vacant !== undefined) return vacant;
    if (this.#segments.length >= SEGMENTS_MAX) throw new RangeError(`the tree holds ${SEGMENTS_MAX} segments of data (SEGMENTS_MAX)`);
    return this.#segments.push(undefined) - 1;
  }
}

function segmentOf(bytes: number): Segment {
  const buffer = new ArrayBuffer((bytes + UNIT - 1) & -UNIT);
  return { bytes: new Uint8Array(buffer), words: new Int32Array(buffer), units: 0, free: NONE, fresh: 0, live: 0, open: false };
}

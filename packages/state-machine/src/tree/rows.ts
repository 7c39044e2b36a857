/**
 * The rows of the znode table. A znode is a slot number; its fields stand side by side in a row of 128 bytes of typed
 * arrays, so that a million znodes are a few hundred objects for the garbage collector, and one znode is two neighbouring
 * lines of the processor's cache: with a column for each field, a get among a million znodes took six times one among a
 * thousand. Rows come in pages, and growing is one more page.
 */

const PAGE_BITS = 14;
const PAGE_ROWS: number = 1 << PAGE_BITS;
const PAGE_MASK = PAGE_ROWS - 1;
const ROW_BYTES_BITS = 7;
const ROW_BYTES: number = 1 << ROW_BYTES_BITS;
/** A row is so many reals or ints long, as a power of two. */
const REALS_BITS: number = ROW_BYTES_BITS - 3;
const INTS_BITS: number = ROW_BYTES_BITS - 2;
/** No znode: no sibling, no child, a free slot's neighbour. */
export const NIL = -1;
/** No transaction made it. */
const FREE = -1;

/** Fields of 8 bytes, the first half of a row: zxids, milliseconds, and counts that may pass 2^32. */
export const Real = {
  /** FREE in a free slot. */
  czxid: 0,
  mzxid: 1,
  pzxid: 2,
  ctime: 3,
  mtime: 4,
  /** Children ever created: the next sequence number, and the base of cversion. */
  creates: 5,
  /** The parent's `creates` before this znode, negative for those of a new tree: its place among its siblings. */
  ordinal: 6,
  /** Session id for an ephemeral, else 0. */
  owner: 7,
} as const;
export type Real = (typeof Real)[keyof typeof Real];

/** Fields of 4 bytes, the second half of a row. */
export const Int = {
  parent: 16,
  firstChild: 17,
  lastChild: 18,
  next: 19,
  previous: 20,
  hash: 21,
  /** Slab address of the name, unsigned; single bytes if it is ASCII, else UTF-16 units. */
  nameAt: 22,
  /** Code units of the name, times 2, plus 1 if it is not ASCII. */
  nameLength: 23,
  /** Slab address of the data, unsigned. */
  dataAt: 24,
  /** -1: no data (not the same as empty). */
  dataLength: 25,
  version: 26,
  aversion: 27,
  numChildren: 28,
  descendants: 29,
  acl: 30,
  /** One of Kind. */
  kind: 31,
} as const;
export type Int = (typeof Int)[keyof typeof Int];

export const Kind = { persistent: 0, ephemeral: 1, container: 2, ttl: 3 } as const;

export class Rows {
  /** Two views of each page. */
  readonly #reals: Float64Array[] = [];
  readonly #ints: Int32Array[] = [];
  readonly #free: number[] = [];
  #end = 0;

  /** One more than the highest slot ever used. */
  get end(): number {
    return this.#end;
  }

  real(slot: number, field: Real): number {
    return this.#reals[slot >>> PAGE_BITS]![((slot & PAGE_MASK) << REALS_BITS) + field]!;
  }

  setReal(slot: number, field: Real, value: number): void {
    this.#reals[slot >>> PAGE_BITS]![((slot & PAGE_MASK) << REALS_BITS) + field] = value;
  }

  int(slot: number, field: Int): number {
    return this.#ints[slot >>> PAGE_BITS]![((slot & PAGE_MASK) << INTS_BITS) + field]!;
  }

  setInt(slot: number, field: Int, value: number): void {
    this.#ints[slot >>> PAGE_BITS]![((slot & PAGE_MASK) << INTS_BITS) + field] = value;
  }

  addInt(slot: number, field: Int, by: number): void {
    this.#ints[slot >>> PAGE_BITS]![((slot & PAGE_MASK) << INTS_BITS) + field]! += by;
  }

  /** A free slot; its fields still hold what the last occupant left. */
  take(): number {
    const freed = this.#free.pop();
    if (freed !== undefined) return freed;
    if ((this.#end & PAGE_MASK) === 0) this.#addPage();
    return this.#end++;
  }

  release(slot: number): void {
    this.setReal(slot, Real.czxid, FREE);
    this.#free.push(slot);
  }

  isLive(slot: number): boolean {
    return slot < this.#end && this.real(slot, Real.czxid) !== FREE;
  }

  /** For loading a snapshot: makes every slot below `end` exist; those not filled are then given to `freeUnused`. */
  extend(end: number): void {
    while (this.#reals.length * PAGE_ROWS < end) this.#addPage();
    this.#end = Math.max(this.#end, end);
  }

  /** Collects the free slots after a load of so many znodes, highest first, so that the lowest is taken next. */
  freeUnused(live: number): void {
    this.#free.length = 0;
    if (live === this.#end) return;
    for (let slot = this.#end - 1; slot >= 0; slot--) if (!this.isLive(slot)) this.#free.push(slot);
  }

  #addPage(): void {
    const buffer = new ArrayBuffer(PAGE_ROWS * ROW_BYTES);
    const reals = new Float64Array(buffer);
    for (let row = 0; row < PAGE_ROWS; row++) reals[(row << REALS_BITS) + Real.czxid] = FREE;
    this.#reals.push(reals);
    this.#ints.push(new Int32Array(buffer));
  }
}

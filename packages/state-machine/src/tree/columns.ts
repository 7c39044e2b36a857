/**
 * The columns of the znode table. A znode is a slot number; its fields stand at that place in typed arrays, so that a
 * million znodes are a few hundred objects for the garbage collector. Slots come in pages, and growing is one more page.
 */

const PAGE_BITS = 14;
const PAGE_SLOTS: number = 1 << PAGE_BITS;
const PAGE_MASK = PAGE_SLOTS - 1;
/** No znode: no sibling, no child, a free slot's neighbour. */
export const NIL = -1;
/** No transaction made it. */
const FREE = -1;

/** What a page holds, one array a field; index by `slot & mask`. */
export interface Page {
  readonly parent: Int32Array;
  readonly firstChild: Int32Array;
  readonly lastChild: Int32Array;
  readonly next: Int32Array;
  readonly previous: Int32Array;
  readonly hash: Int32Array;
  /** Slab address of the name; single bytes if it is ASCII, else UTF-16 units. */
  readonly nameAt: Uint32Array;
  /** Code units of the name, times 2, plus 1 if it is not ASCII. */
  readonly nameLength: Uint32Array;
  readonly dataAt: Uint32Array;
  /** -1: no data (not the same as empty). */
  readonly dataLength: Int32Array;
  /** FREE in a free slot. */
  readonly czxid: Float64Array;
  readonly mzxid: Float64Array;
  readonly pzxid: Float64Array;
  readonly ctime: Float64Array;
  readonly mtime: Float64Array;
  readonly version: Int32Array;
  readonly aversion: Int32Array;
  /** Children ever created: the next sequence number, and the base of cversion. */
  readonly creates: Float64Array;
  /** The parent's `creates` before this znode, negative for those of a new tree: its place among its siblings. */
  readonly ordinal: Float64Array;
  readonly numChildren: Int32Array;
  readonly descendants: Int32Array;
  /** Session id for an ephemeral, else 0. */
  readonly owner: Float64Array;
  readonly acl: Int32Array;
  /** One of Kind. */
  readonly kind: Uint8Array;
}

export const Kind = { persistent: 0, ephemeral: 1, container: 2, ttl: 3 } as const;

function newPage(): Page {
  const ints = (): Int32Array => new Int32Array(PAGE_SLOTS);
  const doubles = (): Float64Array => new Float64Array(PAGE_SLOTS);
  return {
    parent: ints(),
    firstChild: ints(),
    lastChild: ints(),
    next: ints(),
    previous: ints(),
    hash: ints(),
    nameAt: new Uint32Array(PAGE_SLOTS),
    nameLength: new Uint32Array(PAGE_SLOTS),
    dataAt: new Uint32Array(PAGE_SLOTS),
    dataLength: ints(),
    czxid: doubles().fill(FREE),
    mzxid: doubles(),
    pzxid: doubles(),
    ctime: doubles(),
    mtime: doubles(),
    version: ints(),
    aversion: ints(),
    creates: doubles(),
    ordinal: doubles(),
    numChildren: ints(),
    descendants: ints(),
    owner: doubles(),
    acl: ints(),
    kind: new Uint8Array(PAGE_SLOTS),
  };
}

export class Columns {
  readonly #pages: Page[] = [];
  readonly #free: number[] = [];
  #end = 0;

  /** One more than the highest slot ever used. */
  get end(): number {
    return this.#end;
  }

  page(slot: number): Page {
    return this.#pages[slot >>> PAGE_BITS]!;
  }

  /** Index of a slot within its page's arrays. */
  at(slot: number): number {
    return slot & PAGE_MASK;
  }

  /** A free slot; its fields still hold what the last occupant left. */
  take(): number {
    const freed = this.#free.pop();
    if (freed !== undefined) return freed;
    if ((this.#end & PAGE_MASK) === 0) this.#pages.push(newPage());
    return this.#end++;
  }

  release(slot: number): void {
    this.page(slot).czxid[slot & PAGE_MASK] = FREE;
    this.#free.push(slot);
  }

  isLive(slot: number): boolean {
    return slot < this.#end && this.page(slot).czxid[slot & PAGE_MASK] !== FREE;
  }

  /** For loading a snapshot: makes every slot below `end` exist; those not filled are then given to `freeUnused`. */
  extend(end: number): void {
    while (this.#pages.length * PAGE_SLOTS < end) this.#pages.push(newPage());
    this.#end = Math.max(this.#end, end);
  }

  /** Collects the free slots after a load, highest first, so that the lowest is taken next. */
  freeUnused(): void {
    this.#free.length = 0;
    for (let slot = this.#end - 1; slot >= 0; slot--) if (!this.isLive(slot)) this.#free.push(slot);
  }
}

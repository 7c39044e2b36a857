/**
 * From a path to its slot: an open-addressing hash table over slots, keyed by a hash of the path's code units.
 *
 * The table knows hashes only; whether a slot with the right hash has the right path is asked of the owner. It is split
 * into shards that grow one at a time, so that no growth moves more than a few thousand entries.
 */

const SHARDS = 1024;
const SHARD_SIZE_MIN = 8;
const EMPTY = -1;
/** Offset basis of FNV-1a: the hash of no characters. */
export const HASH_START = -2_128_831_035;
const PRIME = 16_777_619;
const SLASH = 47;

/** Continues a hash over the code units of `text` from `start` to `end`. */
export function hashOn(hash: number, text: string, start: number, end: number): number {
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ text.charCodeAt(i), PRIME);
  return hash;
}

/** The hash of a child's path from its parent's; the root's hash is HASH_START. */
export function childHash(parentHash: number, name: string): number {
  return hashOn(Math.imul(parentHash ^ SLASH, PRIME), name, 0, name.length);
}

/** Spreads the bits: neighbouring names must not fall into neighbouring places. */
function spread(hash: number): number {
  let h = hash ^ (hash >>> 16);
  h = Math.imul(h, -2_048_144_789);
  h ^= h >>> 13;
  h = Math.imul(h, -1_028_477_387);
  return (h ^ (h >>> 16)) >>> 0;
}

export class PathIndex {
  readonly #slots: Int32Array[] = Array.from({ length: SHARDS }, () => new Int32Array(SHARD_SIZE_MIN).fill(EMPTY));
  readonly #counts: Int32Array = new Int32Array(SHARDS);
  readonly #hashOf: (slot: number) => number;

  constructor(hashOf: (slot: number) => number) {
    this.#hashOf = hashOf;
  }

  /** The slot with this hash for which `is` says yes, or -1. */
  find(hash: number, is: (slot: number) => boolean): number {
    const h = spread(hash);
    const slots = this.#slots[h & (SHARDS - 1)]!;
    const mask = slots.length - 1;
    for (let at = (h >>> 10) & mask; ; at = (at + 1) & mask) {
      const slot = slots[at]!;
      if (slot === EMPTY) return EMPTY;
      if (this.#hashOf(slot) === hash && is(slot)) return slot;
    }
  }

  add(slot: number): void {
    const h = spread(this.#hashOf(slot));
    const shard = h & (SHARDS - 1);
    let slots = this.#slots[shard]!;
    if ((this.#counts[shard]! + 1) * 4 > slots.length * 3) slots = this.#grow(shard);
    this.#place(slots, h, slot);
    this.#counts[shard]!++;
  }

  remove(slot: number): void {
    const h = spread(this.#hashOf(slot));
    const shard = h & (SHARDS - 1);
    const slots = this.#slots[shard]!;
    const mask = slots.length - 1;
    let at = (h >>> 10) & mask;
    while (slots[at] !== slot) at = (at + 1) & mask;
    this.#counts[shard]!--;
    // Close the gap: an entry behind it moves up unless it already stands at or after its own place.
    for (let next = (at + 1) & mask; slots[next] !== EMPTY; next = (next + 1) & mask) {
      const home = (spread(this.#hashOf(slots[next]!)) >>> 10) & mask;
      if (((next - home) & mask) >= ((next - at) & mask)) {
        slots[at] = slots[next]!;
        at = next;
      }
    }
    slots[at] = EMPTY;
  }

  #grow(shard: number): Int32Array {
    const old = this.#slots[shard]!;
    const grown = new Int32Array(old.length * 2).fill(EMPTY);
    for (const slot of old) if (slot !== EMPTY) this.#place(grown, spread(this.#hashOf(slot)), slot);
    this.#slots[shard] = grown;
    return grown;
  }

  #place(slots: Int32Array, h: number, slot: number): void {
    const mask = slots.length - 1;
    let at = (h >>> 10) & mask;
    while (slots[at] !== EMPTY) at = (at + 1) & mask;
    slots[at] = slot;
  }
}

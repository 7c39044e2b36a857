/**
 * From a path to its slot: an open-addressing hash table over slots, keyed by a hash of the path's code units.
 *
 * Whether a slot with the right hash has the right path is asked of the owner. It is split
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

/** An entry is two numbers side by side, slot and hash, so that a look at a wrong entry ends in the same cache line. */
const ENTRY = 2;

export class PathIndex {
  readonly #shards: Int32Array[] = Array.from({ length: SHARDS }, () => emptyShard(SHARD_SIZE_MIN));
  readonly #counts: Int32Array = new Int32Array(SHARDS);

  /** The slot with this hash for which `is` says yes, or -1. */
  find(hash: number, is: (slot: number) => boolean): number {
    const h = spread(hash);
    const shard = this.#shards[h & (SHARDS - 1)]!;
    const mask = shard.length - 1;
    for (let at = home(h, mask); ; at = (at + ENTRY) & mask) {
      const slot = shard[at]!;
      if (slot === EMPTY) return EMPTY;
      if (shard[at + 1] === hash && is(slot)) return slot;
    }
  }

  add(slot: number, hash: number): void {
    const h = spread(hash);
    const number = h & (SHARDS - 1);
    let shard = this.#shards[number]!;
    if ((this.#counts[number]! + 1) * ENTRY * 4 > shard.length * 3) shard = this.#grow(number);
    place(shard, slot, hash);
    this.#counts[number]!++;
  }

  remove(slot: number, hash: number): void {
    const h = spread(hash);
    const number = h & (SHARDS - 1);
    const shard = this.#shards[number]!;
    const mask = shard.length - 1;
    let at = home(h, mask);
    while (shard[at] !== slot) at = (at + ENTRY) & mask;
    this.#counts[number]!--;
    // Close the gap: an entry behind it moves up unless it already stands at or after its own place.
    for (let next = (at + ENTRY) & mask; shard[next] !== EMPTY; next = (next + ENTRY) & mask) {
      const wanted = home(spread(shard[next + 1]!), mask);
      if (((next - wanted) & mask) >= ((next - at) & mask)) {
        shard[at] = shard[next]!;
        shard[at + 1] = shard[next + 1]!;
        at = next;
      }
    }
    shard[at] = EMPTY;
  }

  #grow(number: number): Int32Array {
    const old = this.#shards[number]!;
    const grown = emptyShard((old.length / ENTRY) * 2);
    for (let at = 0; at < old.length; at += ENTRY) if (old[at] !== EMPTY) place(grown, old[at]!, old[at + 1]!);
    this.#shards[number] = grown;
    return grown;
  }
}

function emptyShard(entries: number): Int32Array {
  return new Int32Array(entries * ENTRY).fill(EMPTY);
}

/** Where an entry would stand in an empty shard; the bits below choose the shard. */
function home(spreadHash: number, mask: number): number {
  return ((spreadHash >>> 10) * ENTRY) & mask;
}

function place(shard: Int32Array, slot: number, hash: number): void {
  const mask = shard.length - 1;
  let at = home(spread(hash), mask);
  while (shard[at] !== EMPTY) at = (at + ENTRY) & mask;
  shard[at] = slot;
  shard[at + 1] = hash;
}

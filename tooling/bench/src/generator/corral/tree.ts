/** The names and values of the znodes that are measured, and how one of many is drawn. Sends nothing. */
import { CHILDREN_PER_PARENT, VALUE_BYTES } from "../job.ts";

export const ROOT = "/bench";
export const VALUE: Uint8Array = new Uint8Array(VALUE_BYTES).fill(120);
/** Sets in one multi. */
const MULTI_SETS = 10;

const NAME_DIGITS = 6;

const parentPath = (parent: number): string => `${ROOT}/p${parent}`;

export function keyPath(key: number): string {
  const name = String(key % CHILDREN_PER_PARENT).padStart(NAME_DIGITS, "0");
  return `${parentPath(Math.floor(key / CHILDREN_PER_PARENT))}/n${name}`;
}

/** The parents of keys `from` to `to` (exclusive). */
export function parentsOf(from: number, to: number): string[] {
  const paths: string[] = [];
  const end = Math.ceil(to / CHILDREN_PER_PARENT);
  for (let parent = Math.floor(from / CHILDREN_PER_PARENT); parent < end; parent++) paths.push(parentPath(parent));
  return paths;
}

/** A place for each operation under way, so that names are never taken twice. */
export const ephemeralPath = (place: number): string => `${ROOT}/e${place}`;
export const watchedPath = (znode: number): string => `${ROOT}/w${znode}`;

/** Children of `/bench` for a multi when there are no keys. */
export const MULTI_PATHS: readonly string[] = Array.from({ length: MULTI_SETS }, (_, i) => `${ROOT}/m${i}`);

/** What a load draws from. The strings are made beforehand: a load must not spend its time on names. */
export class Keys {
  readonly #paths: readonly string[];
  /** Of a generator by Marsaglia (xorshift, 32 bits): every number but 0 once, in an order that looks like none. */
  #seed = 0x9e37_79b9;

  /** 0: `/bench` alone. */
  constructor(count: number) {
    this.#paths = count === 0 ? [ROOT] : Array.from({ length: count }, (_, key) => keyPath(key));
  }

  /** Each with the same chance. */
  draw(): string {
    if (this.#paths.length === 1) return this.#paths[0]!;
    return this.#paths[this.#next() % this.#paths.length]!;
  }

  /** Ten different ones, drawn as neighbours are not: of what is many. */
  drawForMulti(): readonly string[] {
    if (this.#paths.length < MULTI_SETS) return MULTI_PATHS;
    const drawn: string[] = [];
    const from = this.#next();
    const stride = Math.floor(this.#paths.length / MULTI_SETS);
    for (let i = 0; i < MULTI_SETS; i++) drawn.push(this.#paths[(from + i * stride) % this.#paths.length]!);
    return drawn;
  }

  #next(): number {
    let seed = this.#seed;
    seed ^= seed << 13;
    seed ^= seed >>> 17;
    seed ^= seed << 5;
    this.#seed = seed;
    return seed >>> 0;
  }
}

/**
 * What a cache knows of its subtree at one zxid, and who is below whom. Asks nobody and tells nobody.
 *
 * What is known of a path is never changed, only replaced: so the state of before is compared with the one of now by holding
 * on to it.
 */
import type { CorralError, Entry, Stat } from "@corral/client";

/**
 * A znode as the cache has it. `numChildren`, `cversion` and `pzxid` of its Stat are those of when it was last told itself: nobody is
 * told when only they change.
 */
export interface CacheEntry<T> extends Entry<T> {
  /** Defined when the znode has newer data, which the codec refuses: value and Stat are the last ones that it took. */
  readonly refused: CorralError | undefined;
}

export interface Known<T> {
  /** As the znode is. */
  readonly stat: Stat;
  /** As it was when its data were last understood, in this life of the znode; undefined if they never were. */
  readonly entry: CacheEntry<T> | undefined;
  /** Why its present data are not understood. */
  readonly refused: CorralError | undefined;
}

export class Contents<T> {
  readonly #known = new Map<string, Known<T>>();
  /** Names of the children, by the parent's path. */
  readonly #names = new Map<string, Set<string>>();
  #bytes = 0;

  get size(): number {
    return this.#known.size;
  }

  /** Of paths and data. */
  get bytes(): number {
    return this.#bytes;
  }

  get(path: string): Known<T> | undefined {
    return this.#known.get(path);
  }

  children(path: string): string[] {
    return [...(this.#names.get(path) ?? [])];
  }

  all(): IterableIterator<[path: string, known: Known<T>]> {
    return this.#known.entries();
  }

  put(path: string, known: Known<T>): void {
    const before = this.#known.get(path);
    this.#bytes += known.stat.dataLength - (before?.stat.dataLength ?? 0);
    this.#known.set(path, known);
    if (before !== undefined) return;
    this.#bytes += path.length;
    if (path === "/") return;
    const { parent, name } = cut(path);
    const names = this.#names.get(parent);
    if (names === undefined) this.#names.set(parent, new Set([name]));
    else names.add(name);
  }

  delete(path: string): void {
    const before = this.#known.get(path);
    if (before === undefined) return;
    this.#known.delete(path);
    this.#bytes -= path.length + before.stat.dataLength;
    if (path === "/") return;
    const { parent, name } = cut(path);
    const names = this.#names.get(parent)!;
    names.delete(name);
    if (names.size === 0) this.#names.delete(parent);
  }
}

/** The same life of the znode, the same data, the same ACL? */
export function isSameState(a: Stat, b: Stat): boolean {
  return a.czxid === b.czxid && a.mzxid === b.mzxid && a.aversion === b.aversion;
}

/** Of any path but the root's. */
function cut(path: string): { readonly parent: string; readonly name: string } {
  const slash = path.lastIndexOf("/");
  return { parent: slash <= 0 ? "/" : path.slice(0, slash), name: path.slice(slash + 1) };
}

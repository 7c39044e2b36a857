/**
 * Who watches what: ZooKeeper's watches, by path and connection.
 *
 * A connection may hold several kinds on one path (ZOOKEEPER-4466); a change tells it once. Registered twice is
 * registered once. Set and removed by read and notify; knows nothing of permissions.
 */
import { WatchKind, WatchMode, WatcherType } from "@corral/protocol";
import type { Connection } from "./connection.ts";

/** One-shot bits are cleared when they fire. `data` serves get and exists, `child` children. */
export const WatchBit = { data: 1, child: 2, persistent: 4, recursive: 8 } as const;

export const BIT_OF_KIND: Readonly<Record<WatchKind, number>> = {
  [WatchKind.data]: WatchBit.data,
  [WatchKind.exist]: WatchBit.data,
  [WatchKind.child]: WatchBit.child,
  [WatchKind.persistent]: WatchBit.persistent,
  [WatchKind.recursive]: WatchBit.recursive,
};

export const BIT_OF_MODE: Readonly<Record<WatchMode, number>> = {
  [WatchMode.persistent]: WatchBit.persistent,
  [WatchMode.persistentRecursive]: WatchBit.recursive,
};

export const BITS_OF_TYPE: Readonly<Record<WatcherType, number>> = {
  [WatcherType.children]: WatchBit.child,
  [WatcherType.data]: WatchBit.data,
  [WatcherType.any]: WatchBit.data | WatchBit.child | WatchBit.persistent | WatchBit.recursive,
  [WatcherType.persistent]: WatchBit.persistent,
  [WatcherType.persistentRecursive]: WatchBit.recursive,
};

export class WatchTable {
  /** Mostly one watcher a path, so the set is made for the second only. */
  readonly #byPath = new Map<string, Connection | Set<Connection>>();
  #count = 0;
  #recursive = 0;

  /** Pairs of path and connection. */
  get count(): number {
    return this.#count;
  }

  /** Is any ancestor worth looking at? */
  get hasRecursive(): boolean {
    return this.#recursive > 0;
  }

  add(connection: Connection, path: string, bit: number): void {
    const bits = connection.watches.get(path) ?? 0;
    if ((bits & bit) === bit) return;
    connection.watches.set(path, bits | bit);
    if (bit === WatchBit.recursive) this.#recursive++;
    if (bits !== 0) return;
    this.#count++;
    const there = this.#byPath.get(path);
    if (there === undefined) this.#byPath.set(path, connection);
    else if (there instanceof Set) there.add(connection);
    else this.#byPath.set(path, new Set([there, connection]));
  }

  has(connection: Connection, path: string, bits: number): boolean {
    return ((connection.watches.get(path) ?? 0) & bits) !== 0;
  }

  /** False if there was none of these. */
  remove(connection: Connection, path: string, bits: number): boolean {
    const there = connection.watches.get(path) ?? 0;
    if ((there & bits) === 0) return false;
    if ((there & bits & WatchBit.recursive) !== 0) this.#recursive--;
    const left = there & ~bits;
    if (left !== 0) connection.watches.set(path, left);
    else this.#forget(connection, path);
    return true;
  }

  removeAll(connection: Connection): void {
    for (const [path, bits] of connection.watches) {
      if ((bits & WatchBit.recursive) !== 0) this.#recursive--;
      this.#forget(connection, path);
    }
  }

  /** Calls with each connection that has any of these bits at the path, and clears the one-shot ones among them. */
  fire(path: string, bits: number, tell: (connection: Connection) => void): void {
    const there = this.#byPath.get(path);
    if (there === undefined) return;
    if (there instanceof Set) for (const connection of there) this.#fireOne(connection, path, bits, tell);
    else this.#fireOne(there, path, bits, tell);
  }

  #fireOne(connection: Connection, path: string, bits: number, tell: (connection: Connection) => void): void {
    const set = connection.watches.get(path)! & bits;
    if (set === 0) return;
    tell(connection);
    const spent = set & (WatchBit.data | WatchBit.child);
    if (spent !== 0) this.remove(connection, path, spent);
  }

  #forget(connection: Connection, path: string): void {
    connection.watches.delete(path);
    this.#count--;
    const there = this.#byPath.get(path);
    if (!(there instanceof Set)) this.#byPath.delete(path);
    else {
      there.delete(connection);
      if (there.size === 0) this.#byPath.delete(path);
    }
  }
}

/**
 * A disk in memory that keeps only what a real one promises.
 *
 * Owns two images of every file: what a running process sees, and what survives a crash. In between stand writes that
 * were not synced and names whose directory was not synced; at a crash the test or a seeded draw decides about each:
 * kept, lost or torn. Faults are set by the test, and every call counts as one numbered operation. Same draws, same disk. It also lies when
 * told to: writes that go elsewhere or leave a part as it was, and syncs that are none.
 */

import type { Disk, DiskFile, OpenMode } from "../file/disk.ts";
import { type Draw, drawFate, type Fate, Inode, type Unsynced } from "./inode.ts";

export type { Draw, Fate, Torn, Unsynced } from "./inode.ts";

export type DiskOperation = "create" | "write" | "sync" | "rename" | "remove" | "syncDirectory" | "read";

export interface MemoryDiskOptions {
  /** Bytes of all files together. Default: no bound. */
  readonly capacity?: number | undefined;
  /**
   * Called before each operation takes effect, with its number from 1. May wait (latency), throw (a fault: use
   * {@link diskError}), or crash the disk. A failed `sync` leaves the writes seen but not durable, for good.
   */
  readonly before?: ((operation: DiskOperation, name: string, number: number) => void | Promise<void>) | undefined;
  /** Called after each operation that has taken effect. */
  readonly done?: ((operation: DiskOperation, name: string) => void) | undefined;
  /** What a call of a process that is gone comes to: it fails (default), so that a test's own code unwinds; or it never comes back. */
  readonly deadCalls?: "fail" | "never" | undefined;
}

/**
 * What the disk does instead of a write that it reports as done: all of it lands elsewhere, or a part of it, offsets within
 * the write, stays as it was.
 */
export type WriteLie =
  | { readonly kind: "elsewhere"; readonly name: string; readonly position: number }
  | { readonly kind: "stale"; readonly from: number; readonly to: number };

/** An error as Node's `fs` makes it. */
export function diskError(code: "EIO" | "ENOSPC" | "ENOENT" | "EEXIST", what: string): Error {
  const errno = { EIO: -5, ENOSPC: -28, ENOENT: -2, EEXIST: -17 }[code];
  return Object.assign(new Error(`${code}: ${what}`), { code, errno });
}

type PendingName = { readonly number: number; readonly name: string } & (
  | { readonly kind: "link"; readonly inode: Inode }
  | { readonly kind: "rename"; readonly to: string; readonly inode: Inode }
  | { readonly kind: "unlink" }
);

export class MemoryDisk {
  /** Operations so far. */
  operations = 0;
  capacity: number;
  before: NonNullable<MemoryDiskOptions["before"]>;
  /** Asked at each write whether to lie about it. */
  writeLie: ((name: string, position: number, length: number) => WriteLie | undefined) | undefined;
  readonly #done: NonNullable<MemoryDiskOptions["done"]>;
  readonly #deadCalls: "fail" | "never";
  #isLyingAboutSync = false;
  #names = new Map<string, Inode>();
  #durableNames = new Map<string, Inode>();
  #pendingNames: PendingName[] = [];
  /** Numbers what changes the disk. */
  #changes = 0;
  /** Grows with each crash: what was mounted or opened before it is dead. */
  #life = 0;

  constructor(options: MemoryDiskOptions = {}) {
    this.capacity = options.capacity ?? Number.POSITIVE_INFINITY;
    this.before = options.before ?? (() => {});
    this.#done = options.done ?? (() => {});
    this.#deadCalls = options.deadCalls ?? "fail";
  }

  /** Syncs say that they are done, and are not. The end of it makes durable what they had said; a crash before does not. */
  set isLyingAboutSync(isLying: boolean) {
    if (this.#isLyingAboutSync && !isLying) {
      for (const inode of new Set(this.#names.values())) inode.sync();
      this.#syncNames();
    }
    this.#isLyingAboutSync = isLying;
  }

  /** The disk as one process sees it: dead once that process is. */
  mount(): Disk {
    const life = this.#life;
    const run = <T>(operation: DiskOperation, name: string, effect: () => T): Promise<T> =>
      this.#operation(operation, name, life, effect);
    return {
      place: "memory",
      createDirectory: () => this.#look(life, () => {}),
      list: () => this.#look(life, () => this.names()),
      open: async (name, mode) => {
        if (life !== this.#life) await this.#dead();
        if (mode === "create") {
          await run("create", name, () => {
            if (this.#names.has(name)) throw diskError("EEXIST", name);
            const inode = new Inode();
            this.#names.set(name, inode);
            this.#pendingNames.push({ number: (this.#changes += 1), kind: "link", name, inode });
          });
        }
        return this.#file(name, this.#inode(name), mode, life);
      },
      rename: (from, to) =>
        run("rename", from, () => {
          const inode = this.#inode(from);
          this.#names.delete(from);
          this.#names.set(to, inode);
          this.#pendingNames.push({ number: (this.#changes += 1), kind: "rename", name: from, to, inode });
        }),
      remove: (name) =>
        run("remove", name, () => {
          this.#inode(name);
          this.#names.delete(name);
          this.#pendingNames.push({ number: (this.#changes += 1), kind: "unlink", name });
        }),
      syncDirectory: () =>
        run("syncDirectory", "", () => {
          if (!this.#isLyingAboutSync) this.#syncNames();
        }),
      space: () => this.#look(life, () => ({ free: Math.max(0, this.capacity - this.#used()), total: this.capacity })),
    };
  }

  #syncNames(): void {
    this.#durableNames = new Map(this.#names);
    this.#pendingNames = [];
  }

  /** What a running process sees in the directory. */
  names(): string[] {
    return [...this.#names.keys()];
  }

  /** Everything a crash decides about now, in the order in which it was done. */
  unsynced(): Unsynced[] {
    const found: Unsynced[] = this.#pendingNames.map(asUnsynced);
    for (const [inode, name] of this.#inodes())
      for (const { number, at, bytes } of inode.pending)
        found.push({ number, kind: "write", name, at, length: bytes.length });
    return found.sort((a, b) => a.number - b.number);
  }

  /** Power fails: `draw` decides what of the unsynced survives, item by item. Mounts and files of before are dead from now on. */
  crash(draw: Draw): void {
    this.crashWith((change) => drawFate(change, draw));
  }

  /** Power fails, and `decide` says what becomes of each change that is unsynced; of those to a file without a name nothing is asked. */
  crashWith(decide: (change: Unsynced) => Fate): void {
    this.#life += 1;
    this.#isLyingAboutSync = false;
    for (const pending of this.#pendingNames) {
      if (decide(asUnsynced(pending)) === "lost") continue;
      if (pending.kind === "link") this.#durableNames.set(pending.name, pending.inode);
      else this.#durableNames.delete(pending.name);
      if (pending.kind === "rename") this.#durableNames.set(pending.to, pending.inode);
    }
    this.#pendingNames = [];
    this.#names = new Map(this.#durableNames);
    for (const [inode, name] of this.#inodes()) inode.crash(name, decide);
  }

  /** This disk as it is, with what is unsynced, to go on apart from it: nothing is mounted there, nothing fails. */
  fork(): MemoryDisk {
    const copies = new Map<Inode, Inode>();
    const copyOf = (inode: Inode): Inode => {
      const copy = copies.get(inode) ?? inode.copy();
      copies.set(inode, copy);
      return copy;
    };
    const fork = new MemoryDisk({ capacity: this.capacity, deadCalls: this.#deadCalls });
    fork.#changes = this.#changes;
    fork.#isLyingAboutSync = this.#isLyingAboutSync;
    for (const [name, inode] of this.#names) fork.#names.set(name, copyOf(inode));
    for (const [name, inode] of this.#durableNames) fork.#durableNames.set(name, copyOf(inode));
    for (const pending of this.#pendingNames)
      fork.#pendingNames.push(pending.kind === "unlink" ? pending : { ...pending, inode: copyOf(pending.inode) });
    return fork;
  }

  /** The process dies and the machine goes on: everything written is still seen, what was not synced is still not durable. */
  kill(): void {
    this.#life += 1;
  }

  /** Flips bits at rest, in both images. */
  flip(name: string, offset: number, mask = 0x01): void {
    const inode = this.#inode(name);
    inode.seen[offset]! ^= mask;
    if (inode.durable !== inode.seen && offset < inode.durable.length) inode.durable[offset]! ^= mask;
  }

  /** The bytes a running process sees. */
  contents(name: string): Uint8Array {
    return Uint8Array.from(this.#inode(name).seen);
  }

  /** Puts a file there, durable at once; `undefined` takes it away. */
  put(name: string, bytes: Uint8Array | undefined): void {
    if (bytes === undefined) {
      this.#names.delete(name);
      this.#durableNames.delete(name);
      return;
    }
    const inode = new Inode();
    inode.seen = Uint8Array.from(bytes);
    inode.durable = Uint8Array.from(bytes);
    this.#names.set(name, inode);
    this.#durableNames.set(name, inode);
  }

  #file(name: string, inode: Inode, mode: OpenMode, life: number): DiskFile {
    /** False if it went astray: then nothing of it waits to be made durable. */
    const writeOrLie = (pieces: readonly Uint8Array[], position: number): Promise<boolean> =>
      this.#operation("write", name, life, () => {
        const bytes = Uint8Array.from(Buffer.concat(pieces));
        const growth = Math.max(0, position + bytes.length - inode.seen.length);
        if (this.#used() + growth > this.capacity) throw diskError("ENOSPC", name);
        const lie = this.writeLie?.(name, position, bytes.length);
        if (lie?.kind === "elsewhere") {
          this.#inode(lie.name).place(lie.position, bytes);
          return false;
        }
        if (lie?.kind === "stale") bytes.set(asItWas(inode, position + lie.from, lie.to - lie.from), lie.from);
        inode.write(position, bytes, (this.#changes += 1));
        return true;
      });
    const write = async (pieces: readonly Uint8Array[], position: number): Promise<void> => {
      await writeOrLie(pieces, position);
    };
    const sync = async (): Promise<void> => {
      try {
        await this.#operation("sync", name, life, () => {
          if (!this.#isLyingAboutSync) inode.sync();
        });
      } catch (error) {
        // The pages count as clean now: a later sync will not write them.
        if (life === this.#life) inode.pending = [];
        throw error;
      }
    };
    // One write at a time is in flight through a durable descriptor.
    const writeDurably = async (pieces: readonly Uint8Array[], position: number): Promise<void> => {
      const isThere = await writeOrLie(pieces, position);
      try {
        await this.#operation("sync", name, life, () => {
          if (isThere && !this.#isLyingAboutSync) inode.syncLast();
        });
      } catch (error) {
        if (isThere && life === this.#life) inode.pending.pop();
        throw error;
      }
    };
    return {
      name,
      size: () => this.#look(life, () => inode.seen.length),
      read: (into, position) =>
        this.#operation("read", name, life, () => {
          const bytes = inode.seen.subarray(position, position + into.length);
          into.set(bytes);
          return bytes.length;
        }),
      write: mode === "durable" ? writeDurably : write,
      sync,
      close: () => this.#look(life, () => {}),
    };
  }

  /** Nothing may come between the look whether the process still lives and the effect. */
  async #operation<T>(operation: DiskOperation, name: string, life: number, effect: () => T): Promise<T> {
    if (life !== this.#life) return this.#dead();
    this.operations += 1;
    const waiting = this.before(operation, name, this.operations);
    if (waiting !== undefined) await waiting;
    if (life !== this.#life) return this.#dead();
    const result = effect();
    this.#done(operation, name);
    return result;
  }

  /** What is no operation of the disk: it cannot fail, and takes no time. */
  async #look<T>(life: number, look: () => T): Promise<T> {
    return life === this.#life ? look() : this.#dead();
  }

  #dead(): Promise<never> {
    if (this.#deadCalls === "never") return new Promise<never>(() => {});
    return Promise.reject(diskError("EIO", "the process that opened this is gone"));
  }

  #inode(name: string): Inode {
    const inode = this.#names.get(name);
    if (inode === undefined) throw diskError("ENOENT", name);
    return inode;
  }

  #used(): number {
    let bytes = 0;
    for (const inode of new Set(this.#names.values())) bytes += inode.seen.length;
    return bytes;
  }

  /** Every file that has a name, or may have one after a crash, with one such name. */
  #inodes(): Map<Inode, string> {
    const found = new Map<Inode, string>();
    for (const names of [this.#names, this.#durableNames])
      for (const [name, inode] of names) if (!found.has(inode)) found.set(inode, name);
    return found;
  }
}

/** Zeros where there was nothing. */
function asItWas({ seen }: Inode, position: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes.set(seen.subarray(position, position + length));
  return bytes;
}

function asUnsynced({ number, name }: PendingName): Unsynced {
  return { number, kind: "name", name, at: 0, length: 0 };
}

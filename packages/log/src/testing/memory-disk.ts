/**
 * A disk in memory that keeps only what a real one promises.
 *
 * Owns two images of every file: what a running process sees, and what survives a crash. In between stand writes that
 * were not synced and names whose directory was not synced; `crash` lets a seeded draw decide about each: kept, lost or
 * torn. Faults are set by the test, and every call counts as one numbered operation. Same draws, same disk.
 */

import type { Disk, DiskFile, OpenMode } from "../file/disk.ts";

/** Uniform in [0, 1). */
export type Draw = () => number;

export type DiskOperation = "create" | "write" | "sync" | "rename" | "remove" | "syncDirectory" | "read";

export interface MemoryDiskOptions {
  /** Bytes of all files together. Default: no bound. */
  readonly capacity?: number | undefined;
  /**
   * Called before each operation takes effect, with its number from 1. May wait (latency), throw (a fault: use
   * {@link diskError}), or crash the disk. A failed `sync` leaves the writes seen but not durable, for good.
   */
  readonly before?: ((operation: DiskOperation, name: string, number: number) => void | Promise<void>) | undefined;
}

/** An error as Node's `fs` makes it. */
export function diskError(code: "EIO" | "ENOSPC" | "ENOENT" | "EEXIST", what: string): Error {
  const errno = { EIO: -5, ENOSPC: -28, ENOENT: -2, EEXIST: -17 }[code];
  return Object.assign(new Error(`${code}: ${what}`), { code, errno });
}

interface PendingWrite {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** A file, whatever its names are. */
class Inode {
  seen: Uint8Array = new Uint8Array();
  durable: Uint8Array = new Uint8Array();
  /** Not synced, in order. */
  pending: PendingWrite[] = [];

  write(at: number, bytes: Uint8Array): void {
    this.seen = patched(this.seen, at, bytes);
    // What waits already shares its pages with this: it can only land with the newer bytes.
    this.pending = this.pending.map((before) => ({
      at: before.at,
      bytes: this.seen.slice(before.at, before.at + before.bytes.length),
    }));
    this.pending.push({ at, bytes });
  }

  /** Makes the bytes that were written last durable, and nothing else: this is all that O_DSYNC promises. */
  syncLast(): void {
    const write = this.pending.pop();
    if (write !== undefined) this.durable = patched(this.durable, write.at, write.bytes);
  }

  sync(): void {
    for (const { at, bytes } of this.pending) this.durable = patched(this.durable, at, bytes);
    this.pending = [];
  }
}

function patched(image: Uint8Array, at: number, bytes: Uint8Array): Uint8Array {
  let into = image;
  if (at + bytes.length > image.length) {
    into = new Uint8Array(at + bytes.length);
    into.set(image);
  }
  into.set(bytes, at);
  return into;
}

type PendingName =
  | { readonly kind: "link"; readonly name: string; readonly inode: Inode }
  | { readonly kind: "rename"; readonly from: string; readonly to: string; readonly inode: Inode }
  | { readonly kind: "unlink"; readonly name: string };

export class MemoryDisk {
  /** Operations so far. */
  operations = 0;
  capacity: number;
  before: NonNullable<MemoryDiskOptions["before"]>;
  #names = new Map<string, Inode>();
  #durableNames = new Map<string, Inode>();
  #pendingNames: PendingName[] = [];
  /** Grows with each crash: what was mounted or opened before it is dead. */
  #life = 0;

  constructor(options: MemoryDiskOptions = {}) {
    this.capacity = options.capacity ?? Number.POSITIVE_INFINITY;
    this.before = options.before ?? (() => {});
  }

  /** The disk as one process sees it: dead once that process is. */
  mount(): Disk {
    const life = this.#life;
    const run = <T>(operation: DiskOperation, name: string, effect: () => T): Promise<T> =>
      this.#operation(operation, name, life, effect);
    return {
      place: "memory",
      createDirectory: async () => this.#alive(life),
      list: async () => {
        this.#alive(life);
        return this.names();
      },
      open: async (name, mode) => {
        this.#alive(life);
        if (mode === "create") {
          await run("create", name, () => {
            if (this.#names.has(name)) throw diskError("EEXIST", name);
            const inode = new Inode();
            this.#names.set(name, inode);
            this.#pendingNames.push({ kind: "link", name, inode });
          });
        }
        return this.#file(name, this.#inode(name), mode, life);
      },
      rename: (from, to) =>
        run("rename", from, () => {
          const inode = this.#inode(from);
          this.#names.delete(from);
          this.#names.set(to, inode);
          this.#pendingNames.push({ kind: "rename", from, to, inode });
        }),
      remove: (name) =>
        run("remove", name, () => {
          this.#inode(name);
          this.#names.delete(name);
          this.#pendingNames.push({ kind: "unlink", name });
        }),
      syncDirectory: () =>
        run("syncDirectory", "", () => {
          this.#durableNames = new Map(this.#names);
          this.#pendingNames = [];
        }),
      space: async () => {
        this.#alive(life);
        return { free: Math.max(0, this.capacity - this.#used()), total: this.capacity };
      },
    };
  }

  /** What a running process sees in the directory. */
  names(): string[] {
    return [...this.#names.keys()];
  }

  /** Power fails: `draw` decides what of the unsynced survives, item by item. Mounts and files of before are dead from now on. */
  crash(draw: Draw): void {
    this.#life += 1;
    for (const pending of this.#pendingNames) {
      if (draw() < 0.5) continue;
      if (pending.kind !== "link") this.#durableNames.delete(pending.kind === "unlink" ? pending.name : pending.from);
      if (pending.kind === "link") this.#durableNames.set(pending.name, pending.inode);
      if (pending.kind === "rename") this.#durableNames.set(pending.to, pending.inode);
    }
    this.#pendingNames = [];
    this.#names = new Map(this.#durableNames);
    for (const inode of new Set(this.#names.values())) {
      for (const { at, bytes } of inode.pending) survive(inode, at, bytes, draw);
      inode.pending = [];
      inode.seen = Uint8Array.from(inode.durable);
    }
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
    const write = (pieces: readonly Uint8Array[], position: number): Promise<void> =>
      this.#operation("write", name, life, () => {
        const bytes = Uint8Array.from(Buffer.concat(pieces));
        const growth = Math.max(0, position + bytes.length - inode.seen.length);
        if (this.#used() + growth > this.capacity) throw diskError("ENOSPC", name);
        inode.write(position, bytes);
      });
    const sync = async (): Promise<void> => {
      try {
        await this.#operation("sync", name, life, () => inode.sync());
      } catch (error) {
        // The pages count as clean now: a later sync will not write them.
        if (life === this.#life) inode.pending = [];
        throw error;
      }
    };
    // One write at a time is in flight through a durable descriptor.
    const writeDurably = async (pieces: readonly Uint8Array[], position: number): Promise<void> => {
      await write(pieces, position);
      try {
        await this.#operation("sync", name, life, () => inode.syncLast());
      } catch (error) {
        if (life === this.#life) inode.pending.pop();
        throw error;
      }
    };
    return {
      name,
      size: async () => {
        this.#alive(life);
        return inode.seen.length;
      },
      read: (into, position) =>
        this.#operation("read", name, life, () => {
          const bytes = inode.seen.subarray(position, position + into.length);
          into.set(bytes);
          return bytes.length;
        }),
      write: mode === "durable" ? writeDurably : write,
      sync,
      close: async () => this.#alive(life),
    };
  }

  /** Nothing may come between the look whether the process still lives and the effect. */
  async #operation<T>(operation: DiskOperation, name: string, life: number, effect: () => T): Promise<T> {
    this.#alive(life);
    this.operations += 1;
    const waiting = this.before(operation, name, this.operations);
    if (waiting !== undefined) await waiting;
    this.#alive(life);
    return effect();
  }

  #alive(life: number): void {
    if (life !== this.#life) throw diskError("EIO", "the process that opened this is gone");
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
}

/** Sectors of one write that was under way survive together, up to a border, or each for itself; or it only grew the file. */
function survive(inode: Inode, at: number, bytes: Uint8Array, draw: Draw): void {
  const fate = draw();
  if (fate < 0.3) return;
  if (fate < 0.6) {
    inode.durable = patched(inode.durable, at, bytes);
    return;
  }
  if (fate < 0.65) {
    inode.durable = patched(inode.durable, at + bytes.length, new Uint8Array());
    return;
  }
  const sector = draw() < 0.5 ? 512 : 4096;
  const prefix = draw() < 0.5 ? draw() * bytes.length : undefined;
  for (let from = 0; from < bytes.length;) {
    const to = Math.min(bytes.length, from + sector - ((at + from) % sector));
    const kept = prefix === undefined ? draw() < 0.5 : from < prefix;
    if (kept) inode.durable = patched(inode.durable, at + from, bytes.subarray(from, to));
    from = to;
  }
}

/**
 * The history: every change of the recent past with its data, its Stat and the ACL valid then, in order, so that a
 * subscription can be resumed and a persistent watch continued from a zxid.
 *
 * Bounded in entries and bytes; what falls out is gone, and `since` says from where it is whole. It is replicated in the
 * sense that replay refills it and snapshots keep its tail, but not part of the digest: daemons may remember more or less.
 *
 * An entry's bytes are MessagePack already: path, data, stat. They are copied to subscribers as they are.
 */
import { type AclEntry, EventType, Writer } from "@corral/protocol";
import type { AclTable } from "./tree/acl-table.ts";
import type { Tree } from "./tree/tree.ts";

export interface HistoryLimits {
  readonly historyEntries: number;
  readonly historyBytes: number;
}

export const DEFAULT_HISTORY_LIMITS: HistoryLimits = { historyEntries: 131_072, historyBytes: 32 * 1024 * 1024 };

const CHUNK_ENTRIES = 1024;
/** A chunk has at most this share of either limit (or is one transaction): what is dropped is old, never the newest. */
const CHUNK_SHARE = 1 / 16;
/** Deletions have neither data nor Stat. */
const NOTHING = -1;

/** A type of entry beside EventType's: only the ACL changed. What it looks like depends on who looks. */
export const ACL_CHANGED = 5;

interface Chunk {
  readonly bytes: Uint8Array;
  readonly zxid: Float64Array;
  readonly type: Uint8Array;
  /** Offsets in `bytes`: of the path, the data, the stat, and the end. */
  readonly offsets: Int32Array;
  readonly acl: Int32Array;
  readonly otherAcl: Int32Array;
  readonly count: number;
}

/** One change, as it is handed out. */
export interface HistoryEntry {
  readonly zxid: number;
  /** One of EventType, or ACL_CHANGED. */
  readonly type: number;
  /** By which it is decided who may see it. */
  readonly acl: readonly AclEntry[];
  /** The ACL before, for ACL_CHANGED; the parent's then, for a creation or deletion. */
  readonly otherAcl: readonly AclEntry[] | undefined;
  /** MessagePack of the path. */
  readonly path: Uint8Array;
  /** MessagePack of the data; undefined for a deletion. */
  readonly data: Uint8Array | undefined;
  readonly stat: Uint8Array | undefined;
}

export class History {
  readonly #limits: HistoryLimits;
  /** A chunk is sealed from so many entries on; one less than it has room for, so that the next transaction rarely widens it. */
  readonly #chunkEntries: number;
  readonly #acls: AclTable;
  readonly #chunks: Chunk[] = [];
  readonly #open: Writer = new Writer(64 * 1024);
  #zxid = new Float64Array(CHUNK_ENTRIES);
  #type = new Uint8Array(CHUNK_ENTRIES);
  #offsets = new Int32Array(CHUNK_ENTRIES * 4);
  #acl = new Int32Array(CHUNK_ENTRIES);
  #otherAcl = new Int32Array(CHUNK_ENTRIES);
  #count = 0;
  #entries = 0;
  #sealedBytes = 0;
  #droppedEntries = 0;
  #droppedBytes = 0;
  #since = 0;

  constructor(acls: AclTable, limits: HistoryLimits) {
    this.#acls = acls;
    this.#limits = limits;
    this.#chunkEntries = Math.min(CHUNK_ENTRIES - 1, Math.max(1, Math.floor(limits.historyEntries * CHUNK_SHARE)));
  }

  /** Every change after this zxid is here. */
  get since(): number {
    return this.#since;
  }

  get entries(): number {
    return this.#entries;
  }

  get bytes(): number {
    return this.#sealedBytes + this.#open.length;
  }

  /**
   * How much has ever been written into it, in whole histories. By entries and bytes together: what is no more than one
   * turnover old is still here, but for a chunk.
   */
  get turnover(): number {
    const { historyEntries, historyBytes } = this.#limits;
    return (
      (this.#droppedEntries + this.#entries) / Math.max(1, historyEntries) +
      (this.#droppedBytes + this.bytes) / Math.max(1, historyBytes)
    );
  }

  /** The history begins here: what was before is not known, or not wholly. */
  forgetUpTo(zxid: number): void {
    this.#since = Math.max(this.#since, zxid);
  }

  /** A znode was created or changed, and is now as it stands in the tree. `otherAcl`: see HistoryEntry. */
  add(zxid: number, type: number, tree: Tree, slot: number, path: string, otherAcl: number = NOTHING): void {
    const w = this.#open;
    const start = w.length;
    w.str(path);
    const dataAt = w.length;
    tree.writeData(w, slot);
    const statAt = w.length;
    tree.writeStat(w, slot);
    this.#note(zxid, type, start, dataAt, statAt, tree.aclNumber(slot), otherAcl);
  }

  /** A znode is gone, or is about to go. */
  addDeleted(zxid: number, tree: Tree, slot: number, path: string): void {
    const start = this.#open.length;
    this.#open.str(path);
    const end = this.#open.length;
    this.#note(zxid, EventType.deleted, start, end, end, tree.aclNumber(slot), tree.aclNumber(tree.parent(slot)));
  }

  /** For `rewind`. */
  mark(): number {
    return this.#count;
  }

  /** Forgets what was added since the mark; nothing may have been sealed meanwhile (see `settle`). */
  rewind(mark: number): void {
    while (this.#count > mark) {
      this.#count--;
      this.#entries--;
      this.#acls.release(this.#acl[this.#count]!);
      if (this.#otherAcl[this.#count]! !== NOTHING) this.#acls.release(this.#otherAcl[this.#count]!);
      this.#open.truncate(this.#offsets[this.#count * 4]!);
    }
  }

  /** Between transactions: seals a full chunk and lets the oldest go. */
  settle(): void {
    const { historyBytes } = this.#limits;
    if (this.#count >= this.#chunkEntries || this.#open.length > historyBytes * CHUNK_SHARE) this.#seal();
    while (this.#chunks.length > 0 && this.#isOverfull()) this.#drop();
  }

  #isOverfull(): boolean {
    return this.#entries > this.#limits.historyEntries || this.bytes > this.#limits.historyBytes;
  }

  #note(zxid: number, type: number, path: number, data: number, stat: number, acl: number, otherAcl: number): void {
    if (this.#count === this.#zxid.length) this.#widen();
    const i = this.#count++;
    this.#entries++;
    this.#zxid[i] = zxid;
    this.#type[i] = type;
    this.#offsets[i * 4] = path;
    this.#offsets[i * 4 + 1] = data;
    this.#offsets[i * 4 + 2] = stat;
    this.#offsets[i * 4 + 3] = this.#open.length;
    this.#acl[i] = this.#acls.share(acl);
    this.#otherAcl[i] = otherAcl === NOTHING ? NOTHING : this.#acls.share(otherAcl);
  }

  /** One transaction may change more znodes than a chunk has entries. */
  #widen(): void {
    const size = this.#zxid.length * 2;
    const grown = {
      zxid: new Float64Array(size),
      type: new Uint8Array(size),
      offsets: new Int32Array(size * 4),
      acl: new Int32Array(size),
      before: new Int32Array(size),
    };
    grown.zxid.set(this.#zxid);
    grown.type.set(this.#type);
    grown.offsets.set(this.#offsets);
    grown.acl.set(this.#acl);
    grown.before.set(this.#otherAcl);
    this.#zxid = grown.zxid;
    this.#type = grown.type;
    this.#offsets = grown.offsets;
    this.#acl = grown.acl;
    this.#otherAcl = grown.before;
  }

  #seal(): void {
    if (this.#count === 0) return;
    const count = this.#count;
    this.#chunks.push({
      bytes: this.#open.copy(),
      zxid: this.#zxid.slice(0, count),
      type: this.#type.slice(0, count),
      offsets: this.#offsets.slice(0, count * 4),
      acl: this.#acl.slice(0, count),
      otherAcl: this.#otherAcl.slice(0, count),
      count,
    });
    this.#sealedBytes += this.#chunks.at(-1)!.bytes.length;
    this.#count = 0;
  }

  #drop(): void {
    const chunk = this.#chunks.shift()!;
    for (let i = 0; i < chunk.count; i++) {
      this.#acls.release(chunk.acl[i]!);
      if (chunk.otherAcl[i]! !== NOTHING) this.#acls.release(chunk.otherAcl[i]!);
    }
    this.#entries -= chunk.count;
    this.#sealedBytes -= chunk.bytes.length;
    this.#droppedEntries += chunk.count;
    this.#droppedBytes += chunk.bytes.length;
    this.#since = Math.max(this.#since, chunk.zxid[chunk.count - 1]!);
  }

  /** A zxid after which there are at most `entries` changes, all of them here. */
  zxidBack(entries: number): number {
    if (this.#entries <= entries) return this.#since;
    let left = entries - this.#count;
    if (left < 0) return this.#zxid[this.#count - 1 - entries]!;
    for (let c = this.#chunks.length - 1; c >= 0; c--) {
      const chunk = this.#chunks[c]!;
      if (chunk.count > left) return chunk.zxid[chunk.count - 1 - left]!;
      left -= chunk.count;
    }
    return this.#since;
  }

  /** Every change after `zxid`, oldest first. `zxid` must not be below `since`. The entries are views: use them at once. */
  *after(zxid: number): IterableIterator<HistoryEntry> {
    for (const chunk of this.#chunks) {
      if (chunk.zxid[chunk.count - 1]! <= zxid) continue;
      for (let i = 0; i < chunk.count; i++) if (chunk.zxid[i]! > zxid) yield this.#entry(chunk, i);
    }
    const bytes = this.#open.written();
    const open: Chunk = {
      bytes,
      zxid: this.#zxid,
      type: this.#type,
      offsets: this.#offsets,
      acl: this.#acl,
      otherAcl: this.#otherAcl,
      count: this.#count,
    };
    let first = this.#count;
    while (first > 0 && this.#zxid[first - 1]! > zxid) first--;
    for (let i = first; i < this.#count; i++) yield this.#entry(open, i);
  }

  #entry(chunk: Chunk, i: number): HistoryEntry {
    const path = chunk.offsets[i * 4]!;
    const data = chunk.offsets[i * 4 + 1]!;
    const stat = chunk.offsets[i * 4 + 2]!;
    const end = chunk.offsets[i * 4 + 3]!;
    const isDeletion = data === end;
    const before = chunk.otherAcl[i]!;
    return {
      zxid: chunk.zxid[i]!,
      type: chunk.type[i]!,
      acl: this.#acls.list(chunk.acl[i]!),
      otherAcl: before === NOTHING ? undefined : this.#acls.list(before),
      path: chunk.bytes.subarray(path, data),
      data: isDeletion ? undefined : chunk.bytes.subarray(data, stat),
      stat: isDeletion ? undefined : chunk.bytes.subarray(stat, end),
    };
  }

  /** Puts back an entry from a snapshot; oldest first. */
  restore(
    zxid: number,
    type: number,
    acl: readonly AclEntry[],
    otherAcl: readonly AclEntry[] | undefined,
    parts: readonly Uint8Array[],
  ): void {
    const start = this.#open.length;
    const ends = parts.map((part) => {
      this.#open.raw(part);
      return this.#open.length;
    });
    const number = this.#acls.retain(acl);
    const before = otherAcl === undefined ? NOTHING : this.#acls.retain(otherAcl);
    this.#note(zxid, type, start, ends[0]!, ends[1] ?? ends[0]!, number, before);
    this.#acls.release(number);
    if (before !== NOTHING) this.#acls.release(before);
    this.settle();
  }
}

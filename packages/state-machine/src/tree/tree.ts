/**
 * The tree of znodes: where every field of every znode is kept, and which of them a change moves.
 *
 * Owns the columns, the slab with names and data, the path index, and what is derived from them: the ephemerals of each
 * session, what may be reaped when. Knows nothing of requests, permissions or versions to compare; whoever calls has
 * decided. Every change is announced first to the journal, if there is one (a snapshot being written, a multi that may
 * be undone).
 *
 * T1  a znode's hash is its parent's hash continued over "/" and its name; the index holds every live slot.
 * T2  siblings are linked in the order of their ordinals.
 * T3  `descendants` counts all znodes below, `numChildren` the direct ones.
 * T4  owner ≠ 0 exactly for the slots listed under that session.
 */
import { type AclEntry, OPEN_ACL, READ_ACL, type Writer } from "@corral/protocol";
import { AclTable } from "./acl-table.ts";
import { Columns, Kind, NIL } from "./columns.ts";
import { HASH_START, PathIndex, childHash, hashOn } from "./path-index.ts";
import { DueIndex } from "../due-index.ts";
import { Slab } from "./slab.ts";
import type { Walk } from "./walk.ts";

const SLASH = 47;

/** When a change happens: the entry's place in the log and the batch's stamp. */
export interface Stamp {
  readonly zxid: number;
  readonly timeMs: number;
}

/** All that is replicated of one znode, on its own: before-image, snapshot record, undo. */
export interface ZnodeImage {
  readonly slot: number;
  /** Hash of the path: ties the znode to its place in the tree. */
  readonly hash: number;
  readonly parent: number;
  readonly name: string;
  readonly data: Uint8Array | null;
  readonly acl: readonly AclEntry[];
  readonly czxid: number;
  readonly mzxid: number;
  readonly pzxid: number;
  readonly ctime: number;
  readonly mtime: number;
  readonly version: number;
  readonly aversion: number;
  readonly creates: number;
  readonly ordinal: number;
  readonly owner: number;
  readonly kind: number;
  readonly ttlMs: number;
}

/** Is told of every change: before a znode changes or goes, after one is made. */
export interface TreeJournal {
  created(slot: number): void;
  changing(slot: number): void;
  removing(slot: number): void;
}

/** An empty container that has never had a child is reaped after so long (ZooKeeper 3.10: 5 minutes). */
export const CONTAINER_NEVER_USED_MS = 300_000;

export class Tree {
  readonly columns: Columns = new Columns();
  readonly slab: Slab = new Slab();
  readonly acls: AclTable = new AclTable();
  readonly reapable: DueIndex = new DueIndex();
  readonly #index: PathIndex;
  readonly #ephemerals = new Map<number, Set<number>>();
  readonly #ttl = new Map<number, number>();
  /** Walks under way, whose place must move when a znode under it goes. */
  readonly walks: Set<Walk> = new Set();
  /** At most two: a multi's undo and a snapshot's cut. */
  readonly journals: TreeJournal[] = [];
  #dataBytes = 0;
  #count = 0;

  constructor() {
    this.#index = new PathIndex((slot) => this.columns.page(slot).hash[this.columns.at(slot)]!);
    this.#seed();
  }

  /** The four znodes of a new tree; made by no transaction, they have czxid 0 and no creation counts them. */
  #seed(): void {
    const none = { zxid: 0, timeMs: 0 };
    const root = this.#insert(NIL, "", new Uint8Array(0), OPEN_ACL, 0, Kind.persistent, none);
    const zookeeper = this.#insert(root, "zookeeper", new Uint8Array(0), OPEN_ACL, 0, Kind.persistent, none);
    this.#insert(zookeeper, "config", new Uint8Array(0), READ_ACL, 0, Kind.persistent, none);
    this.#insert(zookeeper, "quota", new Uint8Array(0), OPEN_ACL, 0, Kind.persistent, none);
  }

  /** Number of znodes, the four of a new tree included. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of all data. */
  get dataBytes(): number {
    return this.#dataBytes;
  }

  get ephemeralCount(): number {
    let count = 0;
    for (const slots of this.#ephemerals.values()) count += slots.size;
    return count;
  }

  // Finding

  /** The slot of a path, or NIL. The empty string is not the root. */
  find(path: string): number {
    if (path.length === 1) return path.charCodeAt(0) === SLASH ? 0 : NIL;
    return this.#index.find(hashOn(HASH_START, path, 0, path.length), (slot) => this.#is(slot, path));
  }

  #is(slot: number, path: string): boolean {
    let end = path.length;
    for (let at = slot; at !== 0; at = this.parent(at)) {
      const page = this.columns.page(at);
      const i = this.columns.at(at);
      const length = page.nameLength[i]! >>> 1;
      const start = end - length;
      if (start < 1 || path.charCodeAt(start - 1) !== SLASH) return false;
      const bytes = this.slab.bytesAt(page.nameAt[i]!);
      let from = this.slab.offsetOf(page.nameAt[i]!);
      if ((page.nameLength[i]! & 1) === 0) {
        for (let c = start; c < end; c++) if (bytes[from++] !== path.charCodeAt(c)) return false;
      } else {
        for (let c = start; c < end; c++, from += 2) {
          if ((bytes[from]! | (bytes[from + 1]! << 8)) !== path.charCodeAt(c)) return false;
        }
      }
      end = start - 1;
    }
    return end === 0;
  }

  isLive(slot: number): boolean {
    return this.columns.isLive(slot);
  }

  parent(slot: number): number {
    return this.columns.page(slot).parent[this.columns.at(slot)]!;
  }

  firstChild(slot: number): number {
    return this.columns.page(slot).firstChild[this.columns.at(slot)]!;
  }

  next(slot: number): number {
    return this.columns.page(slot).next[this.columns.at(slot)]!;
  }

  previous(slot: number): number {
    return this.columns.page(slot).previous[this.columns.at(slot)]!;
  }

  name(slot: number): string {
    const page = this.columns.page(slot);
    const i = this.columns.at(slot);
    const bytes = this.slab.bytesAt(page.nameAt[i]!);
    const from = this.slab.offsetOf(page.nameAt[i]!);
    const length = page.nameLength[i]! >>> 1;
    const wide = page.nameLength[i]! & 1;
    let name = "";
    for (let c = 0; c < length; c++) {
      name += String.fromCharCode(wide === 0 ? bytes[from + c]! : bytes[from + 2 * c]! | (bytes[from + 2 * c + 1]! << 8));
    }
    return name;
  }

  path(slot: number): string {
    let path = "";
    for (let at = slot; at !== 0; at = this.parent(at)) path = `/${this.name(at)}${path}`;
    return path === "" ? "/" : path;
  }

  // Reading fields

  czxid(slot: number): number {
    return this.columns.page(slot).czxid[this.columns.at(slot)]!;
  }

  mzxid(slot: number): number {
    return this.columns.page(slot).mzxid[this.columns.at(slot)]!;
  }

  pzxid(slot: number): number {
    return this.columns.page(slot).pzxid[this.columns.at(slot)]!;
  }

  version(slot: number): number {
    return this.columns.page(slot).version[this.columns.at(slot)]!;
  }

  aversion(slot: number): number {
    return this.columns.page(slot).aversion[this.columns.at(slot)]!;
  }

  creates(slot: number): number {
    return this.columns.page(slot).creates[this.columns.at(slot)]!;
  }

  ordinal(slot: number): number {
    return this.columns.page(slot).ordinal[this.columns.at(slot)]!;
  }

  owner(slot: number): number {
    return this.columns.page(slot).owner[this.columns.at(slot)]!;
  }

  kind(slot: number): number {
    return this.columns.page(slot).kind[this.columns.at(slot)]!;
  }

  numChildren(slot: number): number {
    return this.columns.page(slot).numChildren[this.columns.at(slot)]!;
  }

  descendants(slot: number): number {
    return this.columns.page(slot).descendants[this.columns.at(slot)]!;
  }

  mtime(slot: number): number {
    return this.columns.page(slot).mtime[this.columns.at(slot)]!;
  }

  ctime(slot: number): number {
    return this.columns.page(slot).ctime[this.columns.at(slot)]!;
  }

  ttlMs(slot: number): number {
    return this.#ttl.get(slot) ?? 0;
  }

  /** Number of the ACL; see `acls`. */
  aclNumber(slot: number): number {
    return this.columns.page(slot).acl[this.columns.at(slot)]!;
  }

  acl(slot: number): readonly AclEntry[] {
    return this.acls.list(this.aclNumber(slot));
  }

  /** -1 for no data. */
  dataLength(slot: number): number {
    return this.columns.page(slot).dataLength[this.columns.at(slot)]!;
  }

  /** A copy of the data. */
  data(slot: number): Uint8Array | null {
    const page = this.columns.page(slot);
    const i = this.columns.at(slot);
    const length = page.dataLength[i]!;
    if (length < 0) return null;
    return length === 0 ? new Uint8Array(0) : this.slab.read(page.dataAt[i]!, length);
  }

  writeData(w: Writer, slot: number): void {
    const page = this.columns.page(slot);
    const i = this.columns.at(slot);
    const length = page.dataLength[i]!;
    if (length < 0) return w.nil();
    if (length === 0) return w.binFrom(EMPTY, 0, 0);
    const address = page.dataAt[i]!;
    w.binFrom(this.slab.bytesAt(address), this.slab.offsetOf(address), length);
  }

  writeName(w: Writer, slot: number): void {
    const page = this.columns.page(slot);
    const i = this.columns.at(slot);
    const length = page.nameLength[i]!;
    if ((length & 1) === 1) return w.str(this.name(slot));
    const address = page.nameAt[i]!;
    w.asciiStr(this.slab.bytesAt(address), this.slab.offsetOf(address), length >>> 1);
  }

  /** The eleven fields of a Stat. */
  writeStat(w: Writer, slot: number): void {
    const page = this.columns.page(slot);
    const i = this.columns.at(slot);
    w.array(11);
    w.int(page.czxid[i]!);
    w.int(page.mzxid[i]!);
    w.int(page.ctime[i]!);
    w.int(page.mtime[i]!);
    w.int(page.version[i]!);
    w.int(cversion(page.creates[i]!, page.numChildren[i]!));
    w.int(page.aversion[i]!);
    w.int(page.owner[i]!);
    w.int(Math.max(0, page.dataLength[i]!));
    w.int(page.numChildren[i]!);
    w.int(page.pzxid[i]!);
  }

  /** The session's ephemerals in the order of their creation. */
  ephemeralsOf(session: number): number[] {
    const slots = [...(this.#ephemerals.get(session) ?? [])];
    return slots.sort((a, b) => this.czxid(a) - this.czxid(b) || this.ordinal(a) - this.ordinal(b) || a - b);
  }

  ephemeralCountOf(session: number): number {
    return this.#ephemerals.get(session)?.size ?? 0;
  }

  // Changing

  /** Adds a child that must not exist; the parent's counters and pzxid move. */
  create(
    parent: number,
    name: string,
    data: Uint8Array | null,
    acl: readonly AclEntry[],
    owner: number,
    kind: number,
    stamp: Stamp,
    ttlMs = 0,
  ): number {
    for (const journal of this.journals) journal.changing(parent);
    const slot = this.#insert(parent, name, data, acl, owner, kind, stamp);
    const page = this.columns.page(parent);
    const i = this.columns.at(parent);
    page.creates[i]!++;
    page.pzxid[i] = stamp.zxid;
    if (ttlMs > 0) this.#ttl.set(slot, ttlMs);
    this.#refreshReap(slot);
    this.#refreshReap(parent);
    for (const journal of this.journals) journal.created(slot);
    return slot;
  }

  /** Takes away a znode that has no children; the parent's counters and pzxid move. */
  remove(slot: number, zxid: number): void {
    const parent = this.parent(slot);
    for (const journal of this.journals) {
      journal.changing(parent);
      journal.removing(slot);
    }
    this.#detach(slot);
    const page = this.columns.page(parent);
    const i = this.columns.at(parent);
    page.pzxid[i] = Math.max(page.pzxid[i]!, zxid);
    this.#refreshReap(parent);
  }

  setData(slot: number, data: Uint8Array | null, stamp: Stamp): void {
    for (const journal of this.journals) journal.changing(slot);
    this.#replaceData(slot, data);
    const page = this.columns.page(slot);
    const i = this.columns.at(slot);
    page.version[i] = nextVersion(page.version[i]!);
    page.mzxid[i] = stamp.zxid;
    page.mtime[i] = stamp.timeMs;
    this.#refreshReap(slot);
  }

  /** Data that is kept up by the server itself (quota usage): no version, no times. */
  setDerivedData(slot: number, data: Uint8Array): void {
    for (const journal of this.journals) journal.changing(slot);
    this.#replaceData(slot, data);
  }

  setAcl(slot: number, acl: readonly AclEntry[]): void {
    for (const journal of this.journals) journal.changing(slot);
    this.#replaceAcl(slot, acl);
    const page = this.columns.page(slot);
    const i = this.columns.at(slot);
    page.aversion[i] = nextVersion(page.aversion[i]!);
  }

  // Images: undo, snapshot

  image(slot: number): ZnodeImage {
    const page = this.columns.page(slot);
    const i = this.columns.at(slot);
    return {
      slot,
      hash: page.hash[i]!,
      parent: page.parent[i]!,
      name: this.name(slot),
      data: this.data(slot),
      acl: this.acl(slot),
      czxid: page.czxid[i]!,
      mzxid: page.mzxid[i]!,
      pzxid: page.pzxid[i]!,
      ctime: page.ctime[i]!,
      mtime: page.mtime[i]!,
      version: page.version[i]!,
      aversion: page.aversion[i]!,
      creates: page.creates[i]!,
      ordinal: page.ordinal[i]!,
      owner: page.owner[i]!,
      kind: page.kind[i]!,
      ttlMs: this.ttlMs(slot),
    };
  }

  /** Undo of a change: the fields are again what the image says. Links are not touched. */
  revert(image: ZnodeImage): void {
    const { slot } = image;
    this.#replaceData(slot, image.data);
    this.#replaceAcl(slot, image.acl);
    this.#fill(image);
    this.#refreshReap(slot);
  }

  /** Undo of a creation: the slot is the newest child of its parent. The parent's own fields are reverted separately. */
  uncreate(slot: number): void {
    this.#detach(slot);
  }

  /** Undo of a removal: the znode is again where it stood, after the sibling `previous`. */
  unremove(image: ZnodeImage, previous: number): void {
    const slot = this.columns.take();
    if (slot !== image.slot) throw new Error(`undo got slot ${slot} instead of ${image.slot}`);
    this.#occupy(slot, image.parent, image.name, image.data, image.acl, image.owner);
    this.#fill(image);
    this.#link(slot, image.parent, previous);
    this.#refreshReap(slot);
    this.#refreshReap(image.parent);
  }

  // Loading a snapshot: `load` every image, in any order, then `loaded` once

  /** Empties the tree to the last znode. */
  static forLoading(): Tree {
    const tree = new Tree();
    for (const path of ["/zookeeper/quota", "/zookeeper/config", "/zookeeper", "/"]) {
      const slot = tree.find(path);
      if (slot !== 0) tree.#detach(slot);
      else tree.#vacate(0);
    }
    tree.columns.freeUnused();
    return tree;
  }

  load(image: ZnodeImage): void {
    this.columns.extend(image.slot + 1);
    this.#occupyFields(image.slot, image.parent, image.name, image.data, image.acl, image.owner);
    this.#fill(image);
    this.columns.page(image.slot).hash[this.columns.at(image.slot)] = image.hash;
    this.#count++;
  }

  loaded(): void {
    const { columns } = this;
    columns.freeUnused();
    const hashed = new Uint8Array(columns.end);
    const lists = new Map<number, number[]>();
    for (let slot = 0; slot < columns.end; slot++) {
      if (!columns.isLive(slot)) continue;
      this.#rehash(slot, hashed);
      if (slot !== 0) {
        this.#index.add(slot);
        this.#append(slot, lists);
      }
      this.#refreshReap(slot);
    }
    for (const [parent, children] of lists) this.#relink(parent, children);
    this.#recount();
  }

  #rehash(slot: number, hashed: Uint8Array): void {
    const chain: number[] = [];
    for (let at = slot; at !== NIL && hashed[at] === 0; at = this.parent(at)) {
      if (!this.columns.isLive(at)) throw new Error(`the znode in slot ${slot} has no parent`);
      chain.push(at);
    }
    for (const at of chain.reverse()) {
      const parent = this.parent(at);
      const from = parent === NIL ? HASH_START : this.columns.page(parent).hash[this.columns.at(parent)]!;
      const hash = parent === NIL ? HASH_START : childHash(from, this.name(at));
      if (this.columns.page(at).hash[this.columns.at(at)] !== hash) throw new Error(`the znode in slot ${at} stands at another path`);
      hashed[at] = 1;
    }
  }

  /** Links a loaded znode behind its siblings; parents whose children came out of order are noted for sorting. */
  #append(slot: number, lists: Map<number, number[]>): void {
    const parent = this.parent(slot);
    const page = this.columns.page(parent);
    const i = this.columns.at(parent);
    const last = page.lastChild[i]!;
    this.#linkAfter(slot, parent, last);
    if (last !== NIL && this.ordinal(last) > this.ordinal(slot)) lists.set(parent, []);
  }

  #relink(parent: number, children: number[]): void {
    for (let slot = this.firstChild(parent); slot !== NIL; slot = this.next(slot)) children.push(slot);
    children.sort((a, b) => this.ordinal(a) - this.ordinal(b));
    const page = this.columns.page(parent);
    const i = this.columns.at(parent);
    page.firstChild[i] = NIL;
    page.lastChild[i] = NIL;
    page.numChildren[i] = 0;
    for (const slot of children) this.#linkAfter(slot, parent, page.lastChild[i]!);
  }

  #recount(): void {
    for (let slot = 0; slot < this.columns.end; slot++) {
      if (this.columns.isLive(slot) && slot !== 0) this.#countUp(this.parent(slot), 1);
    }
  }

  // Inside

  #insert(
    parent: number,
    name: string,
    data: Uint8Array | null,
    acl: readonly AclEntry[],
    owner: number,
    kind: number,
    stamp: Stamp,
  ): number {
    const slot = this.columns.take();
    this.#occupy(slot, parent, name, data, acl, owner);
    const page = this.columns.page(slot);
    const i = this.columns.at(slot);
    page.czxid[i] = stamp.zxid;
    page.mzxid[i] = stamp.zxid;
    page.pzxid[i] = stamp.zxid;
    page.ctime[i] = stamp.timeMs;
    page.mtime[i] = stamp.timeMs;
    page.version[i] = 0;
    page.aversion[i] = 0;
    page.creates[i] = 0;
    page.kind[i] = kind;
    page.ordinal[i] = parent === NIL ? 0 : this.creates(parent);
    if (parent !== NIL) this.#link(slot, parent, this.columns.page(parent).lastChild[this.columns.at(parent)]!);
    return slot;
  }

  /** Gives a slot what it needs memory for, its place in the index and among the ephemerals. */
  #occupy(
    slot: number,
    parent: number,
    name: string,
    data: Uint8Array | null,
    acl: readonly AclEntry[],
    owner: number,
  ): void {
    this.#occupyFields(slot, parent, name, data, acl, owner);
    const page = this.columns.page(slot);
    const i = this.columns.at(slot);
    page.czxid[i] = 0;
    if (parent === NIL) page.hash[i] = HASH_START;
    else {
      page.hash[i] = childHash(this.columns.page(parent).hash[this.columns.at(parent)]!, name);
      this.#index.add(slot);
    }
    this.#count++;
  }

  #occupyFields(
    slot: number,
    parent: number,
    name: string,
    data: Uint8Array | null,
    acl: readonly AclEntry[],
    owner: number,
  ): void {
    const page = this.columns.page(slot);
    const i = this.columns.at(slot);
    page.parent[i] = parent;
    page.firstChild[i] = NIL;
    page.lastChild[i] = NIL;
    page.next[i] = NIL;
    page.previous[i] = NIL;
    page.numChildren[i] = 0;
    page.descendants[i] = 0;
    this.#storeName(slot, name);
    this.#storeData(slot, data);
    page.acl[i] = this.acls.retain(acl);
    page.owner[i] = owner;
    if (owner !== 0) {
      const slots = this.#ephemerals.get(owner);
      if (slots === undefined) this.#ephemerals.set(owner, new Set([slot]));
      else slots.add(slot);
    }
  }

  #fill(image: ZnodeImage): void {
    const page = this.columns.page(image.slot);
    const i = this.columns.at(image.slot);
    page.czxid[i] = image.czxid;
    page.mzxid[i] = image.mzxid;
    page.pzxid[i] = image.pzxid;
    page.ctime[i] = image.ctime;
    page.mtime[i] = image.mtime;
    page.version[i] = image.version;
    page.aversion[i] = image.aversion;
    page.creates[i] = image.creates;
    page.ordinal[i] = image.ordinal;
    page.kind[i] = image.kind;
    if (image.ttlMs > 0) this.#ttl.set(image.slot, image.ttlMs);
  }

  #detach(slot: number): void {
    for (const walk of this.walks) walk.leave(slot, this);
    this.#unlink(slot);
    this.#index.remove(slot);
    this.reapable.set(slot, undefined);
    this.#vacate(slot);
  }

  #vacate(slot: number): void {
    const page = this.columns.page(slot);
    const i = this.columns.at(slot);
    const owner = page.owner[i]!;
    if (owner !== 0) {
      const slots = this.#ephemerals.get(owner)!;
      slots.delete(slot);
      if (slots.size === 0) this.#ephemerals.delete(owner);
    }
    this.slab.free(page.nameAt[i]!, nameBytes(page.nameLength[i]!));
    this.#freeData(slot);
    this.acls.release(page.acl[i]!);
    this.#ttl.delete(slot);
    this.columns.release(slot);
    this.#count--;
  }

  #link(slot: number, parent: number, previous: number): void {
    this.#linkAfter(slot, parent, previous);
    this.#countUp(parent, 1 + this.descendants(slot));
  }

  #linkAfter(slot: number, parent: number, previous: number): void {
    const page = this.columns.page(slot);
    const i = this.columns.at(slot);
    const above = this.columns.page(parent);
    const p = this.columns.at(parent);
    const next = previous === NIL ? above.firstChild[p]! : this.next(previous);
    page.previous[i] = previous;
    page.next[i] = next;
    if (previous === NIL) above.firstChild[p] = slot;
    else this.columns.page(previous).next[this.columns.at(previous)] = slot;
    if (next === NIL) above.lastChild[p] = slot;
    else this.columns.page(next).previous[this.columns.at(next)] = slot;
    above.numChildren[p]!++;
  }

  #unlink(slot: number): void {
    const page = this.columns.page(slot);
    const i = this.columns.at(slot);
    const parent = page.parent[i]!;
    const above = this.columns.page(parent);
    const p = this.columns.at(parent);
    const previous = page.previous[i]!;
    const next = page.next[i]!;
    if (previous === NIL) above.firstChild[p] = next;
    else this.columns.page(previous).next[this.columns.at(previous)] = next;
    if (next === NIL) above.lastChild[p] = previous;
    else this.columns.page(next).previous[this.columns.at(next)] = previous;
    above.numChildren[p]!--;
    this.#countUp(parent, -1);
  }

  #countUp(from: number, by: number): void {
    for (let at = from; at !== NIL; at = this.parent(at)) {
      const page = this.columns.page(at);
      page.descendants[this.columns.at(at)]! += by;
    }
  }

  #storeName(slot: number, name: string): void {
    const page = this.columns.page(slot);
    const i = this.columns.at(slot);
    let wide = 0;
    for (let c = 0; c < name.length; c++) if (name.charCodeAt(c) >= 0x80) wide = 1;
    const length = name.length * 2 + wide;
    const address = this.slab.allocate(nameBytes(length));
    const bytes = this.slab.bytesAt(address);
    let at = this.slab.offsetOf(address);
    for (let c = 0; c < name.length; c++) {
      const unit = name.charCodeAt(c);
      bytes[at++] = unit;
      if (wide === 1) bytes[at++] = unit >>> 8;
    }
    page.nameAt[i] = address;
    page.nameLength[i] = length;
  }

  #storeData(slot: number, data: Uint8Array | null): void {
    const page = this.columns.page(slot);
    const i = this.columns.at(slot);
    page.dataLength[i] = data === null ? -1 : data.length;
    if (data === null || data.length === 0) return;
    page.dataAt[i] = this.slab.store(data, 0, data.length);
    this.#dataBytes += data.length;
  }

  #freeData(slot: number): void {
    const page = this.columns.page(slot);
    const i = this.columns.at(slot);
    const length = page.dataLength[i]!;
    if (length <= 0) return;
    this.slab.free(page.dataAt[i]!, length);
    this.#dataBytes -= length;
  }

  #replaceData(slot: number, data: Uint8Array | null): void {
    this.#freeData(slot);
    this.#storeData(slot, data);
  }

  #replaceAcl(slot: number, acl: readonly AclEntry[]): void {
    const page = this.columns.page(slot);
    const i = this.columns.at(slot);
    const number = this.acls.retain(acl);
    this.acls.release(page.acl[i]!);
    page.acl[i] = number;
  }

  #refreshReap(slot: number): void {
    const kind = this.kind(slot);
    if (kind !== Kind.container && kind !== Kind.ttl) return;
    this.reapable.set(slot, this.reapableFrom(slot));
  }

  /** Log-clock time from which the znode may be reaped; undefined while it may not be at all. */
  reapableFrom(slot: number): number | undefined {
    if (this.numChildren(slot) > 0) return undefined;
    switch (this.kind(slot)) {
      case Kind.container:
        return this.creates(slot) > 0 ? 0 : this.ctime(slot) + CONTAINER_NEVER_USED_MS;
      case Kind.ttl:
        return this.mtime(slot) + this.ttlMs(slot) + 1;
      default:
        return undefined;
    }
  }
}

const EMPTY = new Uint8Array(0);

function nameBytes(length: number): number {
  return (length >>> 1) << (length & 1);
}

/** What ZooKeeper shows: creations plus deletions of children, kept to 32 bits. */
export function cversion(creates: number, numChildren: number): number {
  return (2 * creates - numChildren) | 0;
}

/** Versions wrap at 32 bits and leave out -1, which means "any" (ZOOKEEPER-4743). */
function nextVersion(version: number): number {
  const next = (version + 1) | 0;
  return next === -1 ? 0 : next;
}

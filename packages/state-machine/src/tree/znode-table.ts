/**
 * The table of znodes: the fields of each slot, with its name, data and ACL where they are kept. Knows single znodes only;
 * how they hang together, and what a change of one means for another, is the tree's.
 */
import type { AclEntry, Writer } from "@corral/protocol";
import { AclTable } from "./acl-table.ts";

import type { ZnodeImage } from "./journal.ts";
import { Int, NIL, Real, Rows } from "./rows.ts";
import { Slab } from "./slab.ts";

const SLASH = 47;

export class ZnodeTable {
  readonly rows: Rows = new Rows();
  readonly slab: Slab = new Slab();
  readonly acls: AclTable = new AclTable();
  readonly #ttl = new Map<number, number>();
  #dataBytes = 0;

  /** Bytes of all data. */
  get dataBytes(): number {
    return this.#dataBytes;
  }

  isLive(slot: number): boolean {
    return this.rows.isLive(slot);
  }

  parent(slot: number): number {
    return this.rows.int(slot, Int.parent);
  }

  firstChild(slot: number): number {
    return this.rows.int(slot, Int.firstChild);
  }

  next(slot: number): number {
    return this.rows.int(slot, Int.next);
  }

  previous(slot: number): number {
    return this.rows.int(slot, Int.previous);
  }

  name(slot: number): string {
    const bytes = this.slab.bytesAt(this.#nameAt(slot));
    const from = this.slab.offsetOf(this.#nameAt(slot));
    const length = this.#nameLength(slot) >>> 1;
    const wide = this.#nameLength(slot) & 1;
    let name = "";
    for (let c = 0; c < length; c++) {
      name += String.fromCharCode(
        wide === 0 ? bytes[from + c]! : bytes[from + 2 * c]! | (bytes[from + 2 * c + 1]! << 8),
      );
    }
    return name;
  }

  path(slot: number): string {
    let path = "";
    for (let at = slot; at !== 0; at = this.parent(at)) path = `/${this.name(at)}${path}`;
    return path === "" ? "/" : path;
  }

  czxid(slot: number): number {
    return this.rows.real(slot, Real.czxid);
  }

  mzxid(slot: number): number {
    return this.rows.real(slot, Real.mzxid);
  }

  pzxid(slot: number): number {
    return this.rows.real(slot, Real.pzxid);
  }

  version(slot: number): number {
    return this.rows.int(slot, Int.version);
  }

  aversion(slot: number): number {
    return this.rows.int(slot, Int.aversion);
  }

  creates(slot: number): number {
    return this.rows.real(slot, Real.creates);
  }

  ordinal(slot: number): number {
    return this.rows.real(slot, Real.ordinal);
  }

  owner(slot: number): number {
    return this.rows.real(slot, Real.owner);
  }

  kind(slot: number): number {
    return this.rows.int(slot, Int.kind);
  }

  numChildren(slot: number): number {
    return this.rows.int(slot, Int.numChildren);
  }

  descendants(slot: number): number {
    return this.rows.int(slot, Int.descendants);
  }

  mtime(slot: number): number {
    return this.rows.real(slot, Real.mtime);
  }

  ctime(slot: number): number {
    return this.rows.real(slot, Real.ctime);
  }

  ttlMs(slot: number): number {
    return this.#ttl.get(slot) ?? 0;
  }

  /** Number of the ACL; see `acls`. */
  aclNumber(slot: number): number {
    return this.rows.int(slot, Int.acl);
  }

  acl(slot: number): readonly AclEntry[] {
    return this.acls.list(this.aclNumber(slot));
  }

  /** -1 for no data. */
  dataLength(slot: number): number {
    return this.rows.int(slot, Int.dataLength);
  }

  /** A copy of the data. */
  data(slot: number): Uint8Array | null {
    const length = this.dataLength(slot);
    if (length < 0) return null;
    return length === 0 ? new Uint8Array(0) : this.slab.read(this.#dataAt(slot), length);
  }

  writeData(w: Writer, slot: number): void {
    const length = this.dataLength(slot);
    if (length < 0) return w.nil();
    if (length === 0) return w.binFrom(EMPTY, 0, 0);
    const address = this.#dataAt(slot);
    w.binFrom(this.slab.bytesAt(address), this.slab.offsetOf(address), length);
  }

  writeName(w: Writer, slot: number): void {
    const length = this.#nameLength(slot);
    if ((length & 1) === 1) return w.str(this.name(slot));
    const address = this.#nameAt(slot);
    w.asciiStr(this.slab.bytesAt(address), this.slab.offsetOf(address), length >>> 1);
  }

  /** The eleven fields of a Stat. */
  writeStat(w: Writer, slot: number): void {
    w.array(11);
    w.int(this.czxid(slot));
    w.int(this.mzxid(slot));
    w.int(this.ctime(slot));
    w.int(this.mtime(slot));
    w.int(this.version(slot));
    w.int(cversion(this.creates(slot), this.numChildren(slot)));
    w.int(this.aversion(slot));
    w.int(this.owner(slot));
    w.int(Math.max(0, this.dataLength(slot)));
    w.int(this.numChildren(slot));
    w.int(this.pzxid(slot));
  }

  /** All that is replicated of the znode. */
  image(slot: number): ZnodeImage {
    return this.#imageWith(slot, this.data(slot));
  }

  /** The same, with a view of the data in place of a copy: it lives until the next change. */
  glance(slot: number): ZnodeImage {
    const length = this.dataLength(slot);
    if (length <= 0) return this.image(slot);
    const address = this.#dataAt(slot);
    const offset = this.slab.offsetOf(address);
    return this.#imageWith(slot, this.slab.bytesAt(address).subarray(offset, offset + length));
  }

  #imageWith(slot: number, data: Uint8Array | null): ZnodeImage {
    return {
      slot,
      hash: this.rows.int(slot, Int.hash),
      parent: this.parent(slot),
      name: this.name(slot),
      data,
      acl: this.acl(slot),
      czxid: this.czxid(slot),
      mzxid: this.mzxid(slot),
      pzxid: this.pzxid(slot),
      ctime: this.ctime(slot),
      mtime: this.mtime(slot),
      version: this.version(slot),
      aversion: this.aversion(slot),
      creates: this.creates(slot),
      ordinal: this.ordinal(slot),
      owner: this.owner(slot),
      kind: this.kind(slot),
      ttlMs: this.ttlMs(slot),
    };
  }

  // For the tree alone: it keeps the rest in step

  /** Does the znode in this slot have this path? Compares the names upwards, without making a string. */
  protected isAt(slot: number, path: string): boolean {
    let end = path.length;
    for (let at = slot; at !== 0; at = this.parent(at)) {
      const length = this.#nameLength(at) >>> 1;
      const start = end - length;
      if (start < 1 || path.charCodeAt(start - 1) !== SLASH) return false;
      const bytes = this.slab.bytesAt(this.#nameAt(at));
      let from = this.slab.offsetOf(this.#nameAt(at));
      if ((this.#nameLength(at) & 1) === 0) {
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

  /** Gives a slot its name, data and ACL; its links are those of a znode that stands alone. */
  protected occupy(
    slot: number,
    parent: number,
    name: string,
    data: Uint8Array | null,
    acl: readonly AclEntry[],
    owner: number,
  ): void {
    this.rows.setInt(slot, Int.parent, parent);
    this.rows.setInt(slot, Int.firstChild, NIL);
    this.rows.setInt(slot, Int.lastChild, NIL);
    this.rows.setInt(slot, Int.next, NIL);
    this.rows.setInt(slot, Int.previous, NIL);
    this.rows.setInt(slot, Int.numChildren, 0);
    this.rows.setInt(slot, Int.descendants, 0);
    this.rows.setReal(slot, Real.owner, owner);
    this.rows.setInt(slot, Int.acl, this.acls.retain(acl));
    this.#storeName(slot, name);
    this.#storeData(slot, data);
  }

  /** Frees what `occupy` took, and the slot. */
  protected vacate(slot: number): void {
    this.slab.free(this.#nameAt(slot), nameBytes(this.#nameLength(slot)));
    this.#freeData(slot);
    this.acls.release(this.aclNumber(slot));
    this.#ttl.delete(slot);
    this.rows.release(slot);
  }

  /** The fields that need no memory of their own. */
  protected fill(image: ZnodeImage): void {
    const { slot } = image;
    this.rows.setReal(slot, Real.czxid, image.czxid);
    this.rows.setReal(slot, Real.mzxid, image.mzxid);
    this.rows.setReal(slot, Real.pzxid, image.pzxid);
    this.rows.setReal(slot, Real.ctime, image.ctime);
    this.rows.setReal(slot, Real.mtime, image.mtime);
    this.rows.setInt(slot, Int.version, image.version);
    this.rows.setInt(slot, Int.aversion, image.aversion);
    this.rows.setReal(slot, Real.creates, image.creates);
    this.rows.setReal(slot, Real.ordinal, image.ordinal);
    this.rows.setInt(slot, Int.kind, image.kind);
    this.setTtl(slot, image.ttlMs);
  }

  protected setTtl(slot: number, ttlMs: number): void {
    if (ttlMs > 0) this.#ttl.set(slot, ttlMs);
  }

  protected replaceData(slot: number, data: Uint8Array | null): void {
    this.#freeData(slot);
    this.#storeData(slot, data);
  }

  protected replaceAcl(slot: number, acl: readonly AclEntry[]): void {
    const number = this.acls.retain(acl);
    this.acls.release(this.aclNumber(slot));
    this.rows.setInt(slot, Int.acl, number);
  }

  #nameAt(slot: number): number {
    return this.rows.int(slot, Int.nameAt) >>> 0;
  }

  /** Code units times 2, plus 1 if they are wide. */
  #nameLength(slot: number): number {
    return this.rows.int(slot, Int.nameLength);
  }

  #dataAt(slot: number): number {
    return this.rows.int(slot, Int.dataAt) >>> 0;
  }

  #storeName(slot: number, name: string): void {
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
    this.rows.setInt(slot, Int.nameAt, address);
    this.rows.setInt(slot, Int.nameLength, length);
  }

  #storeData(slot: number, data: Uint8Array | null): void {
    this.rows.setInt(slot, Int.dataLength, data === null ? -1 : data.length);
    if (data === null || data.length === 0) return;
    this.rows.setInt(slot, Int.dataAt, this.slab.store(data, 0, data.length));
    this.#dataBytes += data.length;
  }

  #freeData(slot: number): void {
    const length = this.dataLength(slot);
    if (length <= 0) return;
    this.slab.free(this.#dataAt(slot), length);
    this.#dataBytes -= length;
  }
}

const EMPTY = new Uint8Array(0);

function nameBytes(length: number): number {
  return (length >>> 1) << (length & 1);
}

/** What ZooKeeper shows: creations plus deletions of children, kept to 32 bits. */
function cversion(creates: number, numChildren: number): number {
  return (2 * creates - numChildren) | 0;
}

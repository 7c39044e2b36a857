/**
 * The table of znodes: the fields of each slot, with its name, data and ACL where they are kept. Knows single znodes only;
 * how they hang together, and what a change of one means for another, is the tree's.
 */
import type { AclEntry, Writer } from "@corral/protocol";
import { AclTable } from "./acl-table.ts";
import { Columns, NIL } from "./columns.ts";
import type { ZnodeImage } from "./journal.ts";
import { Slab } from "./slab.ts";

const SLASH = 47;

export class ZnodeTable {
  readonly columns: Columns = new Columns();
  readonly slab: Slab = new Slab();
  readonly acls: AclTable = new AclTable();
  readonly #ttl = new Map<number, number>();
  #dataBytes = 0;

  /** Bytes of all data. */
  get dataBytes(): number {
    return this.#dataBytes;
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

  /** All that is replicated of the znode. */
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

  // For the tree alone: it keeps the rest in step

  /** Does the znode in this slot have this path? Compares the names upwards, without making a string. */
  protected isAt(slot: number, path: string): boolean {
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

  /** Gives a slot its name, data and ACL; its links are those of a znode that stands alone. */
  protected occupy(
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
    page.owner[i] = owner;
    page.acl[i] = this.acls.retain(acl);
    this.#storeName(slot, name);
    this.#storeData(slot, data);
  }

  /** Frees what `occupy` took, and the slot. */
  protected vacate(slot: number): void {
    const page = this.columns.page(slot);
    const i = this.columns.at(slot);
    this.slab.free(page.nameAt[i]!, nameBytes(page.nameLength[i]!));
    this.#freeData(slot);
    this.acls.release(page.acl[i]!);
    this.#ttl.delete(slot);
    this.columns.release(slot);
  }

  /** The fields that need no memory of their own. */
  protected fill(image: ZnodeImage): void {
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
    this.setTtl(image.slot, image.ttlMs);
  }

  protected setTtl(slot: number, ttlMs: number): void {
    if (ttlMs > 0) this.#ttl.set(slot, ttlMs);
  }

  protected replaceData(slot: number, data: Uint8Array | null): void {
    this.#freeData(slot);
    this.#storeData(slot, data);
  }

  protected replaceAcl(slot: number, acl: readonly AclEntry[]): void {
    const page = this.columns.page(slot);
    const i = this.columns.at(slot);
    const number = this.acls.retain(acl);
    this.acls.release(page.acl[i]!);
    page.acl[i] = number;
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
}

const EMPTY = new Uint8Array(0);

function nameBytes(length: number): number {
  return (length >>> 1) << (length & 1);
}

/** What ZooKeeper shows: creations plus deletions of children, kept to 32 bits. */
function cversion(creates: number, numChildren: number): number {
  return (2 * creates - numChildren) | 0;
}

/**
 * The tree of znodes: how they hang together, and what a change of one moves elsewhere.
 *
 * Owns the links, the path index, and what is derived: the ephemerals of each session, what may be reaped when. Knows
 * nothing of requests, permissions or versions to compare; whoever calls has decided. Every change is announced first to
 * the journals (a snapshot being written, a transition that may be undone).
 *
 * T1  a znode's hash is its parent's hash continued over "/" and its name; the index holds every live slot but the root.
 * T2  siblings are linked in the order of their ordinals, which differ.
 * T3  `descendants` counts all znodes below, `numChildren` the direct ones.
 * T4  owner ≠ 0 exactly for the slots listed under that session.
 */
import { type AclEntry, OPEN_ACL, READ_ACL } from "@corral/protocol";
import { DueIndex } from "../due-index.ts";
import type { Stamp, TreeJournal, ZnodeImage } from "./journal.ts";
import { Links } from "./links.ts";
import { HASH_START, PathIndex, childHash, hashOn } from "./path-index.ts";
import { Int, Kind, NIL, Real } from "./rows.ts";
import type { Walk } from "./walk.ts";
import { ZnodeTable } from "./znode-table.ts";

const SLASH = 47;

/** An empty container that has never had a child is reaped after so long (ZooKeeper 3.10: 5 minutes). */
const CONTAINER_NEVER_USED_MS = 300_000;

export class Tree extends ZnodeTable {
  /** When which container or TTL znode may be reaped, log-clock milliseconds. */
  readonly reapable: DueIndex = new DueIndex();
  /** Walks under way, whose place must move when a znode under it goes. */
  readonly walks: Set<Walk> = new Set();
  /** At most two: a snapshot's cut and a transition's undo. */
  readonly journals: TreeJournal[] = [];
  readonly #links: Links = new Links(this.rows);
  readonly #index: PathIndex = new PathIndex();
  readonly #ephemerals = new Map<number, Set<number>>();
  /** While loading: those that came before their parents. */
  readonly #early: number[] = [];
  #count = 0;

  constructor() {
    super();
    this.#seed();
  }

  /**
   * The four znodes of a new tree; made by no transaction, they have czxid 0 and no creation counts them. Their ordinals
   * stand before those of all that is created.
   */
  #seed(): void {
    const none = { zxid: 0, timeMs: 0 };
    const empty = new Uint8Array(0);
    const root = this.#insert(NIL, "", empty, OPEN_ACL, 0, Kind.persistent, none, 0);
    const zookeeper = this.#insert(root, "zookeeper", empty, OPEN_ACL, 0, Kind.persistent, none, -1);
    this.#insert(zookeeper, "config", empty, READ_ACL, 0, Kind.persistent, none, -2);
    this.#insert(zookeeper, "quota", empty, OPEN_ACL, 0, Kind.persistent, none, -1);
  }

  /** Number of znodes, the four of a new tree included. */
  get count(): number {
    return this.#count;
  }

  get ephemeralCount(): number {
    let count = 0;
    for (const slots of this.#ephemerals.values()) count += slots.size;
    return count;
  }

  /** The slot of a path, or NIL. The empty string is not the root. */
  find(path: string): number {
    if (path.length === 1) return path.charCodeAt(0) === SLASH ? 0 : NIL;
    return this.#index.find(hashOn(HASH_START, path, 0, path.length), (slot) => this.isAt(slot, path));
  }

  /** The sessions that have ephemerals. */
  ephemeralOwners(): Iterable<number> {
    return this.#ephemerals.keys();
  }

  /** The session's ephemerals in the order of their creation; those of one transaction and place in that of their paths. */
  ephemeralsOf(session: number): number[] {
    const slots = [...(this.#ephemerals.get(session) ?? [])];
    return slots.sort(
      (a, b) =>
        this.czxid(a) - this.czxid(b) || this.ordinal(a) - this.ordinal(b) || (this.path(a) < this.path(b) ? -1 : 1),
    );
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
    const slot = this.#insert(parent, name, data, acl, owner, kind, stamp, this.creates(parent));
    this.rows.setReal(parent, Real.creates, this.creates(parent) + 1);
    this.rows.setReal(parent, Real.pzxid, stamp.zxid);
    this.setTtl(slot, ttlMs);
    this.#refreshReap(slot);
    this.#refreshReap(parent);
    for (const journal of this.journals) journal.created(slot);
    return slot;
  }

  /** Takes away a znode that has no children; the parent's pzxid moves. */
  remove(slot: number, zxid: number): void {
    const parent = this.parent(slot);
    for (const journal of this.journals) {
      journal.changing(parent);
      journal.removing(slot);
    }
    this.#detach(slot);
    this.rows.setReal(parent, Real.pzxid, zxid);
    this.#refreshReap(parent);
  }

  setData(slot: number, data: Uint8Array | null, stamp: Stamp): void {
    for (const journal of this.journals) journal.changing(slot);
    this.replaceData(slot, data);
    this.rows.setInt(slot, Int.version, nextVersion(this.version(slot)));
    this.rows.setReal(slot, Real.mzxid, stamp.zxid);
    this.rows.setReal(slot, Real.mtime, stamp.timeMs);
    this.#refreshReap(slot);
  }

  /** Data that is kept up by the server itself (quota usage): no version, no times. */
  setDerivedData(slot: number, data: Uint8Array): void {
    for (const journal of this.journals) journal.changing(slot);
    this.replaceData(slot, data);
  }

  setAcl(slot: number, acl: readonly AclEntry[]): void {
    for (const journal of this.journals) journal.changing(slot);
    this.replaceAcl(slot, acl);
    this.rows.setInt(slot, Int.aversion, nextVersion(this.aversion(slot)));
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

  // Undoing, in the reverse order of what was done; no journal is told

  /** Undo of changes: the fields are again what the image says. Links are not touched. */
  revert(image: ZnodeImage): void {
    this.replaceData(image.slot, image.data);
    this.replaceAcl(image.slot, image.acl);
    this.fill(image);
    this.#refreshReap(image.slot);
  }

  /** Undo of a creation. The parent's own fields are reverted separately. */
  uncreate(slot: number): void {
    this.#detach(slot);
  }

  /** Undo of a removal: the znode is again where it stood, after the sibling `previous`. */
  unremove(image: ZnodeImage, previous: number): void {
    const slot = this.rows.take();
    if (slot !== image.slot) throw new Error(`undo got slot ${slot} instead of ${image.slot}`);
    this.#place(slot, image.parent, image.name, image.data, image.acl, image.owner, previous);
    this.fill(image);
    this.#refreshReap(slot);
    this.#refreshReap(image.parent);
  }

  // Loading a snapshot: `load` every image, in any order, then `loaded` once

  /** A tree without a znode. */
  static forLoading(): Tree {
    const tree = new Tree();
    for (const path of ["/zookeeper/quota", "/zookeeper/config", "/zookeeper"]) tree.#detach(tree.find(path));
    tree.vacate(0);
    tree.#count = 0;
    return tree;
  }

  load(image: ZnodeImage): void {
    const { slot } = image;
    this.rows.extend(slot + 1);
    if (this.isLive(slot)) throw new Error(`slot ${slot} is loaded twice`);
    this.occupy(slot, image.parent, image.name, image.data, image.acl, image.owner);
    this.fill(image);
    this.rows.setInt(slot, Int.hash, image.hash);
    // Parents mostly come before their children; then the name is at hand, and the row in the cache.
    if (image.parent === NIL || this.isLive(image.parent)) this.#verifyHash(slot, image.name);
    else this.#early.push(slot);
    if (slot !== 0) this.#index.add(slot, image.hash);
    this.#own(slot, image.owner);
    this.#count++;
  }

  loaded(): void {
    const { rows } = this;
    rows.freeUnused(this.#count);
    for (const slot of this.#early.splice(0)) {
      if (!this.isLive(this.parent(slot))) throw new Error(`the znode in slot ${slot} has no parent`);
      this.#verifyHash(slot, this.name(slot));
    }
    this.#links.rebuild();
    for (let slot = 0; slot < rows.end; slot++) if (rows.isLive(slot)) this.#refreshReap(slot);
  }

  /** T1 for one znode, whose parent is loaded. */
  #verifyHash(slot: number, name: string): void {
    if (this.#hash(slot) !== this.#hashOf(this.parent(slot), name))
      throw new Error(`the znode in slot ${slot} stands at another path`);
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
    ordinal: number,
  ): number {
    const slot = this.rows.take();
    this.rows.setReal(slot, Real.czxid, stamp.zxid);
    this.rows.setReal(slot, Real.mzxid, stamp.zxid);
    this.rows.setReal(slot, Real.pzxid, stamp.zxid);
    this.rows.setReal(slot, Real.ctime, stamp.timeMs);
    this.rows.setReal(slot, Real.mtime, stamp.timeMs);
    this.rows.setInt(slot, Int.version, 0);
    this.rows.setInt(slot, Int.aversion, 0);
    this.rows.setReal(slot, Real.creates, 0);
    this.rows.setInt(slot, Int.kind, kind);
    this.rows.setReal(slot, Real.ordinal, ordinal);
    this.#place(slot, parent, name, data, acl, owner, parent === NIL ? NIL : this.#links.lastChild(parent));
    return slot;
  }

  /** Puts a znode among its siblings, after `previous`, into the index and among the ephemerals. */
  #place(
    slot: number,
    parent: number,
    name: string,
    data: Uint8Array | null,
    acl: readonly AclEntry[],
    owner: number,
    previous: number,
  ): void {
    this.occupy(slot, parent, name, data, acl, owner);
    this.rows.setInt(slot, Int.hash, this.#hashOf(parent, name));
    this.#own(slot, owner);
    this.#count++;
    if (parent === NIL) return;
    this.#index.add(slot, this.#hash(slot));
    this.#links.add(slot, parent, previous);
  }

  #detach(slot: number): void {
    for (const walk of this.walks) walk.leave(slot, this);
    this.#links.remove(slot);
    this.#index.remove(slot, this.#hash(slot));
    this.reapable.set(slot, undefined);
    this.#disown(slot, this.owner(slot));
    this.vacate(slot);
    this.#count--;
  }

  #hash(slot: number): number {
    return this.rows.int(slot, Int.hash);
  }

  #hashOf(parent: number, name: string): number {
    return parent === NIL ? HASH_START : childHash(this.#hash(parent), name);
  }

  #own(slot: number, owner: number): void {
    if (owner === 0) return;
    const slots = this.#ephemerals.get(owner);
    if (slots === undefined) this.#ephemerals.set(owner, new Set([slot]));
    else slots.add(slot);
  }

  #disown(slot: number, owner: number): void {
    if (owner === 0) return;
    const slots = this.#ephemerals.get(owner)!;
    slots.delete(slot);
    if (slots.size === 0) this.#ephemerals.delete(owner);
  }

  #refreshReap(slot: number): void {
    const kind = this.kind(slot);
    if (kind === Kind.container || kind === Kind.ttl) this.reapable.set(slot, this.reapableFrom(slot));
  }
}

/** Versions wrap at 32 bits and leave out -1, which means "any" (ZOOKEEPER-4743). */
function nextVersion(version: number): number {
  const next = (version + 1) | 0;
  return next === -1 ? 0 : next;
}

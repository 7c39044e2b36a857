/**
 * The records of a snapshot: one MessagePack array each, and what each adds to the digest. The two that
 * there are a million of (znodes, history) are read field by field, the others from their decoded values.
 *
 * `[0, version, zxid, timeMs, options]` head · `[1, …]` session · `[2, …]` znode · `[3, number, acl]` ACL, before its first
 * use · `[4, …]` entry of the history · `[5, since]` what follows of the history is whole after this zxid, what came before is
 * void · `[9, znodes, sessions, digest]` end. Znodes are named by slot and parent slot.
 */
import { type AclEntry, type Value, type Writer, readAclEntry, writeAcl } from "@corral/protocol";
import type { Digest } from "./digest.ts";
import type { History, HistoryEntry } from "./history.ts";
import { readIdentities, writeIdentities } from "./identities.ts";
import { type Options, readOptions, writeOptions } from "./options.ts";
import type { Session } from "./session-table.ts";
import type { SnapshotReader } from "./snapshot-reader.ts";
import type { ZnodeImage } from "./tree/journal.ts";

const SNAPSHOT_VERSION = 1;
/** Elements of the two records that are read field by field. */
export const ZNODE_FIELDS = 19;
export const HISTORY_FIELDS = 8;
export const Record = { head: 0, session: 1, znode: 2, acl: 3, history: 4, historySince: 5, end: 9 } as const;

export function writeHead(w: Writer, zxid: number, timeMs: number, options: Options): void {
  w.array(5);
  w.int(Record.head);
  w.int(SNAPSHOT_VERSION);
  w.int(zxid);
  w.int(timeMs);
  writeOptions(w, options);
}

export function readHead(value: readonly Value[]): { zxid: number; timeMs: number; options: Options } {
  if (value[0] !== Record.head || value[1] !== SNAPSHOT_VERSION) {
    throw new Error(`the snapshot is of version ${String(value[1])}, this release reads ${SNAPSHOT_VERSION}`);
  }
  return { zxid: value[2] as number, timeMs: value[3] as number, options: readOptions(value[4]!) };
}

export function digestOptions(d: Digest, options: Options): void {
  d.begin(Record.head);
  d.text(JSON.stringify(options, Object.keys(options).sort()));
  for (const { scheme, id } of options.superIdentities) {
    d.text(scheme);
    d.text(id);
  }
  d.end();
}

export function writeSession(w: Writer, session: Session, d: Digest): void {
  w.array(9);
  w.int(Record.session);
  w.int(session.id);
  w.bin(session.secretHash);
  w.int(session.timeoutMs);
  w.int(session.generation);
  writeIdentities(w, session.identities);
  w.int(session.lastWrite);
  w.int(session.acked);
  const results = [...session.results];
  w.array(results.length);
  for (const [xid, hash, reply] of results) {
    w.array(3);
    w.int(xid);
    w.int(hash);
    w.bin(reply);
  }
  digestSession(d, session);
}

export function digestSession(d: Digest, session: Session): void {
  d.begin(Record.session);
  d.number(session.id);
  d.bytes(session.secretHash);
  d.number(session.timeoutMs);
  d.number(session.generation);
  for (const { scheme, id } of session.identities) {
    d.text(scheme);
    d.text(id);
  }
  d.number(session.lastWrite);
  d.number(session.acked);
  for (const [xid, hash, reply] of session.results) {
    d.number(xid);
    d.number(hash);
    d.bytes(reply);
  }
  d.end();
}

export interface SessionRecord {
  readonly id: number;
  readonly secretHash: Uint8Array;
  readonly timeoutMs: number;
  readonly generation: number;
  readonly identities: Session["identities"];
  readonly lastWrite: number;
  readonly acked: number;
  readonly results: readonly (readonly [number, number, Uint8Array])[];
}

export function readSession(value: readonly Value[]): SessionRecord {
  const [, id, secretHash, timeoutMs, generation, identities, lastWrite, acked, results] = value as unknown as [
    number,
    number,
    Uint8Array,
    number,
    number,
    Value,
    number,
    number,
    SessionRecord["results"],
  ];
  return { id, secretHash, timeoutMs, generation, identities: readIdentities(identities), lastWrite, acked, results };
}

/** `acl` is the number of the ACL within this snapshot. */
export function writeZnode(w: Writer, image: ZnodeImage, acl: number, d: Digest): void {
  w.array(ZNODE_FIELDS);
  w.int(Record.znode);
  w.int(image.slot);
  w.int(image.hash);
  w.int(image.parent);
  w.str(image.name);
  w.bin(image.data);
  w.int(acl);
  w.int(image.czxid);
  w.int(image.mzxid);
  w.int(image.pzxid);
  w.int(image.ctime);
  w.int(image.mtime);
  w.int(image.version);
  w.int(image.aversion);
  w.int(image.creates);
  w.int(image.ordinal);
  w.int(image.owner);
  w.int(image.kind);
  w.int(image.ttlMs);
  digestZnode(d, image);
}

/**
 * Slots differ between daemons and are left out: a znode is told by the hash of its path, its place among its siblings, and
 * the zxids of its life.
 */
export function digestZnode(d: Digest, image: ZnodeImage): void {
  d.begin(Record.znode);
  d.word(image.hash);
  d.text(image.name);
  d.bytes(image.data);
  for (const { permissions, scheme, id } of image.acl) {
    d.word(permissions);
    d.text(scheme);
    d.text(id);
  }
  d.number(image.czxid);
  d.number(image.mzxid);
  d.number(image.pzxid);
  d.number(image.ctime);
  d.number(image.mtime);
  d.word(image.version);
  d.word(image.aversion);
  d.number(image.creates);
  d.number(image.ordinal);
  d.number(image.owner);
  d.word(image.kind);
  d.number(image.ttlMs);
  d.end();
}

/** One znode record after the other is read into this, since it lives only until it is in the tree. */
export class ReadZnode implements ZnodeImage {
  slot = 0;
  hash = 0;
  parent = 0;
  name = "";
  data: Uint8Array | null = null;
  acl: readonly AclEntry[] = [];
  czxid = 0;
  mzxid = 0;
  pzxid = 0;
  ctime = 0;
  mtime = 0;
  version = 0;
  aversion = 0;
  creates = 0;
  ordinal = 0;
  owner = 0;
  kind = 0;
  ttlMs = 0;

  /** What `writeZnode` wrote behind the record's kind. */
  read(r: SnapshotReader, acls: ReadonlyMap<number, readonly AclEntry[]>): void {
    this.slot = r.int();
    this.hash = r.int();
    this.parent = r.int();
    this.name = r.str();
    this.data = r.bin();
    this.acl = knownAcl(r.int(), acls);
    this.czxid = r.int();
    this.mzxid = r.int();
    this.pzxid = r.int();
    this.ctime = r.int();
    this.mtime = r.int();
    this.version = r.int();
    this.aversion = r.int();
    this.creates = r.int();
    this.ordinal = r.int();
    this.owner = r.int();
    this.kind = r.int();
    this.ttlMs = r.int();
  }
}

function knownAcl(number: number, acls: ReadonlyMap<number, readonly AclEntry[]>): readonly AclEntry[] {
  const list = acls.get(number);
  if (list === undefined) throw new Error(`the snapshot has no ACL ${number}`);
  return list;
}

export function writeAclRecord(w: Writer, number: number, acl: readonly AclEntry[]): void {
  w.array(3);
  w.int(Record.acl);
  w.int(number);
  writeAcl(w, acl);
}

export function readAclRecord(value: readonly Value[]): [number, readonly AclEntry[]] {
  return [value[1] as number, (value[2] as readonly Value[]).map(readAclEntry)];
}

/** `acl` and `before` are numbers of ACLs within this snapshot; `before` -1 for none. */
export function writeHistory(w: Writer, entry: HistoryEntry, acl: number, before: number): void {
  w.array(HISTORY_FIELDS);
  w.int(Record.history);
  w.int(entry.zxid);
  w.int(entry.type);
  w.int(acl);
  w.int(before);
  w.bin(entry.path);
  w.bin(entry.data ?? null);
  w.bin(entry.stat ?? null);
}

/** Puts one entry back; what `writeHistory` wrote behind the record's kind. */
export function readHistory(r: SnapshotReader, acls: ReadonlyMap<number, readonly AclEntry[]>, into: History): void {
  const zxid = r.int();
  const type = r.int();
  const acl = knownAcl(r.int(), acls);
  const before = r.int();
  const path = r.bin();
  const data = r.bin();
  const stat = r.bin();
  if (path === null) throw new Error("the snapshot has an entry of the history without a path");
  const parts = data === null || stat === null ? [path] : [path, data, stat];
  into.restore(zxid, type, acl, before < 0 ? undefined : knownAcl(before, acls), parts);
}

export function writeHistorySince(w: Writer, since: number): void {
  w.array(2);
  w.int(Record.historySince);
  w.int(since);
}

export function writeEnd(w: Writer, znodes: number, sessions: number, digest: string): void {
  w.array(4);
  w.int(Record.end);
  w.int(znodes);
  w.int(sessions);
  w.str(digest);
}

/**
 * From a snapshot back to a State. Throws when the snapshot is not whole or its digest does not match: then another
 * one is to be tried.
 */
import type { AclEntry, Value } from "@corral/protocol";
import { CHECKSUM_START, Digest, checksum } from "./digest.ts";
import type { HistoryLimits } from "./history.ts";
import { SnapshotReader } from "./snapshot-reader.ts";
import {
  readAclRecord,
  readHead,
  readHistory,
  readSession,
  ReadZnode,
  Record,
  HISTORY_FIELDS,
  ZNODE_FIELDS,
  digestOptions,
  digestSession,
  digestZnode,
} from "./snapshot-records.ts";
import { State } from "./state.ts";
import { Tree } from "./tree/tree.ts";

/** Before each piece: its length and the checksum up to its end. */
const HEAD_BYTES = 8;
/** Room for the begun piece at first: a piece has about so many bytes. */
const PENDING_BYTES = 128 * 1024;

export class Restorer {
  readonly #state: State;
  readonly #digest = new Digest();
  readonly #acls = new Map<number, readonly AclEntry[]>();
  readonly #reader = new SnapshotReader();
  readonly #znode = new ReadZnode();
  /** The beginning of a piece whose rest is to come: so many bytes of this memory. */
  #memory: Uint8Array = new Uint8Array(PENDING_BYTES);
  #pending = 0;
  #znodes = 0;
  #checksum = CHECKSUM_START;
  #end: readonly Value[] | undefined;

  constructor(historyLimits?: HistoryLimits) {
    this.#state = new State(historyLimits, Tree.forLoading());
  }

  /** Takes the snapshot's bytes in pieces of any size; keeps no view of them. */
  write(chunk: Uint8Array): void {
    let at = this.#complete(chunk);
    while (chunk.length - at >= HEAD_BYTES) {
      const { length, sum } = readPieceHead(chunk, at);
      if (chunk.length - at < HEAD_BYTES + length) break;
      this.#piece(chunk.subarray(at + HEAD_BYTES, at + HEAD_BYTES + length), sum);
      at += HEAD_BYTES + length;
    }
    this.#keep(chunk, at, chunk.length);
  }

  /** Takes what a piece that has begun still needs; returns how much that was. */
  #complete(chunk: Uint8Array): number {
    if (this.#pending === 0) return 0;
    let at = Math.min(chunk.length, Math.max(0, HEAD_BYTES - this.#pending));
    this.#keep(chunk, 0, at);
    if (this.#pending < HEAD_BYTES) return at;
    const { length, sum } = readPieceHead(this.#memory, 0);
    const end = Math.min(chunk.length, at + HEAD_BYTES + length - this.#pending);
    this.#keep(chunk, at, end);
    at = end;
    if (this.#pending < HEAD_BYTES + length) return at;
    this.#pending = 0;
    this.#piece(this.#memory.subarray(HEAD_BYTES, HEAD_BYTES + length), sum);
    return at;
  }

  #keep(chunk: Uint8Array, from: number, to: number): void {
    const needed = this.#pending + to - from;
    if (needed > this.#memory.length) {
      const grown = new Uint8Array(Math.max(needed, this.#memory.length * 2));
      grown.set(this.#memory.subarray(0, this.#pending));
      this.#memory = grown;
    }
    this.#memory.set(chunk.subarray(from, to), this.#pending);
    this.#pending = needed;
  }

  #piece(bytes: Uint8Array, expected: number): void {
    if (this.#end !== undefined) throw new Error("the snapshot goes on after its end");
    this.#checksum = checksum(this.#checksum, bytes);
    if (this.#checksum !== expected) throw new Error("the snapshot is damaged: the checksum of a piece does not match");
    this.#reader.begin(bytes);
    while (this.#reader.hasMore) this.#record();
  }

  #record(): void {
    const r = this.#reader;
    const fields = r.array();
    const kind = r.int();
    switch (kind) {
      case Record.znode:
        expectFields(fields, ZNODE_FIELDS);
        this.#znode.read(r, this.#acls);
        digestZnode(this.#digest, this.#znode);
        this.#state.tree.load(this.#znode);
        this.#znodes++;
        return;
      case Record.history:
        expectFields(fields, HISTORY_FIELDS);
        return readHistory(r, this.#acls, this.#state.history);
      default: {
        const values: Value[] = [kind];
        for (let i = 1; i < fields; i++) values.push(r.value());
        return this.#seldom(values);
      }
    }
  }

  #seldom(value: readonly Value[]): void {
    const state = this.#state;
    switch (value[0]) {
      case Record.head: {
        const { zxid, timeMs, options } = readHead(value);
        state.zxid = zxid;
        state.timeMs = timeMs;
        state.options = options;
        digestOptions(this.#digest, options);
        return;
      }
      case Record.acl: {
        const [number, acl] = readAclRecord(value);
        this.#acls.set(number, acl);
        return;
      }
      case Record.session:
        return this.#session(value);
      case Record.historySince:
        return state.history.forgetUpTo(value[1] as number);
      case Record.end:
        this.#end = value;
        return;
      default:
        throw new Error(`the snapshot has a record of the unknown kind ${String(value[0])}`);
    }
  }

  #session(value: readonly Value[]): void {
    const record = readSession(value);
    const session = this.#state.sessions.open(record.id, record.secretHash, record.timeoutMs, record.identities);
    session.generation = record.generation;
    session.lastWrite = record.lastWrite;
    session.acked = record.acked;
    for (const [xid, hash, reply] of record.results) session.results.remember(xid, hash, reply);
    digestSession(this.#digest, session);
  }

  /** The state, complete and verified. */
  finish(): State {
    const state = this.#state;
    if (this.#end === undefined || this.#pending > 0) throw new Error("the snapshot ends early");
    const [, znodes, sessions, digest] = this.#end as [number, number, number, string];
    if (this.#znodes !== znodes || state.sessions.count !== sessions) {
      throw new Error(
        `the snapshot has ${this.#znodes} znodes and ${state.sessions.count} sessions instead of ${znodes} and ${sessions}`,
      );
    }
    if (this.#digest.value !== digest)
      throw new Error(`the snapshot's digest is ${this.#digest.value} instead of ${digest}`);
    state.tree.loaded();
    for (const owner of state.tree.ephemeralOwners()) {
      if (state.sessions.get(owner) === undefined)
        throw new Error(`the snapshot has ephemerals of session ${owner}, but not the session`);
    }
    state.quotas.reload();
    return state;
  }
}

function readPieceHead(bytes: Uint8Array, at: number): { readonly length: number; readonly sum: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, HEAD_BYTES);
  return { length: view.getUint32(0), sum: view.getInt32(4) };
}

function expectFields(found: number, wanted: number): void {
  if (found !== wanted) throw new Error(`a record of the snapshot has ${found} fields in place of ${wanted}`);
}

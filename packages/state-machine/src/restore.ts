/**
 * From a snapshot back to a State. Throws when the snapshot is not whole or its digest does not match: then another
 * one is to be tried.
 */
import { type AclEntry, type Value, decodeFrame } from "@corral/protocol";
import { CHECKSUM_START, Digest, checksum } from "./digest.ts";
import type { HistoryLimits } from "./history.ts";
import {
  readAclRecord,
  readHead,
  readSession,
  readZnode,
  Record,
  digestOptions,
  digestSession,
  digestZnode,
} from "./snapshot-records.ts";
import { State } from "./state.ts";
import { Tree } from "./tree/tree.ts";

export class Restorer {
  readonly #state: State;
  readonly #digest = new Digest();
  readonly #acls = new Map<number, readonly AclEntry[]>();
  #pending: Uint8Array = new Uint8Array(0);
  #znodes = 0;
  #checksum = CHECKSUM_START;
  #end: readonly Value[] | undefined;

  constructor(historyLimits?: HistoryLimits) {
    this.#state = new State(historyLimits, Tree.forLoading());
  }

  /** Takes the snapshot's bytes in pieces of any size. */
  write(chunk: Uint8Array): void {
    let bytes = chunk;
    if (this.#pending.length > 0) {
      bytes = new Uint8Array(this.#pending.length + chunk.length);
      bytes.set(this.#pending);
      bytes.set(chunk, this.#pending.length);
    }
    let at = 0;
    while (bytes.length - at >= 8) {
      const head = new DataView(bytes.buffer, bytes.byteOffset + at);
      const length = head.getUint32(0);
      if (bytes.length - at < 8 + length) break;
      this.#piece(bytes.subarray(at + 8, at + 8 + length), head.getInt32(4));
      at += 8 + length;
    }
    this.#pending = bytes.slice(at);
  }

  #piece(bytes: Uint8Array, expected: number): void {
    if (this.#end !== undefined) throw new Error("the snapshot goes on after its end");
    this.#checksum = checksum(this.#checksum, bytes);
    if (this.#checksum !== expected) throw new Error("the snapshot is damaged: the checksum of a piece does not match");
    // Where no znode was left among so many slots, there was nothing to write.
    if (bytes.length === 0) return;
    for (const value of decodeFrame(bytes, Number.MAX_SAFE_INTEGER).values) this.#record(value as readonly Value[]);
  }

  #record(value: readonly Value[]): void {
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
      case Record.znode: {
        const image = readZnode(value, this.#acls);
        digestZnode(this.#digest, image);
        state.tree.load(image);
        this.#znodes++;
        return;
      }
      case Record.history:
        return this.#entry(value);
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

  #entry(value: readonly Value[]): void {
    const [, zxid, type, acl, before, path, data, stat] = value as unknown as [
      number,
      number,
      number,
      number,
      number,
      Uint8Array,
      Uint8Array | null,
      Uint8Array | null,
    ];
    const parts = data === null || stat === null ? [path] : [path, data, stat];
    this.#state.history.restore(zxid, type, this.#acls.get(acl)!, this.#acls.get(before), parts);
  }

  /** The state, complete and verified. */
  finish(): State {
    const state = this.#state;
    if (this.#end === undefined || this.#pending.length > 0) throw new Error("the snapshot ends early");
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

/**
 * Txn: everything that can stand in the log. A Txn is a command; whether it succeeds is decided when it is applied.
 *
 * In a batch, one after the other, each Txn is a MessagePack array `[kind, …]`; a client's write is followed by the
 * request itself, byte for byte as it came from the wire.
 */
import {
  type Identity,
  ProtocolError,
  type Request,
  type Value,
  type WriteRequest,
  type Writer,
  decodeFrame,
  isWrite,
  readMessage,
} from "@corral/protocol";
import { readIdentities, writeIdentities } from "./identities.ts";
import { type Options, readOptions, writeOptions } from "./options.ts";

/** Who waits for the outcome of an open or attach: a daemon, and a connection of it. */
export interface Origin {
  /** Random number of the daemon's life. */
  readonly daemon: number;
  readonly connection: number;
}

export const TxnKind = { write: 0, addAuth: 1, open: 2, attach: 3, expire: 4, reap: 5, options: 6, sync: 7 } as const;

export interface WriteTxn {
  readonly kind: typeof TxnKind.write;
  readonly session: number;
  readonly generation: number;
  readonly acked: number;
  /** Of the request's bytes; see `requestHash`. */
  readonly hash: number;
  readonly request: WriteRequest;
}
export interface AddAuthTxn {
  readonly kind: typeof TxnKind.addAuth;
  readonly session: number;
  readonly generation: number;
  readonly acked: number;
  readonly xid: number;
  readonly hash: number;
  readonly identity: Identity;
}
export interface OpenTxn {
  readonly kind: typeof TxnKind.open;
  readonly origin: Origin;
  readonly secretHash: Uint8Array;
  readonly timeoutMs: number;
  readonly identities: readonly Identity[];
  /** Closed in the same transaction, if it lives and the secret is right. */
  readonly replaces: { readonly session: number; readonly secretHash: Uint8Array } | null;
}
export interface AttachTxn {
  readonly kind: typeof TxnKind.attach;
  readonly origin: Origin;
  readonly session: number;
  readonly secretHash: Uint8Array;
  readonly timeoutMs: number;
  readonly identities: readonly Identity[];
  readonly acked: number;
}
export interface ExpireTxn {
  readonly kind: typeof TxnKind.expire;
  readonly session: number;
  /** The attachment whose silence was measured; a newer one keeps the session alive. */
  readonly generation: number;
}
export interface ReapTxn {
  readonly kind: typeof TxnKind.reap;
  readonly path: string;
  readonly czxid: number;
}
export interface OptionsTxn {
  readonly kind: typeof TxnKind.options;
  readonly options: Options;
}
/** Changes nothing: what was committed before it has been applied where it is seen. */
export interface SyncTxn {
  readonly kind: typeof TxnKind.sync;
  readonly session: number;
  readonly generation: number;
  readonly xid: number;
}

export type Txn = WriteTxn | AddAuthTxn | OpenTxn | AttachTxn | ExpireTxn | ReapTxn | OptionsTxn | SyncTxn;

/** FNV-1a over a request's bytes: tells a repetition from another request with the same xid. */
export function requestHash(bytes: Uint8Array, start: number, end: number): number {
  let hash = -2_128_831_035;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 16_777_619);
  return hash >>> 0;
}

/** A client's write, with the request's bytes as they came: these, or a part of them. */
export function writeWriteTxn(
  w: Writer,
  txn: Omit<WriteTxn, "kind" | "request">,
  frame: Uint8Array,
  start = 0,
  end: number = frame.length,
): void {
  w.array(5);
  w.int(TxnKind.write);
  w.int(txn.session);
  w.int(txn.generation);
  w.int(txn.acked);
  w.int(txn.hash);
  w.raw(frame, start, end);
}

export function writeTxn(w: Writer, txn: Exclude<Txn, WriteTxn>): void {
  switch (txn.kind) {
    case TxnKind.addAuth:
      w.array(8);
      w.int(txn.kind);
      w.int(txn.session);
      w.int(txn.generation);
      w.int(txn.acked);
      w.int(txn.xid);
      w.int(txn.hash);
      w.str(txn.identity.scheme);
      return w.str(txn.identity.id);
    case TxnKind.open:
      w.array(8);
      w.int(txn.kind);
      writeOrigin(w, txn.origin);
      w.bin(txn.secretHash);
      w.int(txn.timeoutMs);
      writeIdentities(w, txn.identities);
      w.int(txn.replaces?.session ?? 0);
      return w.bin(txn.replaces?.secretHash ?? null);
    case TxnKind.attach:
      w.array(8);
      w.int(txn.kind);
      writeOrigin(w, txn.origin);
      w.int(txn.session);
      w.bin(txn.secretHash);
      w.int(txn.timeoutMs);
      writeIdentities(w, txn.identities);
      return w.int(txn.acked);
    case TxnKind.expire:
      w.array(3);
      w.int(txn.kind);
      w.int(txn.session);
      return w.int(txn.generation);
    case TxnKind.reap:
      w.array(3);
      w.int(txn.kind);
      w.str(txn.path);
      return w.int(txn.czxid);
    case TxnKind.options:
      w.array(2);
      w.int(txn.kind);
      return writeOptions(w, txn.options);
    case TxnKind.sync:
      w.array(4);
      w.int(txn.kind);
      w.int(txn.session);
      w.int(txn.generation);
      return w.int(txn.xid);
  }
}

function writeOrigin(w: Writer, origin: Origin): void {
  w.int(origin.daemon);
  w.int(origin.connection);
}

/** The entries of a batch's body. Throws {@link ProtocolError} when the body is not what this release writes. */
export function readTxns(body: Uint8Array, count: number): Txn[] {
  const { values } = decodeFrame(body, Number.MAX_SAFE_INTEGER);
  const txns: Txn[] = [];
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as readonly Value[];
    if (value[0] === TxnKind.write) txns.push(readWriteTxn(value as readonly number[], values[++i]));
    else txns.push(readTxn(value));
  }
  if (txns.length !== count) throw new ProtocolError(`the batch holds ${txns.length} entries instead of ${count}`);
  return txns;
}

function readWriteTxn(value: readonly number[], request: Value | undefined): WriteTxn {
  const [, session, generation, acked, hash] = value as [number, number, number, number, number];
  const read = readMessage(request ?? null);
  if (read.xid === 0 || !isWrite(read as Request))
    throw new ProtocolError("the log holds a request that is not a write");
  return { kind: TxnKind.write, session, generation, acked, hash, request: read as WriteRequest };
}

function readTxn(value: readonly Value[]): Txn {
  const kind = value[0] as number;
  switch (kind) {
    case TxnKind.addAuth: {
      const [, session, generation, acked, xid, hash, scheme, id] = value as [
        number,
        number,
        number,
        number,
        number,
        number,
        string,
        string,
      ];
      return { kind, session, generation, acked, xid, hash, identity: { scheme, id } };
    }
    case TxnKind.open: {
      const [, daemon, connection, secretHash, timeoutMs, identities, session, oldHash] = value as [
        number,
        number,
        number,
        Uint8Array,
        number,
        Value,
        number,
        Uint8Array | null,
      ];
      const replaces = oldHash === null ? null : { session, secretHash: oldHash };
      return {
        kind,
        origin: { daemon, connection },
        secretHash,
        timeoutMs,
        identities: readIdentities(identities),
        replaces,
      };
    }
    case TxnKind.attach: {
      const [, daemon, connection, session, secretHash, timeoutMs, identities, acked] = value as [
        number,
        number,
        number,
        number,
        Uint8Array,
        number,
        Value,
        number,
      ];
      return {
        kind,
        origin: { daemon, connection },
        session,
        secretHash,
        timeoutMs,
        identities: readIdentities(identities),
        acked,
      };
    }
    case TxnKind.expire:
      return { kind, session: value[1] as number, generation: value[2] as number };
    case TxnKind.reap:
      return { kind, path: value[1] as string, czxid: value[2] as number };
    case TxnKind.options:
      return { kind, options: readOptions(value[1]!) };
    case TxnKind.sync:
      return { kind, session: value[1] as number, generation: value[2] as number, xid: value[3] as number };
    default:
      throw new ProtocolError(`the log holds an entry of the unknown kind ${String(kind)}`);
  }
}

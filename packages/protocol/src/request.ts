/**
 * Requests: what a client asks of its session, one type an operation.
 */
import type { AclEntry } from "./acl.ts";
import { Op } from "./op.ts";

/** A condition on a znode that must hold for a write to happen. */
export interface Guard {
  readonly path: string;
  /** One of `CheckKind`. */
  readonly kind: number;
  readonly value: number;
}

export interface CreateOp {
  readonly op: typeof Op.create;
  readonly path: string;
  readonly data: Uint8Array | null;
  /** One of `CreateMode`. */
  readonly mode: number;
  /** Null: open to everyone. */
  readonly acl: readonly AclEntry[] | null;
  /** Milliseconds; 0 unless the mode has a time to live. */
  readonly ttlMs: number;
  /** Sum of `CreateFlag`. */
  readonly flags: number;
}
export interface DeleteOp {
  readonly op: typeof Op.delete;
  readonly path: string;
  /** -1: any. */
  readonly version: number;
}
export interface SetOp {
  readonly op: typeof Op.set;
  readonly path: string;
  readonly data: Uint8Array | null;
  /** -1: any. */
  readonly version: number;
}
export interface CheckOp extends Guard {
  readonly op: typeof Op.check;
}
export interface SetAclOp {
  readonly op: typeof Op.setAcl;
  readonly path: string;
  readonly acl: readonly AclEntry[];
  /** Compared with the Stat's aversion; -1: any. */
  readonly version: number;
}
/** What may stand in a multi. */
export type MultiOp = CreateOp | DeleteOp | SetOp | CheckOp | SetAclOp;

export interface MultiRequest {
  readonly op: typeof Op.multi | typeof Op.multiEach;
  readonly ops: readonly MultiOp[];
}
export interface DeleteTreeRequest {
  readonly op: typeof Op.deleteTree;
  readonly path: string;
  /** Refused when there are more znodes than this, the root of the subtree counted. */
  readonly nodesMax: number;
}
export interface CloseRequest {
  readonly op: typeof Op.close;
}
/** A request that goes through the log, and is applied exactly once while its session lives. */
export type WriteBody = CreateOp | DeleteOp | SetOp | SetAclOp | MultiRequest | DeleteTreeRequest | CloseRequest;

/** A request that goes through the log. Its guards must hold, else it is refused as a whole. */
export type WriteRequest = WriteBody & { readonly xid: number; readonly guards: readonly Guard[] | null };

/** Makes an identity of the session from a credential; goes through the log, the credential itself does not. */
export interface AddAuthRequest {
  readonly op: typeof Op.addAuth;
  readonly scheme: string;
  readonly credential: Uint8Array;
}
export interface NodeRead {
  readonly op: typeof Op.exists | typeof Op.get;
  readonly path: string;
  readonly watch: boolean;
  /** One of `Consistency`. */
  readonly consistency: number;
}
export interface AclRead {
  readonly op: typeof Op.getAcl;
  readonly path: string;
  readonly consistency: number;
}
export interface ChildrenRead {
  readonly op: typeof Op.children;
  readonly path: string;
  readonly watch: boolean;
  readonly consistency: number;
  /** One of `Include`. */
  readonly include: number;
  /** Where the page before ended, as the server gave it; null for the first. */
  readonly cursor: readonly number[] | null;
  /** At most so many children; 0: as many as a page holds. */
  readonly limit: number;
}
export interface MultiRead {
  readonly op: typeof Op.multiRead;
  readonly reads: readonly { readonly op: number; readonly path: string }[];
  readonly consistency: number;
}
export interface SyncRequest {
  readonly op: typeof Op.sync;
  readonly path: string;
}
export interface EphemeralsRead {
  readonly op: typeof Op.ephemerals;
  readonly prefix: string;
  /** Only those created after this zxid: where the page before ended. */
  readonly after: number;
}
export interface CountRead {
  readonly op: typeof Op.countDescendants;
  readonly path: string;
  readonly consistency: number;
}
export interface WhoAmIRead {
  readonly op: typeof Op.whoAmI;
}
export interface AddWatchRequest {
  readonly op: typeof Op.addWatch;
  readonly path: string;
  /** One of `WatchMode`. */
  readonly mode: number;
}
export interface WatchesRequest {
  readonly op: typeof Op.checkWatches | typeof Op.removeWatches;
  readonly path: string;
  /** One of `WatcherType`. */
  readonly type: number;
}
export interface SetWatchesRequest {
  readonly op: typeof Op.setWatches;
  readonly watches: readonly RegisteredWatch[];
}
/** A watch that the client held before its connection broke. */
export interface RegisteredWatch {
  readonly path: string;
  /** One of `WatchKind`. */
  readonly kind: number;
  /** Everything up to this zxid has been seen by the watch. */
  readonly zxid: number;
}
export interface SubscribeRequest {
  readonly op: typeof Op.subscribe;
  /** Chosen by the client, unused so far in its session. */
  readonly id: number;
  readonly path: string;
  /** Every change after this zxid; -1: begin with the subtree as it is. */
  readonly since: number;
  /** One of `Scope`. */
  readonly scope: number;
  /** Sum of `SubscribeFlag`. */
  readonly flags: number;
  /** How many messages the server may send before more are granted. */
  readonly credits: number;
}
export interface UnsubscribeRequest {
  readonly op: typeof Op.unsubscribe;
  readonly id: number;
}
/** A request that is answered from the state of the daemon, in its turn among the session's others. */
export type ReadBody =
  | NodeRead
  | AclRead
  | ChildrenRead
  | MultiRead
  | SyncRequest
  | EphemeralsRead
  | CountRead
  | WhoAmIRead
  | AddWatchRequest
  | WatchesRequest
  | SetWatchesRequest
  | SubscribeRequest
  | UnsubscribeRequest;

export type ReadRequest = ReadBody & { readonly xid: number };
export type Request = WriteRequest | ReadRequest | (AddAuthRequest & { readonly xid: number });
/** A request before it has its number. */
export type RequestBody = WriteBody | ReadBody | AddAuthRequest;

/** Outside a session's order; xid 0. */
export type Signal =
  | { readonly op: typeof Op.ping }
  | { readonly op: typeof Op.ack; readonly acked: number }
  | { readonly op: typeof Op.credit; readonly id: number; readonly credits: number };

export const isWrite = (request: Request): request is WriteRequest => writes.has(request.op);
const writes: ReadonlySet<number> = new Set([
  Op.create,
  Op.delete,
  Op.set,
  Op.setAcl,
  Op.multi,
  Op.multiEach,
  Op.deleteTree,
  Op.close,
]);

/**
 * Requests: what a client asks of its session, one type an operation, and their wire form `[xid, op, …]`.
 *
 * `readRequest` checks shapes only (a path is a string, a version an integer). Whether a path is well formed or a mode
 * exists is decided when the request is executed, so that a bad argument is an answer and not the end of a connection.
 */
import type { AclEntry } from "./acl.ts";
import { ProtocolError, type Value } from "./frame.ts";
import { Op, opName } from "./op.ts";
import { Shape } from "./shape.ts";
import type { Writer } from "./writer.ts";

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

/** A message of the client after its Hello. Throws {@link ProtocolError} when its shape is wrong. */
export function readMessage(value: Value): Request | (Signal & { readonly xid: 0 }) {
  const shape = new Shape(value, "the message");
  const xid = shape.natural("xid");
  const op = shape.int("operation");
  return xid === 0 ? readSignal(op, shape) : readRequest(xid, op, shape);
}

function readSignal(op: number, shape: Shape): Signal & { readonly xid: 0 } {
  switch (op) {
    case Op.ping:
      return { xid: 0, op };
    case Op.ack:
      return { xid: 0, op, acked: shape.natural("acked") };
    case Op.credit:
      return { xid: 0, op, id: shape.natural("id"), credits: shape.natural("credits") };
    default:
      throw new ProtocolError(`${opName(op)} with xid 0`);
  }
}

function readRequest(xid: number, op: number, s: Shape): Request {
  const request = readBody(xid, op, s);
  s.end();
  return request;
}

function readBody(xid: number, op: number, s: Shape): Request {
  switch (op) {
    case Op.create:
    case Op.delete:
    case Op.set:
    case Op.setAcl: {
      const body = readMultiOp(op, s) as CreateOp | DeleteOp | SetOp | SetAclOp;
      return { ...body, xid, guards: readGuards(s) };
    }
    case Op.multi:
    case Op.multiEach: {
      const ops = s.list("operations", (item) => {
        const inner = new Shape(item, "the operation");
        const read = readMultiOp(inner.int("operation"), inner);
        inner.end();
        return read;
      });
      return { op, xid, ops, guards: readGuards(s) };
    }
    case Op.deleteTree:
      return { op, xid, path: s.str("path"), nodesMax: s.natural("nodesMax"), guards: readGuards(s) };
    case Op.close:
      return { op, xid, guards: null };
    case Op.addAuth:
      return { op, xid, scheme: s.str("scheme"), credential: s.bin("credential") };
    case Op.exists:
    case Op.get:
      return { op, xid, path: s.str("path"), watch: s.bool("watch"), consistency: s.natural("consistency") };
    case Op.getAcl:
    case Op.countDescendants:
      return { op, xid, path: s.str("path"), consistency: s.natural("consistency") };
    case Op.children:
      return {
        op,
        xid,
        path: s.str("path"),
        watch: s.bool("watch"),
        consistency: s.natural("consistency"),
        include: s.natural("include"),
        cursor: s.listOrNil("cursor", integer),
        limit: s.natural("limit"),
      };
    case Op.multiRead: {
      const reads = s.list("reads", (item) => {
        const inner = new Shape(item, "the read");
        const read = { op: inner.int("operation"), path: inner.str("path") };
        inner.end();
        return read;
      });
      return { op, xid, reads, consistency: s.natural("consistency") };
    }
    case Op.sync:
      return { op, xid, path: s.str("path") };
    case Op.ephemerals:
      return { op, xid, prefix: s.str("prefix"), after: s.natural("after") };
    case Op.whoAmI:
      return { op, xid };
    case Op.addWatch:
      return { op, xid, path: s.str("path"), mode: s.int("mode") };
    case Op.checkWatches:
    case Op.removeWatches:
      return { op, xid, path: s.str("path"), type: s.int("type") };
    case Op.setWatches: {
      const watches = s.list("watches", (item) => {
        const inner = new Shape(item, "the watch");
        const watch = { path: inner.str("path"), kind: inner.int("kind"), zxid: inner.natural("zxid") };
        inner.end();
        return watch;
      });
      return { op, xid, watches };
    }
    case Op.subscribe:
      return {
        op,
        xid,
        id: s.natural("id"),
        path: s.str("path"),
        since: s.int("since"),
        scope: s.natural("scope"),
        flags: s.natural("flags"),
        credits: s.natural("credits"),
      };
    case Op.unsubscribe:
      return { op, xid, id: s.natural("id") };
    default:
      throw new UnknownOperation(xid, op);
  }
}

/** The one shape fault that has an answer: UNIMPLEMENTED, then the connection is closed, as ZooKeeper does. */
export class UnknownOperation extends ProtocolError {
  readonly xid: number;
  constructor(xid: number, op: number) {
    super(`${opName(op)} is not known`);
    this.xid = xid;
  }
}

function readMultiOp(op: number, s: Shape): MultiOp {
  switch (op) {
    case Op.create:
      return {
        op,
        path: s.str("path"),
        data: s.binOrNil("data"),
        mode: s.int("mode"),
        acl: s.listOrNil("acl", readAclEntry),
        ttlMs: s.int("ttlMs"),
        flags: s.natural("flags"),
      };
    case Op.delete:
      return { op, path: s.str("path"), version: s.int("version") };
    case Op.set:
      return { op, path: s.str("path"), data: s.binOrNil("data"), version: s.int("version") };
    case Op.setAcl:
      return { op, path: s.str("path"), acl: s.list("acl", readAclEntry), version: s.int("version") };
    case Op.check:
      return { op, path: s.str("path"), kind: s.int("kind"), value: s.int("value") };
    default:
      throw new ProtocolError(`${opName(op)} cannot stand in a multi`);
  }
}

function readGuards(s: Shape): readonly Guard[] | null {
  return s.listOrNil("guards", (item) => {
    const inner = new Shape(item, "the guard");
    const guard = { path: inner.str("path"), kind: inner.int("kind"), value: inner.int("value") };
    inner.end();
    return guard;
  });
}

/** An ACL entry from its wire form `[permissions, scheme, id]`. */
export function readAclEntry(value: Value): AclEntry {
  const shape = new Shape(value, "the ACL entry");
  const entry = { permissions: shape.int("permissions"), scheme: shape.str("scheme"), id: shape.str("id") };
  shape.end();
  return entry;
}

function integer(value: Value): number {
  if (typeof value !== "number") throw new ProtocolError("the cursor holds something else than integers");
  return value;
}

export function writeAcl(w: Writer, acl: readonly AclEntry[]): void {
  w.array(acl.length);
  for (const entry of acl) {
    w.array(3);
    w.int(entry.permissions);
    w.str(entry.scheme);
    w.str(entry.id);
  }
}

function writeGuards(w: Writer, guards: readonly Guard[] | null): void {
  if (guards === null || guards.length === 0) {
    w.nil();
    return;
  }
  w.array(guards.length);
  for (const guard of guards) {
    w.array(3);
    w.str(guard.path);
    w.int(guard.kind);
    w.int(guard.value);
  }
}

/** How many elements an operation has of its own. */
const OWN_FIELDS: Readonly<Record<MultiOp["op"], number>> = {
  [Op.create]: 6,
  [Op.delete]: 2,
  [Op.set]: 3,
  [Op.setAcl]: 3,
  [Op.check]: 3,
};

/** Writes an operation's own elements; the array they stand in has been begun. */
function writeOwnFields(w: Writer, op: MultiOp): void {
  switch (op.op) {
    case Op.create:
      w.str(op.path);
      w.bin(op.data);
      w.int(op.mode);
      if (op.acl === null) w.nil();
      else writeAcl(w, op.acl);
      w.int(op.ttlMs);
      w.int(op.flags);
      return;
    case Op.delete:
      w.str(op.path);
      w.int(op.version);
      return;
    case Op.set:
      w.str(op.path);
      w.bin(op.data);
      w.int(op.version);
      return;
    case Op.setAcl:
      w.str(op.path);
      writeAcl(w, op.acl);
      w.int(op.version);
      return;
    case Op.check:
      w.str(op.path);
      w.int(op.kind);
      w.int(op.value);
      return;
  }
}

/** Writes a request in its wire form. */
export function writeRequest(w: Writer, xid: number, body: RequestBody, guards: readonly Guard[] | null = null): void {
  const head = (fields: number): void => {
    w.array(fields + 2);
    w.int(xid);
    w.int(body.op);
  };
  switch (body.op) {
    case Op.create:
    case Op.delete:
    case Op.set:
    case Op.setAcl:
      head(OWN_FIELDS[body.op] + 1);
      writeOwnFields(w, body);
      return writeGuards(w, guards);
    case Op.multi:
    case Op.multiEach:
      head(2);
      w.array(body.ops.length);
      for (const op of body.ops) {
        w.array(OWN_FIELDS[op.op] + 1);
        w.int(op.op);
        writeOwnFields(w, op);
      }
      return writeGuards(w, guards);
    case Op.deleteTree:
      head(3);
      w.str(body.path);
      w.int(body.nodesMax);
      return writeGuards(w, guards);
    case Op.close:
    case Op.whoAmI:
      return head(0);
    case Op.addAuth:
      head(2);
      w.str(body.scheme);
      return w.bin(body.credential);
    case Op.exists:
    case Op.get:
      head(3);
      w.str(body.path);
      w.bool(body.watch);
      return w.int(body.consistency);
    case Op.getAcl:
    case Op.countDescendants:
      head(2);
      w.str(body.path);
      return w.int(body.consistency);
    case Op.children:
      head(6);
      w.str(body.path);
      w.bool(body.watch);
      w.int(body.consistency);
      w.int(body.include);
      writeCursor(w, body.cursor);
      return w.int(body.limit);
    case Op.multiRead:
      head(2);
      w.array(body.reads.length);
      for (const read of body.reads) {
        w.array(2);
        w.int(read.op);
        w.str(read.path);
      }
      return w.int(body.consistency);
    case Op.sync:
      head(1);
      return w.str(body.path);
    case Op.ephemerals:
      head(2);
      w.str(body.prefix);
      return w.int(body.after);
    case Op.addWatch:
      head(2);
      w.str(body.path);
      return w.int(body.mode);
    case Op.checkWatches:
    case Op.removeWatches:
      head(2);
      w.str(body.path);
      return w.int(body.type);
    case Op.setWatches:
      head(1);
      w.array(body.watches.length);
      for (const watch of body.watches) {
        w.array(3);
        w.str(watch.path);
        w.int(watch.kind);
        w.int(watch.zxid);
      }
      return;
    case Op.subscribe:
      head(6);
      w.int(body.id);
      w.str(body.path);
      w.int(body.since);
      w.int(body.scope);
      w.int(body.flags);
      return w.int(body.credits);
    case Op.unsubscribe:
      head(1);
      return w.int(body.id);
  }
}

function writeCursor(w: Writer, cursor: readonly number[] | null): void {
  if (cursor === null) return w.nil();
  w.array(cursor.length);
  for (const part of cursor) w.int(part);
}

/** Writes a signal: `[0, op, …]`. */
export function writeSignal(w: Writer, signal: Signal): void {
  w.array(signal.op === Op.ping ? 2 : signal.op === Op.ack ? 3 : 4);
  w.int(0);
  w.int(signal.op);
  if (signal.op === Op.ack) w.int(signal.acked);
  else if (signal.op === Op.credit) {
    w.int(signal.id);
    w.int(signal.credits);
  }
}

/**
 * From a decoded message of a client to a request or a signal.
 *
 * Checks shapes only (a path is a string, a version an integer). Whether a path is well formed or a mode exists is
 * decided when the request is executed, so that a bad argument is an answer and not the end of a connection.
 */
import type { AclEntry } from "./acl.ts";
import { ProtocolError, type Value } from "./frame.ts";
import { Op, opName } from "./op.ts";
import type { CreateOp, DeleteOp, Guard, MultiOp, Request, SetAclOp, SetOp, Signal } from "./request.ts";
import { Shape } from "./shape.ts";

/** A message of the client after its Hello. Throws {@link ProtocolError} when its shape is wrong. */
export function readMessage(value: Value): Request | (Signal & { readonly xid: 0 }) {
  const shape = new Shape(value, "the message");
  const xid = shape.natural("xid");
  const op = shape.int("operation");
  const message = xid === 0 ? readSignal(op, shape) : readRequest(xid, op, shape);
  shape.end();
  return message;
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

/** An operation that becomes a request of its own. */
type Extending<T> = T & { xid: number; guards: readonly Guard[] | null };

function readRequest(xid: number, op: number, s: Shape): Request {
  switch (op) {
    case Op.create:
    case Op.delete:
    case Op.set:
    case Op.setAcl: {
      // Two fields more on the one object: a copy, `{ ...body, xid, … }`, is an object of a kind that Node 20 reads slowly, and a set cost twice as much.
      const request = readMultiOp(op, s) as Extending<CreateOp | DeleteOp | SetOp | SetAclOp>;
      request.xid = xid;
      request.guards = readGuards(s);
      return request;
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

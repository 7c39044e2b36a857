/**
 * From a request or a signal to its wire form, `[xid, op, …]`. What is written here, `read-request.ts` reads.
 */
import type { AclEntry } from "./acl.ts";
import { Op } from "./op.ts";
import type { Guard, MultiOp, RequestBody, Signal } from "./request.ts";
import type { Writer } from "./writer.ts";

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

/**
 * Read: where a request that changes nothing is answered from the applied state, and the watch that it asks for is set.
 * It rejoins the writes' way at respond.
 */
import {
  type AclRead,
  type ChildrenRead,
  type CountRead,
  type EphemeralsRead,
  type NodeRead,
  Op,
  Permission,
  type ReadRequest,
  type Writer,
  writeAcl,
  writeDetail,
} from "@corral/protocol";
import { NIL, type Refusal, allows, maskDigests, refuse } from "@corral/state-machine";
import type { Connection } from "../tables/connection.ts";
import { WatchBit } from "../tables/watch-table.ts";
import { type World, isExpiring } from "../world.ts";
import { readChildren } from "./read-children.ts";
import { readable } from "./readable.ts";
import { touched } from "./respond.ts";
import { setWatches } from "./set-watches.ts";
import { subscribe, unsubscribe } from "./subscribe.ts";
import { addWatch, changeWatches, registerWatch } from "./watch.ts";

/** Answers a read. */
export function read(world: World, connection: Connection, request: ReadRequest): void {
  const { out } = connection;
  const start = out.length;
  world.work++;
  const refusal = isExpiring(world, connection.session!)
    ? refuse("SESSION_EXPIRED")
    : answer(world, connection, request);
  if (refusal !== undefined) {
    out.truncate(start);
    head(world, connection, request.xid, 4, refusal.code);
    writeDetail(out, refusal.detail);
  }
  touched(world, connection);
}

function head(world: World, connection: Connection, xid: number, elements: number, code = 0): void {
  connection.out.array(elements);
  connection.out.int(xid);
  connection.out.int(world.state.zxid);
  connection.out.int(code);
}

/** Writes the whole reply, or says why not; what was written before a refusal is taken back by the caller. */
function answer(world: World, connection: Connection, request: ReadRequest): Refusal | undefined {
  const { out } = connection;
  const open = (elements: number): void => head(world, connection, request.xid, elements);
  switch (request.op) {
    case Op.exists:
      open(4);
      return exists(world, connection, request, out);
    case Op.get:
      open(5);
      return get(world, connection, request, out);
    case Op.getAcl:
      open(5);
      return getAcl(world, connection, request, out);
    case Op.children:
      open(6);
      return readChildren(world, connection, request, out);
    case Op.countDescendants:
      open(4);
      return count(world, connection, request, out);
    case Op.multiRead:
      open(4);
      return multiRead(world, connection, request, out);
    case Op.sync:
      open(3);
      return undefined;
    case Op.ephemerals:
      open(5);
      return ephemerals(world, connection, request, out);
    case Op.whoAmI:
      open(4);
      return whoAmI(connection, out);
    case Op.addWatch:
      open(3);
      return addWatch(world, connection, request);
    case Op.checkWatches:
    case Op.removeWatches:
      open(3);
      return changeWatches(world, connection, request);
    case Op.setWatches:
      // Its events go out before its reply, which it therefore begins itself.
      return setWatches(world, connection, request, () => open(4));
    case Op.subscribe:
      open(3);
      return subscribe(world, connection, request);
    case Op.unsubscribe:
      open(3);
      return unsubscribe(world, connection, request);
  }
}

/** Also an absent znode can be watched: for its creation. */
function exists(world: World, connection: Connection, request: NodeRead, w: Writer): Refusal | undefined {
  const { path } = request;
  const slot = readable(world, connection, path);
  if (typeof slot === "number") {
    const full = request.watch ? registerWatch(world, connection, path, WatchBit.data) : undefined;
    if (full === undefined) world.state.tree.writeStat(w, slot);
    return full;
  }
  const isAbsent = slot.detail.name === undefined && world.state.tree.find(path) === NIL;
  return (request.watch && isAbsent ? registerWatch(world, connection, path, WatchBit.data) : undefined) ?? slot;
}

function get(world: World, connection: Connection, request: NodeRead, w: Writer): Refusal | undefined {
  const slot = readable(world, connection, request.path);
  if (typeof slot !== "number") return slot;
  const full = request.watch ? registerWatch(world, connection, request.path, WatchBit.data) : undefined;
  if (full !== undefined) return full;
  world.state.tree.writeData(w, slot);
  world.state.tree.writeStat(w, slot);
  return undefined;
}

/** Who may READ but not ADMIN sees digests masked. */
function getAcl(world: World, connection: Connection, request: Pick<AclRead, "path">, w: Writer): Refusal | undefined {
  const slot = readable(world, connection, request.path, Permission.read | Permission.admin);
  if (typeof slot !== "number") return slot;
  const { tree, options } = world.state;
  const acl = tree.acl(slot);
  const isAdmin = allows(acl, Permission.admin, connection.session!.identities, options);
  writeAcl(w, isAdmin ? acl : maskDigests(acl));
  tree.writeStat(w, slot);
  return undefined;
}

function count(world: World, connection: Connection, request: CountRead, w: Writer): Refusal | undefined {
  const slot = readable(world, connection, request.path);
  if (typeof slot !== "number") return slot;
  w.int(world.state.tree.descendants(slot));
  return undefined;
}

function whoAmI(connection: Connection, w: Writer): undefined {
  const { identities } = connection.session!;
  w.array(identities.length);
  for (const { scheme, id } of identities) {
    w.array(2);
    w.str(scheme);
    // The name alone: a digest is what an ACL stores, not who somebody is.
    w.str(scheme === "digest" ? id.slice(0, id.indexOf(":")) : id);
  }
  return undefined;
}

/** A page ends between two transactions, so that `after` can name the place. */
function ephemerals(world: World, connection: Connection, request: EphemeralsRead, w: Writer): undefined {
  const { tree } = world.state;
  const all = tree.ephemeralsOf(connection.session!.id);
  world.work += all.length;
  const slots = all.filter((slot) => tree.czxid(slot) > request.after);
  const start = w.length;
  const list = w.openArray();
  let found = 0;
  let last = request.after;
  let isCut = false;
  for (const slot of slots) {
    const czxid = tree.czxid(slot);
    if (czxid !== last && (w.length - start > world.limits.pageBytes || found > PATHS_MAX)) {
      isCut = true;
      break;
    }
    const path = tree.path(slot);
    if (path.startsWith(request.prefix)) {
      w.str(path);
      found++;
    }
    last = czxid;
  }
  w.closeArray(list, found);
  if (isCut) w.int(last);
  else w.nil();
  return undefined;
}

/** One transaction makes at most `multiOps` more, which keeps the array's length within 16 bits. */
const PATHS_MAX = 32_768;

/** All at one zxid, each with its own outcome. */
function multiRead(
  world: World,
  connection: Connection,
  request: Extract<ReadRequest, { op: typeof Op.multiRead }>,
  w: Writer,
): Refusal | undefined {
  const { multiOps } = world.state.options;
  if (request.reads.length > multiOps) {
    return refuse("LIMIT_EXCEEDED", { name: "multiOps", limit: multiOps, actual: request.reads.length });
  }
  const start = w.length;
  w.array(request.reads.length);
  for (const { op, path } of request.reads) {
    world.work++;
    const from = w.length;
    const refusal = readPart(world, connection, op, path, w);
    if (refusal !== undefined) {
      w.truncate(from);
      w.array(2);
      w.int(refusal.code);
      writeDetail(w, refusal.detail);
    }
    if (w.length - start > world.limits.frameBytes / 2) {
      return refuse("LIMIT_EXCEEDED", {
        name: "frameBytes",
        limit: world.limits.frameBytes / 2,
        actual: w.length - start,
      });
    }
  }
  return undefined;
}

function readPart(world: World, connection: Connection, op: number, path: string, w: Writer): Refusal | undefined {
  const part = { path, watch: false, consistency: 0 };
  switch (op) {
    case Op.exists:
      w.array(2);
      w.int(0);
      return exists(world, connection, { op, ...part }, w);
    case Op.get:
      w.array(3);
      w.int(0);
      return get(world, connection, { op, ...part }, w);
    case Op.getAcl:
      w.array(3);
      w.int(0);
      return getAcl(world, connection, part, w);
    case Op.children: {
      w.array(4);
      w.int(0);
      const whole: ChildrenRead = { op, ...part, include: 0, cursor: null, limit: 0 };
      return readChildren(world, connection, whole, w, true);
    }
    default:
      return refuse("BAD_ARGUMENTS", { path, name: "operation", actual: op });
  }
}

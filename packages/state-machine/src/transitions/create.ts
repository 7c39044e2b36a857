/**
 * create: ZooKeeper's create, create2, createContainer and createTTL, and create with parents.
 *
 * Refusals come in ZooKeeper's order (PrepRequestProcessor.pRequest2TxnCreate), since clients tell, for example,
 * NO_AUTH on the parent from NODE_EXISTS.
 */
import {
  type AclEntry,
  CreateFlag,
  CreateMode,
  type CreateOp,
  OPEN_ACL,
  Permission,
  SEQUENCE_MAX,
  TTL_MS_MAX,
  type Writer,
  hasTtl,
  isEphemeral,
  isSequential,
  pathFault,
} from "@corral/protocol";
import { type Context, cutParent } from "../context.ts";
import { resolveAcl } from "../permission.ts";
import { type Refusal, isRefusal, refuse } from "../refusal.ts";
import { Kind, NIL } from "../tree/rows.ts";
import { checkQuota, checkValue } from "./limits.ts";

const KIND_OF: Readonly<Record<CreateMode, number>> = {
  [CreateMode.persistent]: Kind.persistent,
  [CreateMode.ephemeral]: Kind.ephemeral,
  [CreateMode.persistentSequential]: Kind.persistent,
  [CreateMode.ephemeralSequential]: Kind.ephemeral,
  [CreateMode.container]: Kind.container,
  [CreateMode.persistentWithTtl]: Kind.ttl,
  [CreateMode.persistentSequentialWithTtl]: Kind.ttl,
};

/** Result: the path, with its sequence number, and the Stat. */
export function create(cx: Context, op: CreateOp, w: Writer): Refusal | undefined {
  const asked = cutParent(op.path);
  const needsParents = (op.flags & CreateFlag.parents) !== 0 && cx.state.tree.find(asked) === NIL;
  const made = needsParents
    ? cx.atomically(isRefusal, () => createParents(cx, op, asked) ?? createOne(cx, op))
    : createOne(cx, op);
  if (typeof made !== "number") return made;
  w.str(isSequential(op.mode) ? cx.state.tree.path(made) : op.path);
  cx.state.tree.writeStat(w, made);
  return undefined;
}

/** The slot of the znode made, or why not. */
function createOne(cx: Context, op: CreateOp): number | Refusal {
  const { tree, options } = cx.state;
  const refusal = checkMode(op) ?? checkValue(cx, op.path, op.data);
  if (refusal !== undefined) return refusal;
  if (!op.path.includes("/") || op.path.includes("\0")) return badPath(op.path, "is not absolute");
  const acl = resolveAcl(op.acl ?? OPEN_ACL, cx.identities, options, op.path);
  if (isRefusal(acl)) return acl;
  const parentPath = cutParent(op.path);
  const parent = tree.find(parentPath);
  if (parent === NIL) return refuse("NO_NODE", { path: parentPath });
  if (!cx.may(parent, Permission.create)) return refuse("NO_AUTH", { path: parentPath });
  const sequence = tree.creates(parent);
  if (isSequential(op.mode) && sequence > SEQUENCE_MAX) {
    return refuse("SEQUENCE_EXHAUSTED", { path: parentPath, name: "sequence", limit: SEQUENCE_MAX, actual: sequence });
  }
  const path = isSequential(op.mode) ? op.path + String(sequence).padStart(10, "0") : op.path;
  const fault = pathFault(path, options.pathBytes);
  if (fault !== undefined) return badPath(path, fault);
  if (tree.find(path) !== NIL) return refuse("NODE_EXISTS", { path });
  if (tree.kind(parent) === Kind.ephemeral) return refuse("NO_CHILDREN_FOR_EPHEMERALS", { path: parentPath });
  return checkRoom(cx, op, parent, path) ?? insert(cx, op, parent, path, acl);
}

function insert(cx: Context, op: CreateOp, parent: number, path: string, acl: readonly AclEntry[]): number {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const owner = isEphemeral(op.mode) ? cx.session : 0;
  const kind = KIND_OF[op.mode as CreateMode];
  const slot = cx.state.tree.create(parent, name, op.data, acl, owner, kind, cx.stamp, op.ttlMs);
  cx.created(slot, path);
  return slot;
}

function checkMode(op: CreateOp): Refusal | undefined {
  const { path, mode, ttlMs, flags } = op;
  if (!(mode in KIND_OF)) return refuse("BAD_ARGUMENTS", { path, name: "mode", actual: mode });
  if (flags > CreateFlag.parents) return refuse("BAD_ARGUMENTS", { path, name: "flags", actual: flags });
  if (hasTtl(mode) ? ttlMs < 1 || ttlMs > TTL_MS_MAX : ttlMs !== 0) {
    return refuse("BAD_ARGUMENTS", { path, name: "ttlMs", limit: TTL_MS_MAX, actual: ttlMs });
  }
  return undefined;
}

function checkRoom(cx: Context, op: CreateOp, parent: number, path: string): Refusal | undefined {
  const { tree, options } = cx.state;
  if (tree.numChildren(parent) >= options.childrenMax) {
    return refuse("LIMIT_EXCEEDED", {
      path,
      name: "children",
      limit: options.childrenMax,
      actual: tree.numChildren(parent),
    });
  }
  if (isEphemeral(op.mode) && tree.ephemeralCountOf(cx.session) >= options.ephemeralsMax) {
    return refuse("LIMIT_EXCEEDED", { path, name: "ephemerals", limit: options.ephemeralsMax });
  }
  return checkQuota(cx, path, 1, op.data?.length ?? 0);
}

/** Makes the missing ancestors, topmost first. */
function createParents(cx: Context, op: CreateOp, parentPath: string): Refusal | undefined {
  const missing: string[] = [];
  for (let at = parentPath; cx.state.tree.find(at) === NIL; at = cutParent(at)) {
    const fault = pathFault(at, cx.state.options.pathBytes);
    if (fault !== undefined) return badPath(op.path, fault);
    missing.push(at);
  }
  for (const path of missing.reverse()) {
    const made = createOne(cx, { ...op, path, data: null, mode: CreateMode.persistent, ttlMs: 0, flags: 0 });
    if (typeof made !== "number") return made;
  }
  return undefined;
}

const badPath = (path: string, name: string): Refusal => refuse("BAD_ARGUMENTS", { path, name });

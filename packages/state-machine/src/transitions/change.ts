/**
 * delete, set, setAcl and check: the operations on one znode that exists. Refusals come in ZooKeeper's order.
 */
import {
  CheckKind,
  type DeleteOp,
  type Guard,
  Permission,
  type SetAclOp,
  type SetOp,
  type Writer,
} from "@corral/protocol";
import { type Context, cutParent } from "../context.ts";
import { isRefusal, type Refusal, refuse } from "../refusal.ts";
import { resolveAcl } from "../permission.ts";
import { NIL } from "../tree/rows.ts";
import { checkPath, checkQuota, checkValue } from "./limits.ts";

const ANY = -1;
/** Znodes that nobody may delete. */
const RESERVED: ReadonlySet<string> = new Set(["/", "/zookeeper", "/zookeeper/config", "/zookeeper/quota"]);

export const isReserved = (path: string): boolean => RESERVED.has(path);

export function remove(cx: Context, op: DeleteOp): Refusal | undefined {
  const { tree } = cx.state;
  const { path } = op;
  const fault = checkPath(cx, path);
  if (fault !== undefined) return fault;
  if (isReserved(path)) return refuse("BAD_ARGUMENTS", { path, name: "is reserved" });
  const parentPath = cutParent(path);
  const parent = tree.find(parentPath);
  if (parent === NIL) return refuse("NO_NODE", { path });
  if (!cx.may(parent, Permission.delete)) return refuse("NO_AUTH", { path: parentPath });
  const slot = tree.find(path);
  if (slot === NIL) return refuse("NO_NODE", { path });
  const stale = checkVersion(path, op.version, tree.version(slot));
  if (stale !== undefined) return stale;
  if (tree.numChildren(slot) > 0) return refuse("NOT_EMPTY", { path, actual: tree.numChildren(slot) });
  cx.remove(slot, path);
  return undefined;
}

/** Result: the Stat after. */
export function set(cx: Context, op: SetOp, w: Writer): Refusal | undefined {
  const { tree } = cx.state;
  const { path } = op;
  const fault = checkPath(cx, path) ?? checkValue(cx, path, op.data);
  if (fault !== undefined) return fault;
  const slot = tree.find(path);
  if (slot === NIL) return refuse("NO_NODE", { path });
  if (!cx.may(slot, Permission.write)) return refuse("NO_AUTH", { path });
  const grows = (op.data?.length ?? 0) - Math.max(0, tree.dataLength(slot));
  const refused = checkQuota(cx, path, 0, grows) ?? checkVersion(path, op.version, tree.version(slot));
  if (refused !== undefined) return refused;
  tree.setData(slot, op.data, cx.stamp);
  cx.dataChanged(slot, path, grows);
  tree.writeStat(w, slot);
  return undefined;
}

/** Result: the Stat after. */
export function setAcl(cx: Context, op: SetAclOp, w: Writer): Refusal | undefined {
  const { tree, options } = cx.state;
  const { path } = op;
  const fault = checkPath(cx, path);
  if (fault !== undefined) return fault;
  const acl = resolveAcl(op.acl, cx.identities, options, path);
  if (isRefusal(acl)) return acl;
  const slot = tree.find(path);
  if (slot === NIL) return refuse("NO_NODE", { path });
  if (!cx.may(slot, Permission.admin)) return refuse("NO_AUTH", { path });
  const stale = checkVersion(path, op.version, tree.aversion(slot));
  if (stale !== undefined) return stale;
  const before = tree.acls.share(tree.aclNumber(slot));
  tree.setAcl(slot, acl);
  cx.aclChanged(slot, path, before);
  tree.acls.release(before);
  tree.writeStat(w, slot);
  return undefined;
}

/** A check in a multi, with ZooKeeper's errors for ZooKeeper's kind of check. */
export function check(cx: Context, guard: Guard): Refusal | undefined {
  const { tree } = cx.state;
  const { path, kind, value } = guard;
  const fault = checkPath(cx, path);
  if (fault !== undefined) return fault;
  const slot = tree.find(path);
  if (kind === CheckKind.absent) return slot === NIL ? undefined : refuse("NODE_EXISTS", { path });
  if (slot === NIL) return refuse("NO_NODE", { path });
  if (!cx.may(slot, Permission.read)) return refuse("NO_AUTH", { path });
  switch (kind) {
    case CheckKind.version:
      return checkVersion(path, value, tree.version(slot));
    case CheckKind.czxid:
      return holds(path, "czxid", value, tree.czxid(slot));
    case CheckKind.mzxid:
      return holds(path, "mzxid", value, tree.mzxid(slot));
    case CheckKind.owner:
      return holds(path, "owner", value, tree.owner(slot));
    default:
      return refuse("BAD_ARGUMENTS", { path, name: "kind", actual: kind });
  }
}

/** The guards of a write: the first that does not hold refuses it, whatever the reason. */
export function checkGuards(cx: Context, guards: readonly Guard[]): Refusal | undefined {
  for (const [index, guard] of guards.entries()) {
    const refusal = check(cx, guard);
    if (refusal !== undefined) return refuse("GUARD_FAILED", { ...refusal.detail, path: guard.path, index });
  }
  return undefined;
}

function checkVersion(path: string, expected: number, actual: number): Refusal | undefined {
  if (expected === ANY || expected === actual) return undefined;
  return refuse("BAD_VERSION", { path, name: "version", limit: expected, actual });
}

function holds(path: string, name: string, expected: number, actual: number): Refusal | undefined {
  return expected === actual ? undefined : refuse("GUARD_FAILED", { path, name, limit: expected, actual });
}

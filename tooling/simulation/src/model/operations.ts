/** What each write does to the tree, or why it does not, by ZooKeeper's rules. */
import {
  type CreateOp,
  type DeleteOp,
  type DeleteTreeRequest,
  type ErrorName,
  errorCode,
  type Guard,
  type Identity,
  type MultiOp,
  type MultiRequest,
  Op,
  type SetAclOp,
  type SetOp,
  type WriteBody,
} from "@corral/protocol";
import type { Options } from "@corral/state-machine";
import { May, may, OPEN, stored } from "./acl.ts";
import { isPath } from "./paths.ts";
import { exceedsQuota } from "./quotas.ts";
import { above, below, copyOf, isIn, type Kind, nameIn, statOf, type Tree, type Znode } from "./tree.ts";

/** One change of a znode. `node` is it as it was left; for a deletion, as it was. */
export interface Change {
  readonly type: "created" | "deleted" | "changed" | "acl";
  readonly path: string;
  readonly node: Readonly<Znode>;
  readonly parentAcl: Znode["acl"];
}

/** A reply without its head: the code, and the result or the index of what was refused. */
export interface Answer {
  readonly code: number;
  readonly index: number | undefined;
  readonly result: readonly unknown[];
}

export const ok = (...result: readonly unknown[]): Answer => ({ code: 0, index: undefined, result });
const no = (name: ErrorName, index?: number): Answer => ({ code: errorCode(name), index, result: [] });

/** Znodes that nobody may delete. */
const RESERVED: ReadonlySet<string> = new Set(["/", "/zookeeper", "/zookeeper/config", "/zookeeper/quota"]);
/** Beyond, there is no further name. */
const SEQUENCE_MAX = 2 ** 31 - 1;
const TTL_MS_MAX = 2 ** 40 - 1;

/** Where and for whom something is done. */
export interface Place {
  tree: Tree;
  readonly zxid: number;
  readonly timeMs: number;
  readonly session: number;
  readonly identities: readonly Identity[];
  readonly options: Options;
  readonly changes: Change[];
  readonly nextOrder: () => number;
}

export function perform(place: Place, body: WriteBody): Answer {
  switch (body.op) {
    case Op.multi:
      return multi(place, body);
    case Op.multiEach:
      if (body.ops.length > place.options.multiOps) return no("LIMIT_EXCEEDED");
      return ok(
        body.ops.map((op) => {
          const { code, result } = one(place, op);
          return [code, ...result];
        }),
      );
    case Op.deleteTree:
      return deleteTree(place, body);
    case Op.close:
      throw new Error("a session is closed elsewhere");
    default:
      return one(place, body);
  }
}

function one(place: Place, op: MultiOp): Answer {
  switch (op.op) {
    case Op.create:
      return create(place, op);
    case Op.delete:
      return remove(place, op);
    case Op.set:
      return set(place, op);
    case Op.setAcl:
      return setAcl(place, op);
    case Op.check:
      return check(place, op);
  }
}

/** Undoes everything if it is refused. */
function whole(place: Place, run: () => Answer): Answer {
  const before = copyOf(place.tree);
  const changes = place.changes.length;
  const answer = run();
  if (answer.code !== 0) {
    place.tree = before;
    place.changes.length = changes;
  }
  return answer;
}

function multi(place: Place, { ops }: MultiRequest): Answer {
  if (ops.length > place.options.multiOps) return no("LIMIT_EXCEEDED");
  return whole(place, () => {
    const results: (readonly unknown[])[] = [];
    for (const [index, op] of ops.entries()) {
      const { code, result } = one(place, op);
      if (code !== 0) return { code, index, result: [] };
      results.push(result);
    }
    return ok(results);
  });
}

const MODES: Readonly<Record<number, readonly [Kind, boolean]>> = {
  0: ["persistent", false],
  1: ["ephemeral", false],
  2: ["persistent", true],
  3: ["ephemeral", true],
  4: ["container", false],
  5: ["ttl", false],
  6: ["ttl", true],
};

function create(place: Place, op: CreateOp): Answer {
  if (op.flags === 0 || place.tree.has(above(op.path))) return createOne(place, op);
  return whole(place, () => {
    const missing: string[] = [];
    for (let at = above(op.path); !place.tree.has(at); at = above(at)) {
      if (!isPath(at, place.options.pathBytes)) return no("BAD_ARGUMENTS");
      missing.unshift(at);
    }
    for (const path of missing) {
      const made = createOne(place, { ...op, path, data: null, mode: 0, ttlMs: 0, flags: 0 });
      if (made.code !== 0) return made;
    }
    return createOne(place, op);
  });
}

function createOne(
  { tree, zxid, timeMs, session, identities, options, changes, nextOrder }: Place,
  op: CreateOp,
): Answer {
  const known = MODES[op.mode];
  if (known === undefined || op.flags > 1) return no("BAD_ARGUMENTS");
  const [kind, isSequential] = known;
  if (kind === "ttl" ? op.ttlMs < 1 || op.ttlMs > TTL_MS_MAX : op.ttlMs !== 0) return no("BAD_ARGUMENTS");
  if ((op.data?.length ?? 0) > options.valueBytes) return no("LIMIT_EXCEEDED");
  if (!op.path.includes("/") || op.path.includes("\0")) return no("BAD_ARGUMENTS");
  const acl = stored(op.acl ?? OPEN, identities);
  if (acl === undefined) return no("INVALID_ACL");
  const parent = tree.get(above(op.path));
  if (parent === undefined) return no("NO_NODE");
  if (!may(parent.acl, May.create, identities)) return no("NO_AUTH");
  if (isSequential && parent.creates > SEQUENCE_MAX) return no("SEQUENCE_EXHAUSTED");
  const path = isSequential ? op.path + String(parent.creates).padStart(10, "0") : op.path;
  if (!isPath(path, options.pathBytes)) return no("BAD_ARGUMENTS");
  if (tree.has(path)) return no("NODE_EXISTS");
  if (parent.kind === "ephemeral") return no("NO_CHILDREN_FOR_EPHEMERALS");
  if (parent.children.length >= options.childrenMax) return no("LIMIT_EXCEEDED");
  const ephemerals = [...tree.values()].filter(({ owner }) => owner === session && session !== 0).length;
  if (kind === "ephemeral" && ephemerals >= options.ephemeralsMax) return no("LIMIT_EXCEEDED");
  if (exceedsQuota(tree, options, path, 1, op.data?.length ?? 0)) return no("QUOTA_EXCEEDED");
  const node: Znode = {
    data: op.data,
    acl,
    kind,
    owner: kind === "ephemeral" ? session : 0,
    ttlMs: op.ttlMs,
    czxid: zxid,
    ctime: timeMs,
    order: nextOrder(),
    mzxid: zxid,
    mtime: timeMs,
    pzxid: zxid,
    version: 0,
    aversion: 0,
    creates: 0,
    deletes: 0,
    children: [],
  };
  tree.set(path, node);
  parent.children.push(nameIn(path));
  parent.creates++;
  parent.pzxid = zxid;
  changes.push({ type: "created", path, node: { ...node }, parentAcl: parent.acl });
  return ok(path, statOf(node));
}

export function removeNode({ tree, zxid, changes }: Place, path: string): void {
  const node = tree.get(path)!;
  const parent = tree.get(above(path))!;
  tree.delete(path);
  parent.children = parent.children.filter((name) => name !== nameIn(path));
  parent.deletes++;
  parent.pzxid = zxid;
  changes.push({ type: "deleted", path, node, parentAcl: parent.acl });
}

function remove(place: Place, { path, version }: DeleteOp): Answer {
  const { tree, identities, options } = place;
  if (!isPath(path, options.pathBytes) || RESERVED.has(path)) return no("BAD_ARGUMENTS");
  const parent = tree.get(above(path));
  if (parent === undefined) return no("NO_NODE");
  if (!may(parent.acl, May.delete, identities)) return no("NO_AUTH");
  const node = tree.get(path);
  if (node === undefined) return no("NO_NODE");
  if (version !== -1 && version !== node.version) return no("BAD_VERSION");
  if (node.children.length > 0) return no("NOT_EMPTY");
  removeNode(place, path);
  return ok();
}

function deleteTree(place: Place, { path, nodesMax }: DeleteTreeRequest): Answer {
  const { tree, identities, options } = place;
  if (!isPath(path, options.pathBytes) || RESERVED.has(path)) return no("BAD_ARGUMENTS");
  if (!tree.has(path)) return no("NO_NODE");
  if (!may(tree.get(above(path))!.acl, May.delete, identities)) return no("NO_AUTH");
  const doomed = [...tree.keys()].filter((at) => isIn(path, at));
  if (doomed.length > Math.min(nodesMax, options.deleteTreeNodes)) return no("LIMIT_EXCEEDED");
  if (doomed.some((at) => tree.get(at)!.children.length > 0 && !may(tree.get(at)!.acl, May.delete, identities)))
    return no("NO_AUTH");
  const visit = (at: string): void => {
    for (const name of [...tree.get(at)!.children].reverse()) visit(below(at, name));
    removeNode(place, at);
  };
  visit(path);
  return ok(doomed.length);
}

function set({ tree, zxid, timeMs, identities, options, changes }: Place, { path, data, version }: SetOp): Answer {
  if (!isPath(path, options.pathBytes)) return no("BAD_ARGUMENTS");
  if ((data?.length ?? 0) > options.valueBytes) return no("LIMIT_EXCEEDED");
  const node = tree.get(path);
  if (node === undefined) return no("NO_NODE");
  if (!may(node.acl, May.write, identities)) return no("NO_AUTH");
  const grows = (data?.length ?? 0) - (node.data?.length ?? 0);
  if (exceedsQuota(tree, options, path, 0, grows)) return no("QUOTA_EXCEEDED");
  if (version !== -1 && version !== node.version) return no("BAD_VERSION");
  node.data = data;
  node.version++;
  node.mzxid = zxid;
  node.mtime = timeMs;
  changes.push({ type: "changed", path, node: { ...node }, parentAcl: node.acl });
  return ok(statOf(node));
}

function setAcl({ tree, identities, options, changes }: Place, op: SetAclOp): Answer {
  if (!isPath(op.path, options.pathBytes)) return no("BAD_ARGUMENTS");
  const acl = stored(op.acl, identities);
  if (acl === undefined) return no("INVALID_ACL");
  const node = tree.get(op.path);
  if (node === undefined) return no("NO_NODE");
  if (!may(node.acl, May.admin, identities)) return no("NO_AUTH");
  if (op.version !== -1 && op.version !== node.aversion) return no("BAD_VERSION");
  node.acl = acl;
  node.aversion++;
  changes.push({ type: "acl", path: op.path, node: { ...node }, parentAcl: node.acl });
  return ok(statOf(node));
}

/** Kinds of checks by their number on the wire. */
function check({ tree, identities, options }: Place, { path, kind, value }: Guard): Answer {
  if (!isPath(path, options.pathBytes)) return no("BAD_ARGUMENTS");
  const node = tree.get(path);
  if (kind === 4) return node === undefined ? ok() : no("NODE_EXISTS");
  if (node === undefined) return no("NO_NODE");
  if (!may(node.acl, May.read, identities)) return no("NO_AUTH");
  if (kind === 0) return value === -1 || value === node.version ? ok() : no("BAD_VERSION");
  const actual = kind === 1 ? node.czxid : kind === 2 ? node.mzxid : node.owner;
  return actual === value ? ok() : no("GUARD_FAILED");
}

/** The answer to a write whose guards do not all hold; undefined if they do. */
export function guardsHold(place: Place, guards: readonly Guard[]): Answer | undefined {
  const index = guards.findIndex((guard) => check(place, guard).code !== 0);
  return index < 0 ? undefined : no("GUARD_FAILED", index);
}

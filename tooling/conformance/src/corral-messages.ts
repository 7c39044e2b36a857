// Corral's requests and replies in the words of a sequence. It owns the mapping between these and the messages of
// @corral/protocol, and keeps no state.
import {
  CheckKind,
  Consistency,
  CreateMode,
  Include,
  Op as Code,
  WatchKind,
  WatchMode,
  WatcherType,
  errorName,
  statFrom,
  type CreateOp,
  type MultiOp,
  type Reply,
  type RequestBody,
  type Value,
} from "@corral/protocol";
import { absolutePath, ownPaths, relativePath, type Answer, type EventType, type Stat } from "./answer.ts";
import type { AclEntry, Create, EditWatches, MultiPart, Op, SetWatches, SimpleRead } from "./operation.ts";

const modes: Readonly<Record<Create["mode"], number>> = {
  persistent: CreateMode.persistent,
  ephemeral: CreateMode.ephemeral,
  persistentSequential: CreateMode.persistentSequential,
  ephemeralSequential: CreateMode.ephemeralSequential,
  container: CreateMode.container,
  ttl: CreateMode.persistentWithTtl,
  ttlSequential: CreateMode.persistentSequentialWithTtl,
};
const watchTypes: Readonly<Record<EditWatches["type"], number>> = {
  children: WatcherType.children,
  data: WatcherType.data,
  any: WatcherType.any,
  persistent: WatcherType.persistent,
  recursive: WatcherType.persistentRecursive,
};
const watchModes = { persistent: WatchMode.persistent, recursive: WatchMode.persistentRecursive, unknown: 7 } as const;
const eventTypes: Readonly<Record<number, EventType>> = {
  1: "created",
  2: "deleted",
  3: "dataChanged",
  4: "childrenChanged",
};

const bytes = (text: string): Uint8Array => Buffer.from(text, "utf8");
const data = (text: string | null): Uint8Array | null => (text === null ? null : bytes(text));
const wireAcl = (acl: readonly AclEntry[]): { permissions: number; scheme: string; id: string }[] =>
  acl.map(({ perms, scheme, id }) => ({ permissions: perms, scheme, id }));

/** The request for an operation; undefined for a ping, which has none. `seen` is what setWatches claims to have seen. */
export function requestOf(op: Op, top: string, seen: number): RequestBody | undefined {
  const consistency = Consistency.session;
  const path = (value: string): string => absolutePath(top, value);
  switch (op.op) {
    case "create":
      return createOf(op, top);
    case "delete":
      return { op: Code.delete, path: path(op.path), version: op.version };
    case "setData":
      return { op: Code.set, path: path(op.path), data: data(op.data), version: op.version };
    case "setACL":
      return { op: Code.setAcl, path: path(op.path), acl: wireAcl(op.acl), version: op.version };
    case "multi":
      return { op: Code.multi, ops: op.parts.map((part) => partOf(part, top)) };
    case "exists":
    case "getData":
      return { op: op.op === "exists" ? Code.exists : Code.get, path: path(op.path), watch: op.watch, consistency };
    case "getChildren":
    case "getChildren2":
      return {
        op: Code.children,
        path: path(op.path),
        watch: op.watch,
        consistency,
        include: Include.names,
        cursor: null,
        limit: 0,
      };
    case "getACL":
      return { op: Code.getAcl, path: path(op.path), consistency };
    case "getAllChildrenNumber":
      return { op: Code.countDescendants, path: path(op.path), consistency };
    case "multiRead":
      return {
        op: Code.multiRead,
        reads: op.parts.map((part) => ({
          op: part.op === "getData" ? Code.get : Code.children,
          path: path(part.path),
        })),
        consistency,
      };
    case "sync":
      return { op: Code.sync, path: path(op.path) };
    case "getEphemerals":
      return { op: Code.ephemerals, prefix: path(op.path), after: 0 };
    case "whoAmI":
      return { op: Code.whoAmI };
    case "addWatch":
      return { op: Code.addWatch, path: path(op.path), mode: watchModes[op.mode] };
    case "checkWatches":
    case "removeWatches":
      return {
        op: op.op === "checkWatches" ? Code.checkWatches : Code.removeWatches,
        path: path(op.path),
        type: watchTypes[op.type],
      };
    case "setWatches":
      return { op: Code.setWatches, watches: registered(op, top, seen) };
    case "addAuth":
      return { op: Code.addAuth, scheme: op.scheme, credential: bytes(op.credentials) };
    case "close":
      return { op: Code.close };
    case "ping":
      return undefined;
  }
}

function createOf(op: Create, top: string): CreateOp {
  return {
    op: Code.create,
    path: absolutePath(top, op.path),
    data: data(op.data),
    mode: modes[op.mode],
    acl: wireAcl(op.acl),
    ttlMs: op.ttl ?? 0,
    flags: 0,
  };
}

function partOf(part: MultiPart, top: string): MultiOp {
  const path = absolutePath(top, part.path);
  switch (part.op) {
    case "create":
      return createOf(part, top);
    case "delete":
      return { op: Code.delete, path, version: part.version };
    case "setData":
      return { op: Code.set, path, data: data(part.data), version: part.version };
    case "check":
      return { op: Code.check, path, kind: CheckKind.version, value: part.version };
  }
}

function registered(op: SetWatches, top: string, zxid: number): { path: string; kind: number; zxid: number }[] {
  const lists = [
    [op.data, WatchKind.data],
    [op.exists, WatchKind.exist],
    [op.children, WatchKind.child],
    [op.persistent, WatchKind.persistent],
    [op.recursive, WatchKind.recursive],
  ] as const;
  return lists.flatMap(([paths, kind]) => paths.map((path) => ({ path: absolutePath(top, path), kind, zxid })));
}

/** Operations whose success changes the tree: the zxid of their reply is their own. */
const writes: ReadonlySet<Op["op"]> = new Set(["create", "delete", "setData", "setACL", "multi"]);

export function answerOf(op: Op, reply: Reply, top: string): Answer {
  if (reply.code !== 0) return refusal(op, reply);
  const answer = resultOf(op, reply.result, top);
  return writes.has(op.op) ? { ...answer, zxid: BigInt(reply.zxid) } : answer;
}

/** A refused multi names the operation that failed; those before it would have worked, those behind it were not tried. */
function refusal(op: Op, reply: Reply): Answer {
  const error = errorText(reply.code);
  const failed = reply.detail.index;
  if (op.op !== "multi" || failed === undefined) return { error };
  return {
    error,
    parts: op.parts.map((_, index) => ({
      error: index < failed ? "OK" : index === failed ? error : "RUNTIME_INCONSISTENCY",
    })),
  };
}

export const errorText = (code: number): string => (code === 0 ? "OK" : (errorName(code) ?? `ERROR(${code})`));

function resultOf(op: Op | MultiPart | SimpleRead, result: readonly Value[], top: string): Answer {
  const error = "OK";
  switch (op.op) {
    case "create": {
      const path = relativePath(top, text(result[0]));
      return op.stat ? { error, path, stat: statOf(result[1]) } : { error, path };
    }
    case "setData":
    case "setACL":
    case "exists":
      return { error, stat: statOf(result[0]) };
    case "getData":
      return {
        error,
        data: result[0] === null ? null : Buffer.from(result[0] as Uint8Array).toString("utf8"),
        stat: statOf(result[1]),
      };
    case "getACL":
      return { error, acl: list(result[0]).map(aclEntry), stat: statOf(result[1]) };
    case "getChildren":
      return { error, names: list(result[0]).map(text).sort() };
    case "getChildren2":
      return { error, names: list(result[0]).map(text).sort(), stat: statOf(result[1]) };
    case "getEphemerals":
      return { error, names: ownPaths(top, list(result[0]).map(text)) };
    case "getAllChildrenNumber":
      return { error, count: result[0] as number };
    case "whoAmI":
      return {
        error,
        names: list(result[0])
          .map((one) => list(one).map(text).join(":"))
          .sort(),
      };
    case "multi":
      return { error, parts: list(result[0]).map((one, index) => resultOf(partAt(op.parts, index), list(one), top)) };
    case "multiRead":
      return {
        error,
        parts: list(result[0]).map((one, index) => {
          const [code, ...rest] = list(one);
          return code === 0 ? resultOf(partAt(op.parts, index), rest, top) : { error: errorText(code as number) };
        }),
      };
    case "delete":
    case "check":
    case "sync":
    case "addWatch":
    case "checkWatches":
    case "removeWatches":
    case "setWatches":
    case "addAuth":
    case "ping":
    case "close":
      return { error };
  }
}

function partAt<T>(parts: readonly T[], index: number): T {
  const part = parts[index];
  if (part === undefined) throw new RangeError(`${parts.length} parts were answered with more`);
  return part;
}

export function eventType(code: number): EventType {
  const type = eventTypes[code];
  if (type === undefined) throw new RangeError(`an event of type ${code}`);
  return type;
}

function statOf(value: Value | undefined): Stat {
  const { czxid, mzxid, pzxid, ephemeralOwner, ...rest } = statFrom(list(value) as number[]);
  return {
    ...rest,
    czxid: BigInt(czxid),
    mzxid: BigInt(mzxid),
    pzxid: BigInt(pzxid),
    owner: ephemeralOwner === 0 ? "" : String(ephemeralOwner),
  };
}

function aclEntry(value: Value): AclEntry {
  const [perms, scheme, id] = list(value);
  return { perms: perms as number, scheme: text(scheme), id: text(id) };
}

function list(value: Value | undefined): readonly Value[] {
  if (!Array.isArray(value)) throw new TypeError(`an array was due, not ${String(value)}`);
  return value as readonly Value[];
}

function text(value: Value | undefined): string {
  if (typeof value !== "string") throw new TypeError(`a string was due, not ${String(value)}`);
  return value;
}

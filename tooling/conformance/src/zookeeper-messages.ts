// ZooKeeper's requests and replies as bytes: opcodes, records, error names. It owns the mapping between the words of
// a sequence and ZooKeeper's wire, and keeps no state.
import { absolutePath, ownPaths, relativePath, type Answer, type EventType, type Stat } from "./answer.ts";
import { errorName } from "./zookeeper-errors.ts";
import { JuteReader, JuteWriter } from "./jute.ts";
import {
  type AclEntry,
  type Create,
  type CreateMode,
  type MultiPart,
  type Op,
  type SimpleRead,
  type WatchType,
} from "./operation.ts";

export const pingXid = -2;
export const authXid = -4;
export const eventXid = -1;

const opcode = {
  create: 1,
  delete: 2,
  exists: 3,
  getData: 4,
  setData: 5,
  getACL: 6,
  setACL: 7,
  getChildren: 8,
  sync: 9,
  ping: 11,
  getChildren2: 12,
  check: 13,
  multi: 14,
  create2: 15,
  checkWatches: 17,
  removeWatches: 18,
  createContainer: 19,
  createTTL: 21,
  multiRead: 22,
  auth: 100,
  getEphemerals: 103,
  getAllChildrenNumber: 104,
  setWatches2: 105,
  addWatch: 106,
  whoAmI: 107,
  close: -11,
} as const;

const modeFlags: Readonly<Record<CreateMode, number>> = {
  persistent: 0,
  ephemeral: 1,
  persistentSequential: 2,
  ephemeralSequential: 3,
  container: 4,
  ttl: 5,
  ttlSequential: 6,
};
const watchTypes: Readonly<Record<WatchType, number>> = { children: 1, data: 2, any: 3, persistent: 4, recursive: 5 };
const watchModes = { persistent: 0, recursive: 1, unknown: 7 } as const;
const eventTypes: Readonly<Record<number, EventType>> = {
  1: "created",
  2: "deleted",
  3: "dataChanged",
  4: "childrenChanged",
};

/** Operations whose success changes the tree: the zxid of their reply is their own. */
const writes: ReadonlySet<Op["op"]> = new Set(["create", "delete", "setData", "setACL", "multi"]);

const text = (data: string | null): Uint8Array | null => (data === null ? null : Buffer.from(data, "utf8"));

export function connectRequest(timeoutMs: number, lastZxid: bigint, id: bigint, password: Uint8Array): Buffer {
  return new JuteWriter().int(0).long(lastZxid).int(timeoutMs).long(id).buffer(password).boolean(false).frame();
}

export interface ConnectResponse {
  readonly timeoutMs: number;
  readonly id: bigint;
  readonly password: Buffer;
}

export function readConnectResponse(frame: Buffer): ConnectResponse {
  const reader = new JuteReader(frame);
  reader.int();
  return { timeoutMs: reader.int(), id: reader.long(), password: Buffer.from(reader.buffer() ?? Buffer.alloc(16)) };
}

export function xidOf(op: Op, next: () => number): number {
  if (op.op === "ping") return pingXid;
  return op.op === "addAuth" ? authXid : next();
}

/** `lastZxid` is what setWatches claims to have seen. */
export function request(op: Op, xid: number, top: string, lastZxid: bigint): Buffer {
  const writer = new JuteWriter().int(xid).int(typeOf(op));
  const path = (value: string): string => absolutePath(top, value);
  switch (op.op) {
    case "exists":
    case "getData":
    case "getChildren":
    case "getChildren2":
      return writer.string(path(op.path)).boolean(op.watch).frame();
    case "getACL":
    case "sync":
    case "getEphemerals":
    case "getAllChildrenNumber":
      return writer.string(path(op.path)).frame();
    case "setACL":
      writeAcl(writer.string(path(op.path)), op.acl);
      return writer.int(op.version).frame();
    case "multi":
    case "multiRead":
      for (const part of op.parts) writePart(writer.int(typeOf(part)).boolean(false).int(-1), part, top);
      return writer.int(-1).boolean(true).int(-1).frame();
    case "addWatch":
      return writer.string(path(op.path)).int(watchModes[op.mode]).frame();
    case "removeWatches":
    case "checkWatches":
      return writer.string(path(op.path)).int(watchTypes[op.type]).frame();
    case "setWatches":
      writer.long(lastZxid);
      for (const list of [op.data, op.exists, op.children, op.persistent, op.recursive])
        writer.vector(list, (item) => writer.string(path(item)));
      return writer.frame();
    case "addAuth":
      return writer.int(0).string(op.scheme).buffer(text(op.credentials)).frame();
    case "whoAmI":
    case "ping":
    case "close":
      return writer.frame();
    default:
      return writePart(writer, op, top).frame();
  }
}

function typeOf(op: Op | MultiPart | SimpleRead): number {
  if (op.op === "create") {
    if (op.mode === "container") return opcode.createContainer;
    if (op.mode === "ttl" || op.mode === "ttlSequential") return opcode.createTTL;
    return op.stat ? opcode.create2 : opcode.create;
  }
  if (op.op === "setWatches") return opcode.setWatches2;
  return op.op === "addAuth" ? opcode.auth : opcode[op.op];
}

function writePart(writer: JuteWriter, part: MultiPart | SimpleRead, top: string): JuteWriter {
  writer.string(absolutePath(top, part.path));
  switch (part.op) {
    case "create":
      writeAcl(writer.buffer(text(part.data)), part.acl).int(modeFlags[part.mode]);
      return part.mode === "ttl" || part.mode === "ttlSequential" ? writer.long(BigInt(part.ttl ?? 0)) : writer;
    case "delete":
    case "check":
      return writer.int(part.version);
    case "setData":
      return writer.buffer(text(part.data)).int(part.version);
    case "getData":
    case "getChildren":
      return writer.boolean(false);
  }
}

function writeAcl(writer: JuteWriter, acl: readonly AclEntry[]): JuteWriter {
  return writer.vector(acl, (entry) => writer.int(entry.perms).string(entry.scheme).string(entry.id));
}

/** The answer to `op`, from a reply frame behind its header. */
export function readAnswer(op: Op, reader: JuteReader, code: number, zxid: bigint, top: string): Answer {
  if (code !== 0) return { error: errorName(code) };
  const answer = readBody(op, reader, top);
  const failed = answer.parts?.find((part) => part.error !== "OK" && part.error !== "RUNTIME_INCONSISTENCY");
  if (op.op === "multi" && failed !== undefined) return { ...answer, error: failed.error };
  return writes.has(op.op) ? { ...answer, zxid } : answer;
}

function readBody(op: Op, reader: JuteReader, top: string): Answer {
  const error = "OK";
  switch (op.op) {
    case "create":
      return readCreated(op, reader, top);
    case "exists":
    case "setData":
    case "setACL":
      return { error, stat: readStat(reader) };
    case "getData":
      return { error, data: readText(reader), stat: readStat(reader) };
    case "getACL":
      return { error, acl: readAcl(reader), stat: readStat(reader) };
    case "getChildren":
      return { error, names: readNames(reader) };
    case "getChildren2":
      return { error, names: readNames(reader), stat: readStat(reader) };
    case "getEphemerals":
      return { error, names: ownPaths(top, readNames(reader)) };
    case "getAllChildrenNumber":
      return { error, count: reader.int() };
    case "whoAmI":
      return { error, names: reader.vector(() => `${reader.string()}:${reader.string()}`).sort() };
    case "multi":
    case "multiRead":
      return { error, parts: readParts(op.parts, reader, top) };
    case "delete":
    case "sync":
    case "addWatch":
    case "removeWatches":
    case "checkWatches":
    case "setWatches":
    case "addAuth":
    case "ping":
    case "close":
      return { error };
  }
}

function readCreated(op: Create, reader: JuteReader, top: string): Answer {
  const path = relativePath(top, reader.string() ?? "");
  return op.stat && reader.left >= 68 ? { error: "OK", path, stat: readStat(reader) } : { error: "OK", path };
}

function readParts(parts: readonly (MultiPart | SimpleRead)[], reader: JuteReader, top: string): Answer[] {
  const answers: Answer[] = [];
  for (;;) {
    const type = reader.int();
    const done = reader.boolean();
    reader.int();
    if (done) return answers;
    const part = parts[answers.length];
    if (part === undefined) throw new RangeError(`a multi of ${parts.length} parts was answered with more`);
    answers.push(readPart(type, part, reader, top));
  }
}

function readPart(type: number, part: MultiPart | SimpleRead, reader: JuteReader, top: string): Answer {
  switch (type) {
    case -1:
      return { error: errorName(reader.int()) };
    case opcode.create:
      return { error: "OK", path: relativePath(top, reader.string() ?? "") };
    case opcode.create2: {
      const path = relativePath(top, reader.string() ?? "");
      const stat = readStat(reader);
      return part.op === "create" && part.stat ? { error: "OK", path, stat } : { error: "OK", path };
    }
    case opcode.setData:
      return { error: "OK", stat: readStat(reader) };
    case opcode.getData:
      return { error: "OK", data: readText(reader), stat: readStat(reader) };
    case opcode.getChildren:
      return { error: "OK", names: readNames(reader) };
    case opcode.delete:
    case opcode.check:
      return { error: "OK" };
    default:
      throw new RangeError(`a multi's result of type ${type}`);
  }
}

export function readEvent(reader: JuteReader, top: string): { readonly type: EventType; readonly path: string } {
  const code = reader.int();
  reader.int();
  const type = eventTypes[code];
  if (type === undefined) throw new RangeError(`an event of type ${code}`);
  return { type, path: relativePath(top, reader.string() ?? "") };
}

function readStat(reader: JuteReader): Stat {
  const [czxid, mzxid] = [reader.long(), reader.long()];
  const [ctime, mtime] = [Number(reader.long()), Number(reader.long())];
  const [version, cversion, aversion] = [reader.int(), reader.int(), reader.int()];
  const owner = reader.long();
  const [dataLength, numChildren, pzxid] = [reader.int(), reader.int(), reader.long()];
  return {
    czxid,
    mzxid,
    pzxid,
    ctime,
    mtime,
    version,
    cversion,
    aversion,
    owner: sessionName(owner),
    dataLength,
    numChildren,
  };
}

export function sessionName(id: bigint): string {
  return id === 0n ? "" : BigInt.asUintN(64, id).toString(16);
}

const readText = (reader: JuteReader): string | null => reader.buffer()?.toString("utf8") ?? null;
const readNames = (reader: JuteReader): string[] => reader.vector(() => reader.string() ?? "").sort();

function readAcl(reader: JuteReader): AclEntry[] {
  return reader.vector(() => ({ perms: reader.int(), scheme: reader.string() ?? "", id: reader.string() ?? "" }));
}

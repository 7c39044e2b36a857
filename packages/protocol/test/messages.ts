/**
 * One value of every message of docs/protocol.md, with zxids of epoch ≥ 1, and how each side writes and reads it.
 *
 * The names are those of the golden file; `hex` there is what `write` makes and what `read` takes.
 */
import {
  DEFAULT_LIMITS,
  Op,
  type Value,
  Writer,
  decodeFrame,
  readHello,
  readMessage,
  readServerMessage,
  readWelcome,
  writeDetail,
  writeHello,
  writeRefusal,
  writeRefused,
  writeRequest,
  writeSignal,
  writeWelcome,
  type Guard,
  type RequestBody,
  type Signal,
  type Stat,
} from "../src/index.ts";

/** Epoch 3, counter 5. */
const ZXID: number = 3 * 2 ** 32 + 5;
const SESSION = 2 ** 32 + 7;
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const secret = Uint8Array.from({ length: 16 }, (_, i) => i * 16);
const acl = [
  { permissions: 31, scheme: "world", id: "anyone" },
  { permissions: 3, scheme: "digest", id: "bob:ikIaKsbtGweaHnb/jKn7OHqbunM=" },
];

export interface Message {
  readonly name: string;
  readonly write: (w: Writer) => void;
  readonly read: (value: Value) => unknown;
  /** What `read` gives. */
  readonly value: unknown;
}

const requests: Readonly<Record<string, readonly [RequestBody, (readonly Guard[])?]>> = {
  create: [{ op: Op.create, path: "/a/b", data: bytes(1, 2, 255), mode: 0, acl: null, ttlMs: 0, flags: 0 }],
  "create with everything": [
    { op: Op.create, path: "/größe/ß-", data: null, mode: 6, acl, ttlMs: 2 ** 40 - 1, flags: 1 },
    [
      { path: "/a", kind: 1, value: ZXID },
      { path: "/b", kind: 4, value: 0 },
    ],
  ],
  delete: [{ op: Op.delete, path: "/a/b", version: -1 }],
  "delete with a guard": [{ op: Op.delete, path: "/a/b", version: 7 }, [{ path: "/lock", kind: 3, value: SESSION }]],
  set: [{ op: Op.set, path: "/a", data: bytes(), version: 2_147_483_647 }],
  setAcl: [{ op: Op.setAcl, path: "/a", acl, version: 0 }],
  multi: [
    {
      op: Op.multi,
      ops: [
        { op: Op.check, path: "/a", kind: 2, value: ZXID },
        { op: Op.create, path: "/a/c", data: null, mode: 1, acl, ttlMs: 0, flags: 0 },
        { op: Op.set, path: "/a", data: null, version: -1 },
        { op: Op.setAcl, path: "/a", acl, version: 3 },
        { op: Op.delete, path: "/old", version: 300 },
      ],
    },
    [{ path: "/a", kind: 0, value: -1 }],
  ],
  multiEach: [{ op: Op.multiEach, ops: [{ op: Op.delete, path: "/x", version: -1 }] }],
  deleteTree: [{ op: Op.deleteTree, path: "/a", nodesMax: 10_000 }],
  addAuth: [{ op: Op.addAuth, scheme: "digest", credential: bytes(98, 111, 98, 58, 112, 119) }],
  close: [{ op: Op.close }],
  exists: [{ op: Op.exists, path: "/", watch: true, consistency: 1 }],
  get: [{ op: Op.get, path: "/a", watch: false, consistency: 0 }],
  getAcl: [{ op: Op.getAcl, path: "/a", consistency: 0 }],
  children: [{ op: Op.children, path: "/a", watch: true, consistency: 0, include: 2, cursor: null, limit: 0 }],
  "children, next page": [
    { op: Op.children, path: "/a", watch: false, consistency: 0, include: 1, cursor: [ZXID, 17, -1], limit: 500 },
  ],
  sync: [{ op: Op.sync, path: "/" }],
  multiRead: [
    {
      op: Op.multiRead,
      reads: [
        { op: Op.exists, path: "/a" },
        { op: Op.get, path: "/b" },
        { op: Op.getAcl, path: "/c" },
        { op: Op.children, path: "/d" },
      ],
      consistency: 1,
    },
  ],
  ephemerals: [{ op: Op.ephemerals, prefix: "/brokers", after: ZXID }],
  countDescendants: [{ op: Op.countDescendants, path: "/", consistency: 0 }],
  whoAmI: [{ op: Op.whoAmI }],
  addWatch: [{ op: Op.addWatch, path: "/a", mode: 1 }],
  checkWatches: [{ op: Op.checkWatches, path: "/a", type: 3 }],
  removeWatches: [{ op: Op.removeWatches, path: "/a", type: 5 }],
  setWatches: [
    {
      op: Op.setWatches,
      watches: [
        { path: "/a", kind: 0, zxid: ZXID },
        { path: "/b", kind: 4, zxid: 2 ** 32 },
      ],
    },
  ],
  subscribe: [{ op: Op.subscribe, id: 1, path: "/a", since: ZXID, scope: 0, flags: 2, credits: 64 }],
  "subscribe from the beginning": [{ op: Op.subscribe, id: 2, path: "/", since: -1, scope: 2, flags: 1, credits: 1 }],
  unsubscribe: [{ op: Op.unsubscribe, id: 1 }],
};

const WRITES = new Set<number>([
  Op.create,
  Op.delete,
  Op.set,
  Op.setAcl,
  Op.multi,
  Op.multiEach,
  Op.deleteTree,
  Op.close,
]);

/** What `readMessage` gives for a request: its number, and the guards of a write. */
export function asRead(xid: number, body: RequestBody, guards: readonly Guard[] | null): unknown {
  return WRITES.has(body.op) ? { ...body, xid, guards } : { ...body, xid };
}

const requestMessages = Object.entries(requests).map(([name, [body, guards]], i): Message => {
  const xid = i === 0 ? 1 : 2 ** 33 + i;
  return {
    name: `request: ${name}`,
    write: (w) => writeRequest(w, xid, body, guards ?? null),
    read: readMessage,
    value: asRead(xid, body, guards ?? null),
  };
});

const signals: readonly Signal[] = [
  { op: Op.ping },
  { op: Op.ack, acked: 2 ** 33 },
  { op: Op.credit, id: 3, credits: 1000 },
];
const signalMessages = signals.map((signal): Message => ({
  name: `signal: ${Object.entries(Op).find(([, op]) => op === signal.op)![0]}`,
  write: (w) => writeSignal(w, signal),
  read: readMessage,
  value: { ...signal, xid: 0 },
}));

const hello = {
  versionMin: 1,
  versionMax: 2,
  clusterId: "8f2c",
  lastZxid: ZXID,
  timeoutMs: 10_000,
  credentials: [{ scheme: "digest", credential: bytes(97, 58, 98) }],
};
const hellos = {
  "new session": { ...hello, clusterId: null, lastZxid: 0, credentials: [], session: { kind: "new", secret } },
  "attach to a session": { ...hello, session: { kind: "resume", id: SESSION, secret, acked: 70_000 } },
  "replace a session": { ...hello, session: { kind: "replace", oldId: SESSION, oldSecret: secret, secret } },
} as const;
const welcome = {
  version: 1,
  clusterId: "8f2c",
  sessionId: SESSION,
  timeoutMs: 10_000,
  zxid: ZXID,
  resumed: true,
  limits: DEFAULT_LIMITS,
};
const refused = { code: -205, detail: { path: undefined, index: undefined, name: "version", limit: 1, actual: 9 } };

const handshakes: readonly Message[] = [
  ...Object.entries(hellos).map(([name, value]): Message => ({
    name: `Hello: ${name}`,
    write: (w) => writeHello(w, value),
    read: readHello,
    value,
  })),
  { name: "Welcome", write: (w) => writeWelcome(w, welcome), read: readWelcome, value: welcome },
  { name: "Refused", write: (w) => writeRefused(w, refused), read: readWelcome, value: refused },
];

const stat: Stat = {
  czxid: 2 ** 32 + 1,
  mzxid: ZXID,
  ctime: 1_700_000_000_000,
  mtime: 1_700_000_000_001,
  version: 2,
  cversion: -1,
  aversion: 0,
  ephemeralOwner: SESSION,
  dataLength: 3,
  numChildren: 1,
  pzxid: ZXID - 1,
};
export const STAT_NUMBERS: readonly number[] = Object.values(stat);
function writeStat(w: Writer): void {
  w.array(STAT_NUMBERS.length);
  for (const field of STAT_NUMBERS) w.int(field);
}
function head(w: Writer, elements: number, ...numbers: number[]): void {
  w.array(elements);
  for (const number of numbers) w.int(number);
}
const detail = { path: "/a", index: 2, name: "version", limit: 7, actual: 8 };
const noDetail = {};

const replies: readonly Message[] = [
  {
    name: "reply: nothing",
    write: (w) => head(w, 3, 9, ZXID, 0),
    read: readServerMessage,
    value: { kind: "reply", xid: 9, zxid: ZXID, code: 0, result: [], detail: noDetail },
  },
  {
    name: "reply: pong",
    write: (w) => head(w, 3, 0, ZXID, 0),
    read: readServerMessage,
    value: { kind: "reply", xid: 0, zxid: ZXID, code: 0, result: [], detail: noDetail },
  },
  {
    name: "reply: data and stat",
    write: (w) => {
      head(w, 5, 2 ** 33, ZXID, 0);
      w.bin(bytes(0, 255));
      writeStat(w);
    },
    read: readServerMessage,
    value: {
      kind: "reply",
      xid: 2 ** 33,
      zxid: ZXID,
      code: 0,
      result: [bytes(0, 255), STAT_NUMBERS],
      detail: noDetail,
    },
  },
  {
    name: "reply: children with stat, stat of the parent, cursor",
    write: (w) => {
      head(w, 6, 4, ZXID, 0);
      w.array(1);
      w.array(2);
      w.str("näme");
      writeStat(w);
      writeStat(w);
      head(w, 2, 41, ZXID);
    },
    read: readServerMessage,
    value: {
      kind: "reply",
      xid: 4,
      zxid: ZXID,
      code: 0,
      result: [[["näme", STAT_NUMBERS]], STAT_NUMBERS, [41, ZXID]],
      detail: noDetail,
    },
  },
  {
    name: "reply: refusal",
    write: (w) => writeRefusal(w, 10, ZXID, -103, detail),
    read: readServerMessage,
    value: { kind: "reply", xid: 10, zxid: ZXID, code: -103, result: [], detail },
  },
];

const pushes: readonly Message[] = [
  {
    name: "event",
    write: (w) => {
      head(w, 4, -1, ZXID, 3);
      w.str("/a/b");
    },
    read: readServerMessage,
    value: { kind: "event", zxid: ZXID, type: 3, path: "/a/b" },
  },
  {
    name: "subscription: page",
    write: (w) => {
      head(w, 5, -2, ZXID, 1, 0);
      w.array(1);
      w.array(3);
      w.str("/a");
      w.nil();
      writeStat(w);
    },
    read: readServerMessage,
    value: { kind: "subscription", zxid: ZXID, id: 1, message: 0, payload: [["/a", null, STAT_NUMBERS]] },
  },
  ...([1, 2] as const).map((kind): Message => ({
    name: `subscription: ${kind === 1 ? "changes" : "changesPart"}`,
    write: (w) => {
      head(w, 5, -2, ZXID, 1, kind);
      w.array(2);
      w.array(4);
      w.int(1);
      w.str("/a");
      w.bin(bytes(7));
      writeStat(w);
      w.array(4);
      w.int(2);
      w.str("/b");
      w.nil();
      w.nil();
    },
    read: readServerMessage,
    value: {
      kind: "subscription",
      zxid: ZXID,
      id: 1,
      message: kind,
      payload: [
        [1, "/a", bytes(7), STAT_NUMBERS],
        [2, "/b", null, null],
      ],
    },
  })),
  ...([3, 4] as const).map((kind): Message => ({
    name: `subscription: ${kind === 3 ? "synced" : "resync"}`,
    write: (w) => head(w, 4, -2, ZXID, 1, kind),
    read: readServerMessage,
    value: { kind: "subscription", zxid: ZXID, id: 1, message: kind, payload: [] },
  })),
  {
    name: "goodbye",
    write: (w) => {
      head(w, 4, -3, ZXID, -118);
      writeDetail(w, {});
    },
    read: readServerMessage,
    value: {
      kind: "goodbye",
      zxid: ZXID,
      code: -118,
      detail: { path: undefined, index: undefined, name: undefined, limit: undefined, actual: undefined },
    },
  },
];

export const MESSAGES: readonly Message[] = [
  ...handshakes,
  ...requestMessages,
  ...signalMessages,
  ...replies,
  ...pushes,
];

/** The bytes that `write` makes. */
export function written(write: (w: Writer) => void): Uint8Array {
  const w = new Writer(16);
  write(w);
  return w.take();
}

/** The only value in these bytes. */
export function decoded(bytes: Uint8Array): Value {
  const { values } = decodeFrame(bytes, 1_000_000);
  if (values.length !== 1) throw new Error(`${values.length} values instead of one`);
  return values[0]!;
}

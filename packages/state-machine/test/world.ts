/**
 * One daemon without a network: a State, its Applier, and a log. Every entry takes the way it takes in life: encoded,
 * decoded, applied. What was logged can be replayed.
 */
import {
  type ErrorName,
  type Guard,
  type Identity,
  OPEN_ACL,
  Op,
  type RequestBody,
  type Value,
  Writer,
  decodeFrame,
  errorName,
  readDetail,
  writeRequest,
} from "@corral/protocol";
import {
  type Applied,
  Applier,
  type Change,
  DEFAULT_OPTIONS,
  type HistoryLimits,
  type Options,
  type Outcome,
  Restorer,
  SnapshotCut,
  State,
  type Txn,
  TxnKind,
  type WriteTxn,
  readTxns,
  requestHash,
  writeTxn,
  writeWriteTxn,
} from "../src/index.ts";

export const EPOCH: number = 2 ** 32;
const START_MS = 1_700_000_000_000;
const origin = { daemon: 1, connection: 1 };

export interface Entry {
  readonly zxid: number;
  readonly timeMs: number;
  readonly body: Uint8Array;
}
export interface Answer {
  readonly outcome: Outcome;
  /** "OK" or the error's name; undefined if nobody is answered. */
  readonly code: ErrorName | "OK" | undefined;
  readonly detail: ReturnType<typeof readDetail>;
  readonly result: readonly Value[];
  /** The reply as it goes to the client. */
  readonly bytes: Uint8Array;
  readonly changes: readonly Change[];
  readonly closed: number | undefined;
}

export class World {
  state: State;
  applier: Applier;
  zxid = EPOCH;
  timeMs = START_MS;
  readonly log: Entry[] = [];
  readonly #xids = new Map<number, number>();

  constructor(state: State = new State()) {
    this.state = state;
    this.applier = new Applier(state);
  }

  static withHistory(limits: HistoryLimits): World {
    return new World(new State(limits));
  }

  /** Goes on with another state, as after a restart. */
  swap(state: State): void {
    this.state = state;
    this.applier = new Applier(state);
  }

  /** By way of a snapshot. */
  restart(): void {
    this.swap(restore(piecesOf(this.state)));
  }

  apply(write: (w: Writer) => void): Applied {
    const w = new Writer();
    write(w);
    const entry = { zxid: ++this.zxid, timeMs: this.timeMs, body: w.take() };
    this.log.push(entry);
    return applyEntry(this.applier, entry);
  }

  txn(txn: Exclude<Txn, WriteTxn>): Applied {
    return this.apply((w) => writeTxn(w, txn));
  }

  options(options: Partial<Options>): void {
    this.txn({ kind: TxnKind.options, options: { ...DEFAULT_OPTIONS, ...this.state.options, ...options } });
  }

  /** A new session's id. */
  open(identities: readonly Identity[] = [], secret = 1): number {
    const applied = this.txn({
      kind: TxnKind.open,
      origin,
      secretHash: new Uint8Array(32).fill(secret),
      timeoutMs: 10_000,
      identities,
      replaces: null,
    });
    return applied.attached!.id;
  }

  /** The session sends its next write. */
  do(session: number, body: RequestBody, guards: readonly Guard[] | null = null): Answer {
    const xid = (this.#xids.get(session) ?? 0) + 1;
    this.#xids.set(session, xid);
    return this.send(session, xid, body, { guards });
  }

  /** Another request of the session took the next number. */
  skipXid(session: number): void {
    this.#xids.set(session, (this.#xids.get(session) ?? 0) + 1);
  }

  /** A write with everything chosen. */
  send(
    session: number,
    xid: number,
    body: RequestBody,
    more: { guards?: readonly Guard[] | null; acked?: number; generation?: number } = {},
  ): Answer {
    const request = new Writer();
    writeRequest(request, xid, body, more.guards ?? null);
    const bytes = request.take();
    const generation = more.generation ?? this.state.sessions.get(session)?.generation ?? session;
    const hash = requestHash(bytes, 0, bytes.length);
    return answerOf(this.apply((w) => writeWriteTxn(w, { session, generation, acked: more.acked ?? 0, hash }, bytes)));
  }

  /** What the reaper proposes at this time, applied. */
  reap(): string[] {
    const { tree } = this.state;
    const due = tree.reapable
      .due(this.timeMs, 1000)
      .map((slot) => ({ path: tree.path(slot), czxid: tree.czxid(slot) }));
    for (const { path, czxid } of due) this.txn({ kind: TxnKind.reap, path, czxid });
    return due.map(({ path }) => path);
  }

  expire(session: number): Applied {
    const generation = this.state.sessions.get(session)?.generation ?? 0;
    return this.txn({ kind: TxnKind.expire, session, generation });
  }
}

/** As recovery does it: the bytes are in memory of Node's own kind, and it is used for something else afterwards. */
export function applyEntry(applier: Applier, entry: Entry): Applied {
  const body = Buffer.from(entry.body);
  const applied = applier.apply(entry.zxid, entry.timeMs, readTxns(body, 1)[0]!);
  body.fill(0xdd);
  return applied;
}

/** A snapshot; `between` may change the state after each piece. */
export function piecesOf(state: State, between: () => void = () => {}): Uint8Array[] {
  const cut = new SnapshotCut(state, Number.MAX_SAFE_INTEGER);
  const pieces: Uint8Array[] = [];
  for (let piece = cut.next(); piece !== undefined; piece = cut.next()) {
    pieces.push(piece);
    between();
  }
  return pieces;
}

/** As recovery does it; see `applyEntry`. */
export function restore(pieces: Iterable<Uint8Array>, limits?: HistoryLimits): State {
  const restorer = new Restorer(limits);
  for (const piece of pieces) {
    const bytes = Buffer.from(piece);
    restorer.write(bytes);
    bytes.fill(0xdd);
  }
  return restorer.finish();
}

/** A state that has applied these entries. */
export function replay(log: readonly Entry[], state: State = new State()): State {
  const applier = new Applier(state);
  for (const entry of log) applyEntry(applier, entry);
  return state;
}

export function answerOf(applied: Applied): Answer {
  const bytes = applied.reply.written().slice();
  const changes = [...applied.changes];
  const { outcome, closed } = applied;
  const nothing = { detail: {}, result: [] };
  if (bytes.length === 0) return { outcome, code: undefined, ...nothing, bytes, changes, closed };
  const [, , code, ...rest] = decodeFrame(bytes.slice(), 1_000_000).values[0] as [number, number, number, ...Value[]];
  if (code === 0) return { outcome, code: "OK", detail: {}, result: rest, bytes, changes, closed };
  return { outcome, code: errorName(code), detail: readDetail(rest[0]!), result: [], bytes, changes, closed };
}

/** Short ways to write requests. */
export const create = (path: string, mode = 0, more: object = {}): RequestBody => ({
  op: Op.create,
  path,
  data: null,
  mode,
  acl: null,
  ttlMs: 0,
  flags: 0,
  ...more,
});
export const set = (path: string, data: Uint8Array | null = null, version = -1): RequestBody => ({
  op: Op.set,
  path,
  data,
  version,
});
export const del = (path: string, version = -1): RequestBody => ({ op: Op.delete, path, version });
export const setAcl = (path: string, acl: readonly object[] = OPEN_ACL, version = -1): RequestBody =>
  ({ op: Op.setAcl, path, acl, version }) as RequestBody;
export const multi = (...ops: RequestBody[]): RequestBody => ({ op: Op.multi, ops }) as RequestBody;
export const text = (value: string): Uint8Array => Uint8Array.from(Buffer.from(value));

/** Everything that is in the tree, with what is derived, but without slots: two equal trees print alike. */
export function printTree(state: State): Record<string, unknown> {
  const { tree } = state;
  const printed: Record<string, unknown> = {};
  const visit = (slot: number): void => {
    const { slot: _slot, parent: _parent, data, ...fields } = tree.image(slot);
    const children: number[] = [];
    for (let child = tree.firstChild(slot); child !== -1; child = tree.next(child)) children.push(child);
    const w = new Writer();
    tree.writeStat(w, slot);
    printed[tree.path(slot)] = {
      ...fields,
      data: data === null ? null : Buffer.from(data).toString("hex"),
      stat: decodeFrame(w.take()).values[0],
      children: children.map((child) => tree.name(child)),
      descendants: tree.descendants(slot),
      reapableFrom: tree.reapableFrom(slot) ?? null,
      found: tree.find(tree.path(slot)) === slot,
    };
    for (const child of children) visit(child);
  };
  visit(0);
  const sessions = [...state.sessions.values()].map(({ id }) => [
    id,
    tree.ephemeralsOf(id).map((slot) => tree.path(slot)),
  ]);
  const reapable = tree.reapable
    .due(Number.MAX_SAFE_INTEGER, 1_000_000)
    .map((slot) => tree.path(slot))
    .sort();
  return {
    ...printed,
    count: tree.count,
    dataBytes: tree.dataBytes,
    sessions,
    reapable,
    liveBytes: tree.slab.liveBytes,
  };
}

/** Every change that the history still has after this zxid, printed. */
export function printHistory(state: State, after: number = state.history.since): unknown[] {
  return [...state.history.after(after)].map((entry) => ({
    zxid: entry.zxid,
    type: entry.type,
    acl: entry.acl,
    otherAcl: entry.otherAcl,
    path: decodeFrame(entry.path).values[0],
    data: entry.data === undefined ? undefined : Buffer.from(entry.data).toString("hex"),
    stat: entry.stat === undefined ? undefined : decodeFrame(entry.stat).values[0],
  }));
}

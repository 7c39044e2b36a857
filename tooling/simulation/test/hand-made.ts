/** Hand-made histories for the tests of the checkers: a log, calls and what a wire carried. */
import type { Frame } from "@corral/testing/world";
import { DEFAULT_LIMITS, Op, type WriteRequest } from "@corral/protocol";
import { DEFAULT_OPTIONS, TxnKind, type Txn } from "@corral/state-machine";
import { replay } from "../src/check/replayed.ts";
import { TAG_ROOT, tagData } from "../src/check/witness.ts";
import { type Call, type Violation } from "../src/history.ts";
import type { Entry, Model } from "../src/model/model.ts";
import { statOf } from "../src/model/tree.ts";

const SESSION = 1;

/** The beginning of a session, known by the zxid at which this stands. */
export const OPENED: Txn = {
  kind: TxnKind.open,
  origin: { daemon: 1, connection: 1 },
  secretHash: new Uint8Array(1),
  timeoutMs: 1_000,
  identities: [],
  replaces: null,
};

/** A log that begins with a session; each write takes the next zxid and xid. */
export class Log {
  readonly entries: Entry[] = [];
  #xid = 0;

  constructor() {
    this.add(OPENED);
  }

  add(txn: Txn): number {
    const zxid = this.entries.length + 1;
    this.entries.push({ zxid, timeMs: 1_000 + zxid, txn });
    return zxid;
  }

  write(
    body: Omit<WriteRequest, "xid" | "guards">,
    options: { readonly xid?: number; readonly tag?: string; readonly generation?: number } = {},
  ): number {
    const xid = options.xid ?? ++this.#xid;
    const guards = options.tag === undefined ? null : [{ path: TAG_ROOT + options.tag, kind: 4, value: 0 }];
    const request = { ...body, xid, guards } as WriteRequest;
    return this.add({
      kind: TxnKind.write,
      session: SESSION,
      generation: options.generation ?? SESSION,
      acked: 0,
      hash: 7,
      request,
    });
  }

  create(path: string, tag = "", mode = 0): number {
    return this.write({ op: Op.create, path, data: tagData(tag, 0), mode, acl: null, ttlMs: 0, flags: 0 } as never);
  }

  set(path: string, tag = ""): number {
    return this.write({ op: Op.set, path, data: tagData(tag, 0), version: -1 } as never);
  }

  delete(path: string, tag?: string): number {
    return this.write({ op: Op.delete, path, version: -1 } as never, tag === undefined ? {} : { tag });
  }

  close(): number {
    return this.write({ op: Op.close });
  }
}

/** The model as it was at this zxid. */
export function modelAt(log: Log, zxid: number): Model {
  return replay(
    log.entries.filter((entry) => entry.zxid <= zxid),
    DEFAULT_OPTIONS,
  ).final;
}

export const stat = (log: Log, path: string, zxid: number): number[] => statOf(modelAt(log, zxid).tree.get(path)!);

let events = 0;
export function call(
  tag: string,
  outcome: Call["outcome"],
  times: { readonly start?: number; readonly end?: number } = {},
): Call {
  const start = times.start ?? ++events;
  return { client: "1", tag, op: "create", path: "/a", start, end: times.end ?? start + 0.5, outcome };
}

export const checks = (violations: readonly Violation[]): string[] => [
  ...new Set(violations.map(({ check }) => check)),
];

/** A connection as frames. */
export class Wire {
  readonly frames: Frame[] = [];
  readonly #link = { id: 1, session: SESSION } as Frame["link"];

  constructor(zxid: number) {
    const welcome = {
      version: 1,
      clusterId: "c",
      sessionId: SESSION,
      timeoutMs: 1_000,
      zxid,
      resumed: false,
      limits: DEFAULT_LIMITS,
    };
    this.frames.push({
      link: this.#link,
      from: "server",
      bytes: new Uint8Array(),
      kind: "messages",
      welcome,
      messages: [],
    });
  }

  asked(...messages: readonly object[]): this {
    this.frames.push({
      link: this.#link,
      from: "client",
      bytes: new Uint8Array(),
      kind: "requests",
      messages: messages as never,
    });
    return this;
  }

  told(...messages: readonly object[]): this {
    this.frames.push({
      link: this.#link,
      from: "server",
      bytes: new Uint8Array(),
      kind: "messages",
      welcome: undefined,
      messages: messages as never,
    });
    return this;
  }
}

export const reply = (xid: number, zxid: number, result: readonly unknown[] = [], code = 0): object => ({
  kind: "reply",
  xid,
  zxid,
  code,
  result,
  detail: {},
});
export const event = (zxid: number, type: number, path: string): object => ({ kind: "event", zxid, type, path });

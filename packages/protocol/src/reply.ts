/**
 * What the server sends after Welcome, told apart by the first element:
 *
 * reply        `[xid, zxid, 0, …result]` or `[xid, zxid, code, detail]`; pong has xid 0
 * watch event  `[-1, zxid, type, path]`
 * subscription `[-2, zxid, id, kind, payload]`
 * goodbye      `[-3, zxid, code, detail]`, after which the server closes
 *
 * A `detail` is `[path | nil, index | nil, name | nil, limit | nil, actual | nil]`.
 */
import type { ErrorDetail } from "./error-code.ts";
import { ProtocolError, type Value } from "./frame.ts";
import { Shape } from "./shape.ts";
import type { Writer } from "./writer.ts";

/** First elements of the messages that are not replies. */
export const Push = { event: -1, subscription: -2, goodbye: -3 } as const;

export interface Reply {
  readonly kind: "reply";
  readonly xid: number;
  /** Newest zxid that the answer can reflect. Never decreases within a session. */
  readonly zxid: number;
  /** 0, or the number of an error. */
  readonly code: number;
  /** Elements of the result; empty for a refusal. */
  readonly result: readonly Value[];
  readonly detail: ErrorDetail;
}
export interface WatchEventMessage {
  readonly kind: "event";
  readonly zxid: number;
  /** One of `EventType`. */
  readonly type: number;
  readonly path: string;
}
export interface SubscriptionMessage {
  readonly kind: "subscription";
  readonly zxid: number;
  readonly id: number;
  /** One of `SubscriptionKind`. */
  readonly message: number;
  /**
   * page: `[path, data | nil, stat][]` · changes: `[type, path, data | nil, stat | nil][]` · synced, resync: nothing.
   * Data is left out (nil) for a deletion and where the subscription asked for none.
   */
  readonly payload: readonly Value[];
}
export interface Goodbye {
  readonly kind: "goodbye";
  readonly zxid: number;
  readonly code: number;
  readonly detail: ErrorDetail;
}
export type ServerMessage = Reply | WatchEventMessage | SubscriptionMessage | Goodbye;

const NO_DETAIL: ErrorDetail = {};
const NO_RESULT: readonly Value[] = [];

export function readServerMessage(value: Value): ServerMessage {
  const s = new Shape(value, "the message");
  const first = s.int("xid");
  const zxid = s.natural("zxid");
  switch (first) {
    case Push.event:
      return { kind: "event", zxid, type: s.natural("type"), path: s.str("path") };
    case Push.subscription:
      return {
        kind: "subscription",
        zxid,
        id: s.natural("id"),
        message: s.natural("kind"),
        payload: s.more ? s.list("payload", (item) => item) : NO_RESULT,
      };
    case Push.goodbye:
      return { kind: "goodbye", zxid, code: s.int("code"), detail: readDetail(s.value("detail")) };
    default: {
      if (first < 0) throw new ProtocolError(`a message of the unknown kind ${first}`);
      const code = s.int("code");
      if (code === 0) {
        return {
          kind: "reply",
          xid: first,
          zxid,
          code,
          result: (value as readonly Value[]).slice(3),
          detail: NO_DETAIL,
        };
      }
      return { kind: "reply", xid: first, zxid, code, result: NO_RESULT, detail: readDetail(s.value("detail")) };
    }
  }
}

export function writeDetail(w: Writer, detail: ErrorDetail): void {
  w.array(5);
  if (detail.path === undefined) w.nil();
  else w.str(detail.path);
  intOrNil(w, detail.index);
  if (detail.name === undefined) w.nil();
  else w.str(detail.name);
  intOrNil(w, detail.limit);
  intOrNil(w, detail.actual);
}

function intOrNil(w: Writer, value: number | undefined): void {
  if (value === undefined) w.nil();
  else w.int(value);
}

export function readDetail(value: Value): ErrorDetail {
  if (!Array.isArray(value) || value.length < 5) throw new ProtocolError("a detail has fewer than 5 elements");
  const [path, index, name, limit, actual] = value as readonly Value[];
  return {
    path: typeof path === "string" ? path : undefined,
    index: typeof index === "number" ? index : undefined,
    name: typeof name === "string" ? name : undefined,
    limit: typeof limit === "number" ? limit : undefined,
    actual: typeof actual === "number" ? actual : undefined,
  };
}

/** Writes a whole refusal: `[xid, zxid, code, detail]`. */
export function writeRefusal(w: Writer, xid: number, zxid: number, code: number, detail: ErrorDetail): void {
  w.array(4);
  w.int(xid);
  w.int(zxid);
  w.int(code);
  writeDetail(w, detail);
}

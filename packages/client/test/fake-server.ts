/**
 * A server that does what a test tells it to, on wires of memory. It speaks the protocol's codec and keeps no tree: a test
 * answers, or lets `answer` do it.
 */
import {
  DEFAULT_LIMITS,
  decodeFrame,
  errorCode,
  isWrite,
  Op,
  readHello,
  readMessage,
  Writer,
  writeDetail,
  writeRefusal,
  writeRefused,
  writeWelcome,
  type ErrorDetail,
  type ErrorName,
  type Hello,
  type ProtocolLimits,
  type Request,
  type Signal,
  type Value,
} from "@corral/protocol";
import type { Transport, Wire } from "../src/world.ts";

const EPOCH: number = 3 * 2 ** 32;

/** Writes a value of the protocol as MessagePack. */
export function writeValue(w: Writer, value: Value): void {
  if (value === null) w.nil();
  else if (typeof value === "boolean") w.bool(value);
  else if (typeof value === "number") w.int(value);
  else if (typeof value === "string") w.str(value);
  else if (value instanceof Uint8Array) w.bin(value);
  else {
    w.array(value.length);
    for (const item of value) writeValue(w, item);
  }
}

/** A Stat on the wire. */
export function statFields(at: number, version = 0, owner = 0): number[] {
  return [at, at, 1, 1, version, 0, 0, owner, 0, 0, at];
}

/** What to answer: elements of the result, or a refusal; undefined leaves it to the test. */
export type Answer = readonly Value[] | { readonly code: ErrorName; readonly detail?: ErrorDetail } | undefined;
type Received = (Request | Signal) & { readonly xid: number };

export class FakeConnection {
  readonly server: FakeServer;
  readonly url: string;
  hello: Hello | undefined;
  /** Everything received after Hello, in order. */
  readonly received: Received[] = [];
  /** The same as bytes, one entry a message. */
  readonly bytes: Uint8Array[] = [];
  readonly frames: Uint8Array[] = [];
  readonly wire: Wire;
  isOpen = true;
  /** Of the session it was welcomed to. */
  sessionId = 0;
  closedByClient: string | undefined;
  #pending: Value[] | undefined;

  constructor(server: FakeServer, url: string) {
    this.server = server;
    this.url = url;
    this.wire = {
      send: (frame) => {
        const copy = frame.slice();
        queueMicrotask(() => {
          if (this.isOpen && !this.server.isDeaf) this.#receive(copy);
        });
      },
      close: (_code, reason) => {
        this.isOpen = false;
        this.closedByClient = reason;
      },
      get bufferedBytes() {
        return server.bufferedBytes;
      },
      onmessage: undefined,
      onclose: undefined,
    };
  }

  get requests(): Request[] {
    return this.received.filter(({ xid }) => xid > 0) as Request[];
  }

  get signals(): Signal[] {
    return this.received.filter(({ xid }) => xid === 0) as unknown as Signal[];
  }

  #receive(frame: Uint8Array): void {
    this.frames.push(frame);
    const { values, ends } = decodeFrame(frame);
    values.forEach((value, i) => {
      if (this.hello === undefined) {
        this.hello = readHello(value);
        this.server.greet(this, this.hello);
        return;
      }
      const message = readMessage(value) as Received;
      this.received.push(message);
      this.bytes.push(frame.slice(i === 0 ? 0 : ends[i - 1]!, ends[i]));
      this.server.handle(this, message);
    });
  }

  /** Several messages as one frame. */
  together(send: () => void): void {
    this.#pending = [];
    send();
    const values = this.#pending;
    this.#pending = undefined;
    const w = new Writer();
    for (const value of values) writeValue(w, value);
    this.push(w.take());
  }

  send(value: Value): void {
    if (this.#pending !== undefined) {
      this.#pending = [...this.#pending, value];
      return;
    }
    const w = new Writer();
    writeValue(w, value);
    this.push(w.take());
  }

  push(frame: Uint8Array): void {
    queueMicrotask(() => {
      if (this.isOpen && !this.server.isMute) this.wire.onmessage?.(frame);
    });
  }

  reply(xid: number, ...result: readonly Value[]): void {
    this.send([xid, this.server.zxid, 0, ...result]);
  }

  refuse(xid: number, code: ErrorName, detail: ErrorDetail = {}): void {
    this.send([xid, this.server.zxid, errorCode(code), detailValue(detail)]);
  }

  event(type: number, path: string, zxid: number = ++this.server.zxid): void {
    this.send([-1, zxid, type, path]);
  }

  subscription(id: number, kind: number, payload?: readonly Value[], zxid: number = this.server.zxid): void {
    this.send(payload === undefined ? [-2, zxid, id, kind] : [-2, zxid, id, kind, payload]);
  }

  goodbye(code: ErrorName): void {
    this.send([-3, this.server.zxid, errorCode(code), detailValue({})]);
  }

  /** The connection breaks: what is on its way is lost. */
  cut(code = 1006): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    queueMicrotask(() => {
      this.wire.onclose?.(code, "");
    });
  }
}

function detailValue(detail: ErrorDetail): Value {
  const w = new Writer();
  writeDetail(w, detail);
  return decodeFrame(w.take()).values[0]!;
}

export class FakeServer {
  readonly connections: FakeConnection[] = [];
  readonly dialled: string[] = [];
  zxid: number = EPOCH + 1;
  clusterId = "c1";
  sessionId: number = EPOCH + 100;
  timeoutMs = 9_000;
  limits: ProtocolLimits = DEFAULT_LIMITS;
  bufferedBytes = 0;
  /** Takes nothing in. */
  isDeaf = false;
  /** Lets nothing out. */
  isMute = false;
  /** What happens to who dials: `hang` is a black hole. */
  door: "open" | "refuse" | "hang" = "open";
  /** Refuses each Hello with this. */
  refusal: ErrorName | undefined;
  /** … and says this of it. */
  refusalDetail: ErrorDetail = {};
  /** Secrets of living sessions by id. */
  readonly sessions = new Map<number, Uint8Array>();
  answer: (request: Request, connection: FakeConnection) => Answer = () => undefined;
  pongs = true;

  readonly transport: Transport = {
    connect: (url, { signal }) => {
      this.dialled.push(url);
      if (this.door === "refuse") return Promise.reject(new Error("refused"));
      if (this.door === "hang") {
        return new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => {
            reject(new Error("given up"));
          });
        });
      }
      const connection = new FakeConnection(this, url);
      this.connections.push(connection);
      return Promise.resolve(connection.wire);
    },
  };

  get last(): FakeConnection {
    return this.connections.at(-1)!;
  }

  greet(connection: FakeConnection, hello: Hello): void {
    const w = new Writer();
    const { session } = hello;
    const wrong = session.kind === "resume" && !sameBytes(this.sessions.get(session.id), session.secret);
    const refusal = this.refusal ?? (wrong ? "SESSION_EXPIRED" : undefined);
    if (refusal !== undefined) {
      writeRefused(w, { code: errorCode(refusal), detail: this.refusalDetail });
      connection.push(w.take());
      return;
    }
    let sessionId: number;
    if (session.kind === "resume") sessionId = session.id;
    else {
      if (session.kind === "replace") this.sessions.delete(session.oldId);
      sessionId = ++this.sessionId;
      this.sessions.set(sessionId, session.secret);
    }
    connection.sessionId = sessionId;
    writeWelcome(w, {
      version: 1,
      clusterId: this.clusterId,
      sessionId,
      timeoutMs: this.timeoutMs,
      zxid: this.zxid,
      resumed: session.kind === "resume",
      limits: this.limits,
    });
    connection.push(w.take());
  }

  handle(connection: FakeConnection, message: Received): void {
    if (message.xid === 0) {
      if (message.op === Op.ping && this.pongs) connection.send([0, this.zxid, 0]);
      return;
    }
    const request = message as Request;
    const answer = this.answer(request, connection);
    if (answer === undefined) return;
    if ("code" in answer) {
      const w = new Writer();
      writeRefusal(w, request.xid, this.zxid, errorCode(answer.code), answer.detail ?? {});
      connection.send(decodeFrame(w.take()).values[0]!);
      return;
    }
    if (isWrite(request)) this.zxid++;
    connection.reply(request.xid, ...answer);
  }
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && a.length === b.length && a.every((byte, i) => byte === b[i]);
}

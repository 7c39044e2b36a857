/** The other end of a connection on the stage: says what the protocol allows, and worse, and keeps what it hears. */
import {
  type Credential,
  type Goodbye,
  type Guard,
  type Refused,
  type Reply,
  type RequestBody,
  type ServerMessage,
  type SessionWish,
  type Signal,
  type SubscriptionMessage,
  type Value,
  type WatchEventMessage,
  type Welcome,
  ELEMENTS_MAX_TO_CLIENT,
  Op,
  Writer,
  decodeFrame,
  readServerMessage,
  readWelcome,
  writeHello,
  writeRequest,
  writeSignal,
} from "@corral/protocol";
import type { Stage } from "./stage.ts";
import { lineOf } from "./words.ts";

export interface HelloChanges {
  readonly versionMin?: number;
  readonly versionMax?: number;
  readonly clusterId?: string | null;
  readonly lastZxid?: number;
  readonly timeoutMs?: number;
  readonly credentials?: readonly Credential[];
  readonly session?: SessionWish;
}

export const secretOf = (seed: number): Uint8Array => new Uint8Array(16).fill(seed);

export class Client {
  readonly id: number;
  readonly #stage: Stage;
  /** Does the connection take what is sent? */
  takes = true;
  isPaused = false;
  closed: { readonly code: number; readonly reason: string } | undefined;
  welcome: Welcome | undefined;
  refused: Refused | undefined;
  /** What came after Welcome. */
  readonly heard: ServerMessage[] = [];
  /** Size of each WebSocket message that came. */
  readonly frames: number[] = [];
  readonly #untaken: number[] = [];
  #read = 0;
  xid = 0;

  constructor(id: number, stage: Stage) {
    this.id = id;
    this.#stage = stage;
  }

  // Saying

  hello(changes: HelloChanges = {}): void {
    const w = new Writer();
    writeHello(w, {
      versionMin: 1,
      versionMax: 1,
      clusterId: null,
      lastZxid: 0,
      timeoutMs: 10_000,
      credentials: [],
      session: { kind: "new", secret: secretOf(this.id) },
      ...changes,
    });
    this.bytes(w.take());
  }

  /** Attaches to the session of another connection. */
  resume(other: Client, acked = 0, changes: HelloChanges = {}): void {
    this.hello({ session: { kind: "resume", id: other.session, secret: other.secret, acked }, ...changes });
    this.secret = other.secret;
    this.xid = other.xid;
  }

  secret: Uint8Array = new Uint8Array(0);

  /** A frame, as it is. */
  bytes(frame: Uint8Array): void {
    if (this.secret.length === 0) this.secret = secretOf(this.id);
    this.#stage.turn(() => this.#stage.engine.received(this.id, frame));
    this.#stage.settle();
  }

  /** A frame of one or more values, written by the test itself. */
  values(...values: readonly Value[]): void {
    this.bytes(encode(...values));
  }

  /** Requests in one frame; returns the xid of the first. */
  ask(...bodies: readonly RequestBody[]): number {
    const first = this.xid + 1;
    const w = new Writer();
    for (const body of bodies) writeRequest(w, ++this.xid, body);
    this.bytes(w.take());
    return first;
  }

  askWith(xid: number, body: RequestBody, guards: readonly Guard[] | null = null): void {
    const w = new Writer();
    writeRequest(w, xid, body, guards);
    this.xid = Math.max(this.xid, xid);
    this.bytes(w.take());
  }

  signal(signal: Signal): void {
    const w = new Writer();
    writeSignal(w, signal);
    this.bytes(w.take());
  }

  ping(): void {
    this.signal({ op: Op.ping });
  }

  ack(acked: number): void {
    this.signal({ op: Op.ack, acked });
  }

  /** Asks one thing and gives its reply. */
  do(body: RequestBody, guards: readonly Guard[] | null = null): Reply {
    this.askWith(this.xid + 1, body, guards);
    return this.reply(this.xid);
  }

  /** The connection breaks. */
  break(): void {
    this.#untaken.length = 0;
    this.#stage.turn(() => this.#stage.engine.closed(this.id));
    this.#stage.settle();
  }

  // Hearing

  receive(bytes: Uint8Array): void {
    this.frames.push(bytes.length);
    this.#untaken.push(bytes.length);
    for (const value of decodeFrame(bytes, ELEMENTS_MAX_TO_CLIENT).values) {
      if (this.welcome === undefined && this.refused === undefined) {
        const first = readWelcome(value);
        if ("version" in first) this.welcome = first;
        else this.refused = first;
      } else this.heard.push(readServerMessage(value));
    }
  }

  /** What the connection takes now; for the stage. */
  taking(): { readonly id: number; readonly bytes: number }[] {
    return this.takes ? this.#untaken.splice(0).map((bytes) => ({ id: this.id, bytes })) : [];
  }

  get session(): number {
    if (this.welcome === undefined)
      throw new Error(`connection ${this.id} has no session: ${JSON.stringify(this.refused)}`);
    return this.welcome.sessionId;
  }

  /** What was heard since the last call. */
  news(): ServerMessage[] {
    const news = this.heard.slice(this.#read);
    this.#read = this.heard.length;
    return news;
  }

  replies(): Reply[] {
    return this.heard.filter((message) => message.kind === "reply");
  }

  reply(xid: number): Reply {
    const reply = this.replies().findLast((message) => message.xid === xid);
    if (reply === undefined) throw new Error(`no reply to ${xid}; heard: ${this.heard.map(lineOf).join(" | ")}`);
    return reply;
  }

  hasReply(xid: number): boolean {
    return this.replies().some((message) => message.xid === xid);
  }

  events(): WatchEventMessage[] {
    return this.heard.filter((message) => message.kind === "event");
  }

  told(id: number): SubscriptionMessage[] {
    return this.heard.filter((message) => message.kind === "subscription").filter((message) => message.id === id);
  }

  get goodbye(): Goodbye | undefined {
    return this.heard.find((message) => message.kind === "goodbye");
  }

  /** The news as lines that read like a conversation. */
  transcript(): string[] {
    return this.news().map(lineOf);
  }
}

export function encode(...values: readonly Value[]): Uint8Array {
  const w = new Writer();
  for (const value of values) write(w, value);
  return w.take();
}

function write(w: Writer, value: Value): void {
  if (value === null) w.nil();
  else if (typeof value === "boolean") w.bool(value);
  else if (typeof value === "number") w.int(value);
  else if (typeof value === "string") w.str(value);
  else if (value instanceof Uint8Array) w.bin(value);
  else {
    w.array(value.length);
    for (const item of value) write(w, item);
  }
}

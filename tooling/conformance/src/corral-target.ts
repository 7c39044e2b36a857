// A session with corrald in its own protocol, over a real WebSocket and without the SDK: what is compared is what the
// server says, not what a client makes of it. It owns the socket and what was sent and not yet answered.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  ELEMENTS_MAX_TO_CLIENT,
  Op as Code,
  PROTOCOL_VERSION,
  SUBPROTOCOL,
  Writer,
  decodeFrame,
  readServerMessage,
  readWelcome,
  writeHello,
  writeRequest,
  writeSignal,
  type Reply,
  type SessionWish,
  type Value,
} from "@corral/protocol";
import { WebSocket } from "ws";
import { relativePath, type Answer, type Session, type SessionOptions, type Target } from "./answer.ts";
import { answerOf, errorText, eventType, requestOf } from "./corral-messages.ts";
import type { AddAuth, Op } from "./operation.ts";

export interface CorralServer {
  /** Of the WebSocket, such as ws://127.0.0.1:20001/ */
  readonly url: string;
  stop(): Promise<void>;
}

export function corralTarget(server: CorralServer): Target {
  return {
    name: "Corral",
    open: async (options) => {
      const session = new CorralSession(server.url, options);
      const error = await session.attach();
      if (error !== "OK") throw new Error(`Corral refused a new session: ${error}`);
      return session;
    },
    stop: () => server.stop(),
  };
}

interface Pending {
  /** 0 for a ping. */
  readonly xid: number;
  /** Undefined for a request of the adapter itself, whose reply is nobody's business. */
  readonly op: Op | undefined;
  readonly settled: () => void;
  /** What a ping was answered, until it is its turn: pings stand outside the order, and their place is not compared. */
  pong?: Answer;
}

class CorralSession implements Session {
  readonly #url: string;
  readonly #options: SessionOptions;
  readonly #secret: Uint8Array = randomBytes(16);
  readonly #writer = new Writer();
  #id = 0;
  #timeoutMs: number;
  #clusterId: string | null = null;
  /** Newest zxid of a reply or an event; what a watch that is set again has seen. */
  #seen = 0;
  #nextXid = 1;
  #acked = 0;
  #identities: AddAuth[] = [];
  #socket: WebSocket | undefined;
  #pending: Pending[] = [];
  #heartbeat: NodeJS.Timeout | undefined;

  constructor(url: string, options: SessionOptions) {
    this.#url = url;
    this.#options = options;
    this.#timeoutMs = options.timeoutMs;
  }

  get id(): string {
    return String(this.#id);
  }

  burst(ops: readonly Op[]): Promise<void> {
    return this.#send(ops, true);
  }

  fence(): Promise<void> {
    return this.#send([{ op: "sync", path: "/" }], false);
  }

  async drop(): Promise<void> {
    this.silence();
    const socket = this.#socket;
    if (socket === undefined) return;
    const closed = once(socket, "close");
    socket.terminate();
    await closed;
  }

  async attach(): Promise<string> {
    const socket = new WebSocket(this.#url, SUBPROTOCOL, { perMessageDeflate: false });
    const refusal = await new Promise<string | undefined>((resolve, reject) => {
      let waiting = true;
      socket.on("error", reject);
      socket.on("open", () => socket.send(this.#hello()));
      socket.on("close", (code) => {
        this.#lose(socket);
        reject(new Error(`the connection was closed with ${code} before it was welcome`));
      });
      socket.on("message", (frame: Buffer) => {
        const { values } = decodeFrame(frame, ELEMENTS_MAX_TO_CLIENT);
        for (const value of values) {
          if (!waiting) this.#receive(value);
          else {
            waiting = false;
            resolve(this.#welcome(value));
          }
        }
      });
    });
    if (refusal !== undefined) {
      socket.terminate();
      return refusal;
    }
    this.#socket = socket;
    this.#heartbeat = setInterval(() => void this.#send([{ op: "ping" }], false), this.#timeoutMs / 6);
    return "OK";
  }

  silence(): void {
    clearInterval(this.#heartbeat);
  }

  async end(): Promise<void> {
    this.silence();
    await this.#send([{ op: "close" }], false);
    await this.drop();
  }

  #hello(): Uint8Array {
    const session: SessionWish =
      this.#id === 0
        ? { kind: "new", secret: this.#secret }
        : { kind: "resume", id: this.#id, secret: this.#secret, acked: this.#acked };
    const credentials = this.#identities.map(({ scheme, credentials }) => ({
      scheme,
      credential: Buffer.from(credentials, "utf8"),
    }));
    const writer = new Writer();
    writeHello(writer, {
      versionMin: PROTOCOL_VERSION,
      versionMax: PROTOCOL_VERSION,
      clusterId: this.#clusterId,
      lastZxid: this.#seen,
      timeoutMs: this.#options.timeoutMs,
      credentials,
      session,
    });
    return writer.take();
  }

  /** The name of the refusal, or undefined. */
  #welcome(value: Value): string | undefined {
    const welcome = readWelcome(value);
    if (!("sessionId" in welcome)) return errorText(welcome.code);
    this.#id = welcome.sessionId;
    this.#timeoutMs = welcome.timeoutMs;
    this.#clusterId = welcome.clusterId;
    return undefined;
  }

  /** `heard`: the answers go to the stream. */
  async #send(ops: readonly Op[], heard: boolean): Promise<void> {
    const writer = this.#writer;
    if (this.#acked > 0) writeSignal(writer, { op: Code.ack, acked: this.#acked });
    const settled = ops.map((op) => {
      const body = requestOf(op, this.#options.top, this.#seen);
      const xid = body === undefined ? 0 : this.#nextXid++;
      if (body === undefined) writeSignal(writer, { op: Code.ping });
      else writeRequest(writer, xid, body);
      return new Promise<void>((resolve) => this.#pending.push({ xid, op: heard ? op : undefined, settled: resolve }));
    });
    const frame = writer.copy();
    if (this.#socket === undefined) this.#failPending();
    else this.#socket.send(frame);
    await Promise.all(settled);
  }

  #receive(value: Value): void {
    const message = readServerMessage(value);
    switch (message.kind) {
      case "event":
        this.#seen = Math.max(this.#seen, message.zxid);
        return this.#options.receive({
          kind: "event",
          type: eventType(message.type),
          path: relativePath(this.#options.top, message.path),
        });
      case "reply":
        return this.#reply(message);
      case "goodbye":
        return this.#goodbye(message.code);
      case "subscription":
        throw new Error("a message of a subscription, without one");
    }
  }

  #reply(reply: Reply): void {
    if (reply.xid === 0) {
      const ping = this.#pending.find(({ xid, pong }) => xid === 0 && pong === undefined);
      if (ping === undefined) throw new Error("a pong without a ping");
      ping.pong = { error: errorText(reply.code) };
    } else {
      const pending = this.#pending.shift();
      if (pending?.xid !== reply.xid) throw new Error(`reply ${reply.xid} where ${pending?.xid} was due`);
      if (reply.zxid < this.#seen) throw new Error(`zxid went back from ${this.#seen} to ${reply.zxid}`);
      this.#seen = reply.zxid;
      this.#acked = reply.xid;
      if (pending.op?.op === "addAuth" && reply.code === 0) this.#identities.push(pending.op);
      this.#settle(pending, pending.op === undefined ? undefined : answerOf(pending.op, reply, this.#options.top));
    }
    while (this.#pending[0]?.pong !== undefined) {
      const ping = this.#pending.shift();
      if (ping !== undefined) this.#settle(ping, ping.pong);
    }
  }

  #settle({ op, settled }: Pending, answer: Answer | undefined): void {
    if (op !== undefined && answer !== undefined) this.#options.receive({ kind: "reply", op, answer });
    settled();
  }

  #lose(socket: WebSocket): void {
    if (this.#socket !== socket) return;
    this.silence();
    this.#socket = undefined;
    this.#failPending();
  }

  /** A refused identity is answered by the goodbye, as it costs the connection. */
  #goodbye(code: number): void {
    const [pending] = this.#pending;
    if (pending?.op?.op !== "addAuth") return;
    this.#pending.shift();
    this.#settle(pending, { error: errorText(code) });
  }

  #failPending(): void {
    for (const pending of this.#pending.splice(0)) this.#settle(pending, { error: "NO_ANSWER" });
  }
}

/**
 * One session on a connection of its own, the protocol spoken by hand: the client library is not what is measured here.
 * Requests are answered in the order in which they were asked, so the oldest that waits is the one that a reply belongs to.
 * Owns the session's numbers and what waits; knows nothing of what is measured.
 */
import { randomBytes } from "node:crypto";
import {
  Op,
  type ProtocolLimits,
  type RequestBody,
  SECRET_BYTES_MIN,
  SUBPROTOCOL,
  Writer,
  decodeFrame,
  errorName,
  readWelcome,
  writeHello,
  writeRequest,
  writeSignal,
} from "@corral/protocol";
import { type MessageSink, readMessages } from "./messages.ts";
import { type Receiver, WebSocketConnection } from "./web-socket.ts";

export interface Answerer {
  /** `code` 0: done. `now`: when the message came, by `performance.now()`; one look at the clock does for all in it. */
  answered(code: number, now: number): void;
}

export interface ConnectionOptions {
  readonly url: string;
  readonly timeoutMs: number;
  /** Requests of one turn leave as one message; else each is a message, though one write to the socket takes them all. */
  readonly isBatched: boolean;
  readonly broken: (why: Error) => void;
}

const WRITER_BYTES = 64;
const WAITING_FIRST = 4;

export class Connection implements Receiver, MessageSink {
  readonly #options: ConnectionOptions;
  #socket!: WebSocketConnection;
  #limits: ProtocolLimits | undefined;
  #welcomed: ((refused?: Error) => void) | undefined;
  readonly #w = new Writer(WRITER_BYTES);
  #xid = 0;
  #acked = 0;
  #ackSent = 0;
  /** A ring, its size a power of two; the server's bound on requests in flight bounds it. */
  #waiting: (Answerer | undefined)[] = new Array(WAITING_FIRST);
  #now = 0;
  #isOver = false;
  #isFlushing = false;
  /** Of a watch. */
  onEvent: (() => void) | undefined;

  private constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** Resolves when the session is open. */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const connection = new Connection(options);
    const socket = await WebSocketConnection.open(options.url, SUBPROTOCOL, connection);
    connection.#socket = socket;
    await connection.#hello();
    return connection;
  }

  /** How many requests the server takes before it has answered one. */
  get inFlightMax(): number {
    return this.#limits!.inFlight;
  }

  /** Leaves with the next `flush`, which comes by itself when what arrived has been dealt with. */
  request(body: RequestBody, answerer: Answerer): void {
    const xid = ++this.#xid;
    if (xid - this.#acked > this.#waiting.length) this.#grow();
    this.#waiting[xid & (this.#waiting.length - 1)] = answerer;
    // What has been received is told along with the first request of a turn.
    if (this.#ackSent !== this.#acked) {
      this.#ackSent = this.#acked;
      writeSignal(this.#w, { op: Op.ack, acked: this.#acked });
    }
    writeRequest(this.#w, xid, body);
    if (!this.#options.isBatched) this.#endMessage();
  }

  flush(): void {
    if (this.#w.length > 0) this.#endMessage();
    this.#socket.flush();
  }

  /** Resolves with the code of the reply. What is asked in one turn leaves together. */
  ask(body: RequestBody): Promise<number> {
    return new Promise((resolve) => {
      this.request(body, { answered: resolve });
      this.#flushSoon();
    });
  }

  /** Throws unless the request was done, or refused with one of these names. */
  async must(body: RequestBody, ...accepted: readonly string[]): Promise<void> {
    const code = await this.ask(body);
    if (code !== 0 && !accepted.includes(errorName(code) ?? "")) throw refused(body, code);
  }

  ping(): void {
    writeSignal(this.#w, { op: Op.ping });
    this.flush();
  }

  /** Ends the session, and its ephemerals with it. */
  close(): Promise<void> {
    return new Promise((resolve, reject) => {
      const body: RequestBody = { op: Op.close };
      const answered = (code: number): void => {
        // The server closes the connection next: that is as it should be.
        this.destroy();
        if (code === 0) resolve();
        else reject(refused(body, code));
      };
      this.request(body, { answered });
      this.flush();
    });
  }

  /** Leaves the session to expire. */
  destroy(): void {
    this.#isOver = true;
    this.#socket.destroy();
  }

  message(bytes: Uint8Array, from: number, to: number): void {
    if (this.#welcomed !== undefined) return this.#readWelcome(bytes.subarray(from, to));
    this.#now = performance.now();
    try {
      readMessages(bytes, from, to, this);
    } catch (error) {
      this.closed(error as Error);
    }
  }

  reply(xid: number, code: number): void {
    if (xid !== this.#acked + 1) throw new Error(`request ${xid} was answered, not ${this.#acked + 1}`);
    this.#acked = xid;
    const at = xid & (this.#waiting.length - 1);
    const answerer = this.#waiting[at]!;
    this.#waiting[at] = undefined;
    answerer.answered(code, this.#now);
  }

  event(): void {
    this.onEvent?.();
  }

  caughtUp(): void {
    if (this.#welcomed === undefined && !this.#isOver) this.flush();
  }

  closed(why: Error): void {
    if (this.#isOver) return;
    if (this.#welcomed === undefined) this.#options.broken(why);
    else this.#welcomed(why);
  }

  /** When those who were answered in this turn have asked again. */
  #flushSoon(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    queueMicrotask(() => {
      this.#isFlushing = false;
      this.flush();
    });
  }

  #endMessage(): void {
    this.#socket.message(this.#w.written());
    this.#w.clear();
  }

  #grow(): void {
    const size = this.#waiting.length;
    if (size > this.inFlightMax) throw new Error(`more than ${this.inFlightMax} requests in flight on a connection`);
    const grown: (Answerer | undefined)[] = new Array(size * 2);
    for (let xid = this.#acked + 1; xid < this.#xid; xid++)
      grown[xid & (2 * size - 1)] = this.#waiting[xid & (size - 1)];
    this.#waiting = grown;
  }

  #hello(): Promise<void> {
    const { timeoutMs } = this.#options;
    const session = { kind: "new", secret: randomBytes(SECRET_BYTES_MIN) } as const;
    writeHello(this.#w, {
      versionMin: 1,
      versionMax: 1,
      clusterId: null,
      lastZxid: 0,
      timeoutMs,
      credentials: [],
      session,
    });
    return new Promise((resolve, reject) => {
      this.#welcomed = (why) => {
        this.#welcomed = undefined;
        if (why === undefined) return resolve();
        this.destroy();
        reject(why);
      };
      this.flush();
    });
  }

  #readWelcome(bytes: Uint8Array): void {
    const answer = readWelcome(decodeFrame(bytes).values[0]!);
    if ("limits" in answer) this.#limits = answer.limits;
    this.#welcomed?.(
      "limits" in answer ? undefined : new Error(`no session: ${errorName(answer.code) ?? answer.code}`),
    );
  }
}

export function refused(body: RequestBody, code: number): Error {
  const path = "path" in body ? ` of ${body.path}` : "";
  return new Error(`operation ${body.op}${path} was refused: ${errorName(code) ?? code}`);
}

/**
 * One connection of the load generator: speaks the protocol itself, so that the client library is not what is measured.
 */
import {
  Op,
  type RequestBody,
  type Value,
  Writer,
  decodeFrame,
  writeHello,
  writeRequest,
  writeSignal,
} from "@corral/protocol";
import { WebSocket } from "ws";

export class Connection {
  readonly #socket: WebSocket;
  readonly #w = new Writer(64 * 1024);
  #xid = 0;
  #acked = 0;
  /** Called with each reply, in order: its code, and the whole message. */
  #waiting: ((message: readonly Value[]) => void)[] = [];
  #head = 0;
  #isDirty = false;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  static open(url: string): Promise<Connection> {
    const socket = new WebSocket(url, ["corral.v1"], { perMessageDeflate: false });
    const connection = new Connection(socket);
    return new Promise((resolve, reject) => {
      socket.once("error", reject);
      socket.once("open", () => {
        const secret = new Uint8Array(16);
        const hello = {
          versionMin: 1,
          versionMax: 1,
          clusterId: null,
          lastZxid: 0,
          timeoutMs: 30_000,
          credentials: [],
        };
        writeHello(connection.#w, { ...hello, session: { kind: "new", secret } });
        socket.send(connection.#w.copy());
        socket.once("message", () => {
          socket.on("message", (bytes: Buffer) => connection.#received(bytes));
          resolve(connection);
        });
      });
    });
  }

  /** Requests of one turn leave as one message. */
  request(body: RequestBody, answered: (message: readonly Value[]) => void): void {
    this.#waiting.push(answered);
    writeRequest(this.#w, ++this.#xid, body);
    if (this.#isDirty) return;
    this.#isDirty = true;
    queueMicrotask(() => {
      this.#isDirty = false;
      writeSignal(this.#w, { op: Op.ack, acked: this.#acked });
      this.#socket.send(this.#w.copy());
    });
  }

  ask(body: RequestBody): Promise<readonly Value[]> {
    return new Promise((resolve) => this.request(body, resolve));
  }

  close(): void {
    this.#socket.terminate();
  }

  #received(bytes: Buffer): void {
    for (const value of decodeFrame(bytes, Number.MAX_SAFE_INTEGER).values) {
      const message = value as readonly Value[];
      if ((message[0] as number) <= 0) continue;
      this.#acked = message[0] as number;
      this.#waiting[this.#head++]!(message);
      if (this.#head === this.#waiting.length) {
        this.#waiting = [];
        this.#head = 0;
      }
    }
  }
}

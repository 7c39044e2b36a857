/**
 * The asking end of a connection: many requests under way at once, each answered or rejected with a `BrokerError`.
 *
 * Owns one WebSocket. A connection that breaks is not made anew here; what was under way is `DISCONNECTED`.
 */
import { WebSocket } from "ws";
import { BrokerError } from "./errors.ts";
import { decodeReply, encodeFrame, FRAME_BYTES_MAX } from "./frames.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** A connection that is not made in that time is given up, milliseconds. */
const DIAL_MS = 2_000;
/** Beyond what a request itself may wait, milliseconds: a process that stands still does not answer at all. */
const GRACE_MS = 2_000;
const REQUESTS_MAX = 10_000;

interface Waiting {
  resolve(this: void, body: unknown): void;
  reject(this: void, error: BrokerError): void;
}

/** `R`: the requests that the other end knows. */
export class Peer<R> {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, Waiting>();
  readonly #where: string;
  #nextId = 1;

  private constructor(socket: WebSocket, where: string) {
    this.#socket = socket;
    this.#where = where;
    socket.on("message", (data: Buffer) => {
      this.#take(data);
    });
    socket.on("close", () => {
      for (const waiting of this.#waiting.values()) waiting.reject(this.#gone());
      this.#waiting.clear();
    });
  }

  /** `DISCONNECTED` if nobody answers there in time. */
  static dial<R>({ host, port }: Address): Promise<Peer<R>> {
    const where = `${host}:${port}`;
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(`ws://${where}`, {
        perMessageDeflate: false,
        maxPayload: FRAME_BYTES_MAX,
        handshakeTimeout: DIAL_MS,
      });
      // After the connection stands, its close event says all there is to say.
      socket.on("error", (error) => {
        reject(new BrokerError("DISCONNECTED", `${where}: ${error.message}`));
      });
      socket.once("open", () => {
        resolve(new Peer<R>(socket, where));
      });
    });
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  /** `waitMs`: what the request itself may wait at the other end. After that and some grace, the connection counts as broken. */
  request<K extends keyof R & string>(
    operation: K,
    body: R[K] extends { readonly request: infer Q } ? Q : never,
    waitMs: number = 0,
  ): Promise<R[K] extends { readonly reply: infer A } ? A : never> {
    return new Promise((resolve, reject) => {
      if (!this.isOpen) return reject(this.#gone());
      if (this.#waiting.size >= REQUESTS_MAX) {
        return reject(new BrokerError("DISCONNECTED", `${this.#where}: ${REQUESTS_MAX} requests are under way`));
      }
      const id = this.#nextId;
      this.#nextId += 1;
      const timer = setTimeout(() => {
        this.close();
      }, waitMs + GRACE_MS);
      this.#waiting.set(id, {
        resolve: (value) => {
          clearTimeout(timer);
          resolve(value as never);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
      this.#socket.send(encodeFrame([id, operation, body]));
    });
  }

  /** Harmless when repeated. */
  close(): void {
    this.#socket.terminate();
  }

  #take(data: Buffer): void {
    const reply = decodeReply(data);
    if (reply === undefined) return this.close();
    const [id, failure, body] = reply;
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (failure === null) waiting?.resolve(body);
    else waiting?.reject(new BrokerError(failure.code, failure.message, failure.hint));
  }

  #gone(): BrokerError {
    return new BrokerError("DISCONNECTED", `${this.#where}: the connection is closed`);
  }
}

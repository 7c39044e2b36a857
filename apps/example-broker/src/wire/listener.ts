/**
 * The answering end: takes connections, hands each request to its handler, sends what that comes to.
 *
 * Owns the sockets and the bounds per connection. Never decides what a request means.
 */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { WebSocket, WebSocketServer } from "ws";
import { BrokerError } from "./errors.ts";
import { decodeRequest, encodeFrame, type Failure, FRAME_BYTES_MAX } from "./frames.ts";
import type { Address } from "./peer.ts";

/** Requests of one connection that may be under way. One more, and it is closed. */
const IN_FLIGHT_MAX = 10_000;
/** A connection that does not read what it asked for is closed when so much waits for it, bytes. */
const BUFFERED_MAX: number = 64 * 1024 * 1024;

/** `signal` is aborted when the connection has gone: nobody waits for the answer. */
export type Handle = (operation: string, body: unknown, signal: AbortSignal) => Promise<unknown>;

export class Listener {
  readonly #server: WebSocketServer;
  readonly address: Address;

  private constructor(server: WebSocketServer, host: string) {
    this.#server = server;
    this.address = { host, port: (server.address() as AddressInfo).port };
  }

  /** Port 0 takes a free one. `onFault`: told of what a handler threw that was no refusal. */
  static async open(at: Address, handle: Handle, onFault: (error: unknown) => void): Promise<Listener> {
    const server = new WebSocketServer({ ...at, perMessageDeflate: false, maxPayload: FRAME_BYTES_MAX });
    server.on("connection", (socket) => {
      serve(socket, handle, onFault);
    });
    await once(server, "listening");
    return new Listener(server, at.host);
  }

  async close(): Promise<void> {
    for (const socket of this.#server.clients) socket.terminate();
    await new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
  }
}

function serve(socket: WebSocket, handle: Handle, onFault: (error: unknown) => void): void {
  const gone = new AbortController();
  let underWay = 0;
  const send = (id: number, failure: Failure | null, body: unknown): void => {
    if (socket.readyState !== WebSocket.OPEN) return;
    if (socket.bufferedAmount > BUFFERED_MAX) return socket.terminate();
    socket.send(encodeFrame([id, failure, body]));
  };
  const answer = async (id: number, operation: string, body: unknown): Promise<void> => {
    underWay += 1;
    try {
      send(id, null, await handle(operation, body, gone.signal));
    } catch (error) {
      if (!(error instanceof BrokerError)) onFault(error);
      send(id, failureOf(error), null);
    } finally {
      underWay -= 1;
    }
  };
  socket.on("message", (data: Buffer) => {
    const request = decodeRequest(data);
    if (request === undefined || underWay >= IN_FLIGHT_MAX) return socket.terminate();
    void answer(...request);
  });
  // The close event follows an error, and says all there is to say.
  socket.on("error", () => {
    socket.terminate();
  });
  socket.on("close", () => {
    gone.abort();
  });
}

function failureOf(error: unknown): Failure {
  if (error instanceof BrokerError) {
    return { code: error.code, message: error.message.slice(error.code.length + 2), hint: error.hint };
  }
  return { code: "INTERNAL", message: error instanceof Error ? error.message : "an unknown failure" };
}

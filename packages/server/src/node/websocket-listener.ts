/**
 * Stop 1 in the life of a write: a WebSocket message arrives.
 *
 * Owns the HTTP server that upgrades, and the sockets. Never looks into a message. Bounds what a stranger can make it keep:
 * headers, their time, fragments, and the size of a message.
 */
import { type IncomingMessage, type Server as HttpServer, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type RawData, type WebSocket, WebSocketServer } from "ws";
import { SUBPROTOCOL } from "@corral/protocol";
import type { Listener, Socket, SocketOwner } from "../world.ts";

export interface WebSocketListenerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Larger messages end their connection; bytes. */
  readonly frameBytes: number;
}

const HEADER_BYTES_MAX = 8 * 1024;
const HEADERS_MAX = 64;
const HEADERS_TIMEOUT_MS = 5_000;
const FRAGMENTS_MAX = 1_024;
/** Pongs that a client has not taken; one ping more ends the connection. */
const PONGS_MAX = 60;
/** Of a frame's head. */
const FINAL = 0x80;
const BINARY = 0x02;
const LENGTH_16 = 126;
const LENGTH_64 = 127;
/** A client that does not answer a close is cut off after this. */
const CLOSE_TIMEOUT_MS = 2_000;

export class WebSocketListener implements Listener {
  readonly #options: WebSocketListenerOptions;
  readonly #http: HttpServer;
  readonly #server: WebSocketServer;
  url = "";

  constructor(options: WebSocketListenerOptions) {
    this.#options = options;
    this.#http = createServer(
      {
        maxHeaderSize: HEADER_BYTES_MAX,
        headersTimeout: HEADERS_TIMEOUT_MS,
        requestTimeout: HEADERS_TIMEOUT_MS,
        connectionsCheckingInterval: 1_000,
      },
      (_request, response) => {
        response.writeHead(426, { "content-type": "text/plain", connection: "close" });
        response.end("This is the client port of corrald: it speaks WebSocket.\n");
      },
    );
    this.#http.maxHeadersCount = HEADERS_MAX;
    this.#server = new WebSocketServer({
      server: this.#http,
      perMessageDeflate: false,
      maxPayload: options.frameBytes,
      maxFragments: FRAGMENTS_MAX,
      maxPendingAutoPongs: PONGS_MAX,
      closeTimeout: CLOSE_TIMEOUT_MS,
      handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
      verifyClient: (
        { req }: { req: IncomingMessage },
        answer: (ok: boolean, code?: number, text?: string) => void,
      ) => {
        const offers = (req.headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim());
        if (offers.includes(SUBPROTOCOL)) answer(true);
        else answer(false, 400, `offer the subprotocol ${SUBPROTOCOL}`);
      },
    } as ConstructorParameters<typeof WebSocketServer>[0]);
  }

  listen(accept: (socket: Socket) => SocketOwner): Promise<void> {
    this.#server.on("connection", (ws, request) => serve(ws, request, accept));
    // What goes wrong before an upgrade concerns that one stranger only.
    this.#server.on("wsClientError", (_error, socket) => {
      socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", () => socket.destroy());
    });
    const { host, port } = this.#options;
    return new Promise((resolve, reject) => {
      // ws hands on the errors of the HTTP server. Before it listens, one is the reason why not; later, that of a single accept.
      this.#server.on("error", reject);
      this.#http.listen(port, host, () => {
        const address = this.#http.address() as AddressInfo;
        const name = address.family === "IPv6" ? `[${address.address}]` : address.address;
        this.url = `ws://${name}:${address.port}`;
        resolve();
      });
    });
  }

  close(): Promise<void> {
    this.#server.close();
    this.#http.closeIdleConnections();
    return new Promise((resolve) => {
      this.#http.close(() => resolve());
      for (const ws of this.#server.clients) ws.close(1001, "DRAINING");
    });
  }
}

function serve(ws: WebSocket, request: IncomingMessage, accept: (socket: Socket) => SocketOwner): void {
  const address = (request.socket.remoteAddress ?? "").replace(/^::ffff:/, "");
  const { socket } = request;
  socket.setNoDelay(true);
  const owner = accept({
    peer: { address, identities: [] },
    // By ws, head and bytes would be two writes that are joined again: a fan-out to ten thousand took a quarter longer. Nothing waits within ws
    // (no compression, no fragments), so its own frames, pong and close, keep their place among these.
    send(bytes, taken) {
      if (ws.readyState !== ws.OPEN) return;
      socket.write(binaryFrame(bytes), (error) => {
        // The close that follows an error says all there is to say.
        if (error === undefined || error === null) taken();
      });
    },
    close: (code, reason) => ws.close(code, reason),
    pause: () => ws.pause(),
    resume: () => ws.resume(),
  });
  ws.on("message", (data: RawData, isBinary) => {
    if (isBinary) owner.received(data as Buffer);
    else ws.close(1003, "binary messages only");
  });
  ws.on("close", () => owner.closed());
  // Protocol errors of WebSocket itself: ws closes with the fitting code, and `close` follows.
  ws.on("error", () => {});
}

/** The whole message in one frame, as a server sends it: RFC 6455, section 5.2. */
function binaryFrame(bytes: Uint8Array): Buffer {
  const { length } = bytes;
  const headBytes = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(headBytes + length);
  frame[0] = FINAL | BINARY;
  if (headBytes === 2) frame[1] = length;
  else if (headBytes === 4) {
    frame[1] = LENGTH_16;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = LENGTH_64;
    frame.writeUInt32BE(0, 2);
    frame.writeUInt32BE(length, 6);
  }
  frame.set(bytes, headBytes);
  return frame;
}

/**
 * The least WebSocket client that a generator gets by with: binary messages over TCP, read into one buffer that all
 * connections share. What `ws` spends on streams and events for each message would be measured along with the server.
 * Masks with a mask that is never zero: a server skips the work for a zero one, which no real client sends.
 * Never looks into a message.
 */
import { randomBytes } from "node:crypto";
import { type Socket, connect } from "node:net";

export interface Receiver {
  /** A message: `bytes` from `from` to `to`, valid during the call only. */
  message(bytes: Uint8Array, from: number, to: number): void;
  /** Everything that had arrived has been handed over: the moment to answer. */
  caughtUp(): void;
  closed(why: Error): void;
}

const READ_BYTES = 64 * 1024;
/** One buffer for all: a read ends before the next one begins. */
const readBuffer = new Uint8Array(READ_BYTES);
/** What a message may have at most; the server sends no more. */
const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;
const RESPONSE_BYTES_MAX = 8 * 1024;
/** What a connection keeps for its next messages; one that only waits has the first size. */
const OUT_BYTES_FIRST = 256;
const OUT_BYTES_KEPT = 256 * 1024;
const HEADER_BYTES_MAX = 14;
const OPEN_MS_MAX = 60_000;

const END_OF_HEAD = "\r\n\r\n";
const BINARY = 0x82;
const CLOSE = 0x88;
const NO_BYTES = new Uint8Array(0);

export class WebSocketConnection {
  readonly #receiver: Receiver;
  readonly #socket: Socket;
  /** The beginning of a message whose end has not come. */
  #rest: Uint8Array = NO_BYTES;
  #restLength = 0;
  #out = NO_BYTES;
  #outLength = 0;
  #mask = randomBytes(4).readUInt32LE() | 1;
  /** Called with the head of the server's answer; undefined once the connection stands. */
  #opening: ((refused: Error | undefined) => void) | undefined;

  private constructor(url: URL, subprotocol: string, receiver: Receiver, opened: (refused: Error | undefined) => void) {
    this.#receiver = receiver;
    const timer = setTimeout(() => this.#fail(new Error(`no connection within ${OPEN_MS_MAX} ms`)), OPEN_MS_MAX);
    this.#opening = (refused) => {
      clearTimeout(timer);
      this.#opening = undefined;
      opened(refused);
    };
    this.#socket = connect({
      host: url.hostname,
      port: Number(url.port),
      noDelay: true,
      onread: { buffer: readBuffer, callback: (length) => this.#read(length) },
    });
    this.#socket.on("connect", () => this.#socket.write(upgradeRequest(url, subprotocol)));
    this.#socket.on("error", (error) => this.#fail(error));
    this.#socket.on("close", () => this.#fail(new Error("the server closed the connection")));
  }

  static open(url: string, subprotocol: string, receiver: Receiver): Promise<WebSocketConnection> {
    return new Promise((resolve, reject) => {
      const connection = new WebSocketConnection(new URL(url), subprotocol, receiver, (refused) => {
        if (refused === undefined) resolve(connection);
        else reject(refused);
      });
    });
  }

  /** Appends a message of its own to what leaves with the next `flush`; `bytes` may be used again at once. */
  message(bytes: Uint8Array): void {
    const length = bytes.length;
    this.#reserve(HEADER_BYTES_MAX + length);
    const out = this.#out;
    let at = this.#outLength;
    out[at++] = BINARY;
    if (length < 126) out[at++] = 0x80 | length;
    else if (length < 0x1_0000) {
      out[at++] = 0x80 | 126;
      out[at++] = length >>> 8;
      out[at++] = length;
    } else {
      out.fill(0, at + 1, at + 5);
      out[at++] = 0x80 | 127;
      at += 4;
      out[at++] = length >>> 24;
      out[at++] = length >>> 16;
      out[at++] = length >>> 8;
      out[at++] = length;
    }
    // Odd, hence never zero; the next one is another.
    const mask = (this.#mask = (Math.imul(this.#mask, 0x0019_660d) + 0x3c6e_f35e) | 1);
    const m0 = mask & 0xff;
    const m1 = (mask >>> 8) & 0xff;
    const m2 = (mask >>> 16) & 0xff;
    const m3 = mask >>> 24;
    out[at++] = m0;
    out[at++] = m1;
    out[at++] = m2;
    out[at++] = m3;
    const aligned = length & ~3;
    let i = 0;
    for (; i < aligned; i += 4) {
      out[at] = bytes[i]! ^ m0;
      out[at + 1] = bytes[i + 1]! ^ m1;
      out[at + 2] = bytes[i + 2]! ^ m2;
      out[at + 3] = bytes[i + 3]! ^ m3;
      at += 4;
    }
    if (i < length) out[at++] = bytes[i++]! ^ m0;
    if (i < length) out[at++] = bytes[i++]! ^ m1;
    if (i < length) out[at++] = bytes[i++]! ^ m2;
    this.#outLength = at;
  }

  /** One write to the socket, whatever the number of messages. */
  flush(): void {
    if (this.#outLength === 0) return;
    this.#socket.write(this.#out.subarray(0, this.#outLength));
    this.#outLength = 0;
    // What the kernel has not taken still stands in the buffer.
    if (this.#socket.writableLength > 0 || this.#out.length > OUT_BYTES_KEPT) this.#out = NO_BYTES;
  }

  /** Without a word to the server; nothing is told of it. */
  destroy(): void {
    this.#socket.removeAllListeners("close");
    this.#socket.destroy();
  }

  #reserve(bytes: number): void {
    const needed = this.#outLength + bytes;
    if (needed <= this.#out.length) return;
    const grown = new Uint8Array(Math.max(this.#out.length * 2, needed, OUT_BYTES_FIRST));
    grown.set(this.#out.subarray(0, this.#outLength));
    this.#out = grown;
  }

  #read(length: number): boolean {
    let bytes: Uint8Array = readBuffer;
    let end = length;
    if (this.#restLength > 0) {
      this.#append(readBuffer, 0, length);
      bytes = this.#rest;
      end = this.#restLength;
    }
    if (this.#opening !== undefined) {
      // The server does not speak first: nothing that matters follows the head.
      this.#keep(bytes, this.#readHead(bytes, end), end);
      return true;
    }
    let at = 0;
    for (;;) {
      const next = this.#readMessage(bytes, at, end);
      if (next < 0) return false;
      if (next === at) break;
      at = next;
    }
    this.#keep(bytes, at, end);
    this.#receiver.caughtUp();
    return true;
  }

  /** Where the next message begins: `at` if this one is not whole yet, -1 if it ended the connection. */
  #readMessage(bytes: Uint8Array, at: number, end: number): number {
    if (end - at < 2) return at;
    const kind = bytes[at]!;
    let length = bytes[at + 1]!;
    let from = at + 2;
    if (kind !== BINARY) {
      this.#fail(
        new Error(kind === CLOSE ? "the server closed the session" : `a WebSocket frame 0x${kind.toString(16)}`),
      );
      return -1;
    }
    if (length === 126) {
      if (end < (from += 2)) return at;
      length = (bytes[at + 2]! << 8) | bytes[at + 3]!;
    } else if (length === 127) {
      if (end < (from += 8)) return at;
      length = ((bytes[at + 6]! << 24) | (bytes[at + 7]! << 16) | (bytes[at + 8]! << 8) | bytes[at + 9]!) >>> 0;
      if (length > MESSAGE_BYTES_MAX) {
        this.#fail(new Error(`a message of ${length} bytes`));
        return -1;
      }
    }
    if (end - from < length) return at;
    this.#receiver.message(bytes, from, from + length);
    return from + length;
  }

  /** Where the head ends; 0 if it is not whole yet, or refused. */
  #readHead(bytes: Uint8Array, end: number): number {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, end).toString("latin1");
    const headEnd = text.indexOf(END_OF_HEAD);
    if (headEnd < 0 && end < RESPONSE_BYTES_MAX) return 0;
    if (!text.startsWith("HTTP/1.1 101 ")) {
      this.#fail(new Error(`no WebSocket: ${text.slice(0, text.indexOf("\r\n"))}`));
      return 0;
    }
    this.#opening?.(undefined);
    return headEnd + END_OF_HEAD.length;
  }

  #keep(bytes: Uint8Array, from: number, end: number): void {
    this.#restLength = 0;
    if (from === end) this.#rest = NO_BYTES;
    else if (bytes === this.#rest) {
      this.#rest.copyWithin(0, from, end);
      this.#restLength = end - from;
    } else this.#append(bytes, from, end);
  }

  #append(bytes: Uint8Array, from: number, end: number): void {
    const length = this.#restLength + end - from;
    if (length > this.#rest.length) {
      const grown = new Uint8Array(Math.max(length, 2 * this.#rest.length));
      grown.set(this.#rest.subarray(0, this.#restLength));
      this.#rest = grown;
    }
    this.#rest.set(bytes.subarray(from, end), this.#restLength);
    this.#restLength = length;
  }

  #fail(why: Error): void {
    this.destroy();
    if (this.#opening === undefined) this.#receiver.closed(why);
    else this.#opening(why);
  }
}

function upgradeRequest(url: URL, subprotocol: string): string {
  const lines = [
    `GET ${url.pathname} HTTP/1.1`,
    `Host: ${url.host}`,
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}`,
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Protocol: ${subprotocol}`,
  ];
  return lines.join("\r\n") + END_OF_HEAD;
}

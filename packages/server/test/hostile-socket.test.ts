/**
 * Strangers on a real WebSocket. Whatever one of them sends, the server says no in the documented way and goes on serving
 * another client.
 */
import { createConnection, type Socket as TcpSocket } from "node:net";
import { once } from "node:events";
import { MemoryLog } from "@corral/log";
import {
  Op,
  SUBPROTOCOL,
  type Value,
  Writer,
  decodeFrame,
  errorCode,
  writeHello,
  writeRequest,
} from "@corral/protocol";
import { WebSocket } from "ws";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startServer } from "../src/node/start-server.ts";
import type { Server } from "../src/server.ts";
import { encode, secretOf } from "./client.ts";
import { create, get } from "./words.ts";

const FRAME_BYTES = 256 * 1024;
let server: Server;
let fatal: Error | undefined;

beforeEach(async () => {
  fatal = undefined;
  server = await startServer({
    log: new MemoryLog(),
    port: 0,
    limits: { frameBytes: FRAME_BYTES, requestBytes: 64 * 1024, helloTimeoutMs: 300 },
    onFatal: (error) => (fatal = error),
  });
});

/** Whatever happened, somebody else is served; then everything ends. */
afterEach(async () => {
  const client = await attach();
  client.send(request(1, create("/alive", "1")));
  expect((await client.message()).slice(0, 4)).toEqual([1, expect.any(Number), 0, "/alive"]);
  expect(fatal).toBeUndefined();
  client.socket.terminate();
  await server.close();
});

interface Peer {
  readonly socket: WebSocket;
  send(bytes: Uint8Array | string): void;
  /** The next message; waits for it. */
  message(): Promise<readonly Value[]>;
  readonly closed: Promise<number>;
}

async function connect(): Promise<Peer> {
  const socket = new WebSocket(server.urls[0]!, SUBPROTOCOL);
  const messages: (readonly Value[])[] = [];
  const waiting: ((message: readonly Value[]) => void)[] = [];
  socket.on("message", (data: Buffer) => {
    for (const value of decodeFrame(data).values) {
      const next = waiting.shift();
      if (next === undefined) messages.push(value as readonly Value[]);
      else next(value as readonly Value[]);
    }
  });
  socket.on("error", () => {});
  const closed = new Promise<number>((resolve) => socket.on("close", resolve));
  await once(socket, "open");
  return {
    socket,
    send: (bytes) => socket.send(bytes),
    message: () => {
      const message = messages.shift();
      return message === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(message);
    },
    closed,
  };
}

async function attach(): Promise<Peer> {
  const peer = await connect();
  const w = new Writer();
  writeHello(w, {
    versionMin: 1,
    versionMax: 1,
    clusterId: null,
    lastZxid: 0,
    timeoutMs: 30_000,
    credentials: [],
    session: { kind: "new", secret: secretOf(7) },
  });
  peer.send(w.take());
  expect((await peer.message())[0], "Welcome").toBe(1);
  return peer;
}

function request(xid: number, body: Parameters<typeof writeRequest>[2]): Uint8Array {
  const w = new Writer();
  writeRequest(w, xid, body);
  return w.take();
}

/** A TCP connection that says this; resolves with all that comes back until it is closed. */
function raw(text: string): Promise<string> {
  const { hostname, port } = new URL(server.urls[0]!);
  const socket: TcpSocket = createConnection(Number(port), hostname, () => socket.write(text));
  let heard = "";
  socket.on("data", (data) => (heard += data.toString("latin1")));
  socket.on("error", () => {});
  return new Promise((resolve) => socket.on("close", () => resolve(heard)));
}

const upgrade = (...headers: readonly string[]): string =>
  [
    "GET / HTTP/1.1",
    "Host: x",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ...headers,
    "",
    "",
  ].join("\r\n");

describe("an upgrade", () => {
  test("without the subprotocol is refused with 400", async () => {
    expect(await raw(upgrade())).toMatch(/^HTTP\/1.1 400 /);
  });

  test("with another subprotocol, or a very long one, is refused with 400", async () => {
    expect(await raw(upgrade("Sec-WebSocket-Protocol: corral.v2"))).toMatch(/^HTTP\/1.1 400 /);
    expect(await raw(upgrade(`Sec-WebSocket-Protocol: ${"a,".repeat(3_000)}b`))).toMatch(/^HTTP\/1.1 400 /);
  });

  test("with more than 8 KiB of headers is refused", async () => {
    expect(await raw(upgrade(`X-Large: ${"x".repeat(9_000)}`))).toMatch(/^HTTP\/1.1 431 /);
  });

  test("that is none is told what this port is for", async () => {
    expect(await raw("GET / HTTP/1.1\r\nHost: x\r\n\r\n")).toMatch(/^HTTP\/1.1 426 /);
  });

  test("that is no HTTP at all is closed", async () => {
    expect(await raw("\x16\x03\x01\x02\x00\r\n\r\n")).toMatch(/^HTTP\/1.1 400 |^$/);
  });

  test("is never compressed, whatever the client offers", async () => {
    const socket = new WebSocket(server.urls[0]!, SUBPROTOCOL, { perMessageDeflate: true });
    await once(socket, "open");
    expect(socket.extensions).toBe("");
    socket.terminate();
  });
});

describe("before a Hello", () => {
  test("nothing at all is closed with 1008 after helloTimeoutMs", async () => {
    const peer = await connect();
    expect(await peer.message()).toMatchObject([0, errorCode("PROTOCOL_ERROR"), expect.anything()]);
    expect(await peer.closed).toBe(1008);
  });

  test.each<[string, Uint8Array]>([
    ["an array that claims 30 million elements in 5 bytes", new Uint8Array([0xdd, 0x01, 0xc9, 0xc3, 0x80])],
    ["a string that claims 4 GiB", new Uint8Array([0xdb, 0xff, 0xff, 0xff, 0xff])],
    ["200,000 nested arrays", new Uint8Array(200_000).fill(0x91)],
    ["an extension", new Uint8Array([0xc7, 0x03, 0x78, 0x28, 0x61, 0x29])],
    ["a record definition", new Uint8Array([0xd4, 0x72, 0x40, 0x91, 0xa1, 0x61])],
    ["a map", new Uint8Array([0x81, 0xa1, 0x61, 0x01])],
    ["the reserved byte", new Uint8Array([0xc1])],
    ["text that is not UTF-8", new Uint8Array([0x91, 0xa2, 0xc0, 0x80])],
    ["a value that ends early", new Uint8Array([0x98, 0xa6, 0x63])],
    ["a request in place of it", encode([1, Op.whoAmI])],
    ["an empty message", new Uint8Array(0)],
    ["17 KiB", encode("x".repeat(17_000))],
  ])("%s is refused with 1002", async (_, bytes) => {
    const peer = await connect();
    peer.send(bytes);
    expect(await peer.message()).toMatchObject([0, errorCode("PROTOCOL_ERROR"), expect.anything()]);
    expect(await peer.closed).toBe(1002);
  });
});

describe("a client that", () => {
  test("sends text is closed with 1003", async () => {
    const peer = await attach();
    peer.send("hello");
    expect(await peer.closed).toBe(1003);
  });

  test("sends a message larger than frameBytes is closed with 1009, before it is kept", async () => {
    const peer = await attach();
    peer.send(new Uint8Array(FRAME_BYTES + 1));
    expect(await peer.closed).toBe(1009);
  });

  test("sends a request larger than requestBytes is told the limit and closed with 1002", async () => {
    const peer = await attach();
    peer.send(request(1, create("/a", "x".repeat(65 * 1024))));
    const [kind, , code, detail] = await peer.message();
    expect([kind, code]).toEqual([-3, errorCode("PROTOCOL_ERROR")]);
    expect((detail as Value[])[2]).toContain("requestBytes: 65536");
    expect(await peer.closed).toBe(1002);
  });

  test("sends an array bomb is closed with 1002", async () => {
    const peer = await attach();
    peer.send(new Uint8Array([0xdd, 0x01, 0xc9, 0xc3, 0x80]));
    expect(await peer.message()).toMatchObject([
      -3,
      expect.any(Number),
      errorCode("PROTOCOL_ERROR"),
      expect.anything(),
    ]);
    expect(await peer.closed).toBe(1002);
  });

  test("asks for an unknown operation is answered UNIMPLEMENTED, then closed with 1002", async () => {
    const peer = await attach();
    peer.send(encode([1, 9999, "whatever"]));
    expect(await peer.message()).toMatchObject([1, expect.any(Number), errorCode("UNIMPLEMENTED"), expect.anything()]);
    expect(await peer.closed).toBe(1002);
  });

  test.each<[string, Value]>([
    ["a path that is a number", [1, Op.get, 5, false, 0]],
    ["a version that is text", [1, Op.delete, "/a", "1", null]],
    ["a missing argument", [1, Op.get, "/a", false]],
    ["an argument too many", [1, Op.whoAmI, 1]],
    ["a negative number", [-1, Op.whoAmI]],
    ["a write with number 0", [0, Op.delete, "/a", -1, null]],
    ["a multi in a multi", [1, Op.multi, [[Op.multi, [], null]], null]],
    ["a read in a multi", [1, Op.multi, [[Op.get, "/", false, 0]], null]],
  ])("sends %s is closed with 1002", async (_, message) => {
    const peer = await attach();
    peer.send(encode(message));
    expect(await peer.message()).toMatchObject([
      -3,
      expect.any(Number),
      errorCode("PROTOCOL_ERROR"),
      expect.anything(),
    ]);
    expect(await peer.closed).toBe(1002);
  });

  test("sends unmasked or reserved WebSocket frames is closed", async () => {
    const head = upgrade(`Sec-WebSocket-Protocol: ${SUBPROTOCOL}`);
    expect(await raw(`${head}\x82\x01\xc0`), "not masked").toMatch(/^HTTP\/1.1 101 /);
    expect(await raw(`${head}\xf2\x81\0\0\0\0\xc0`), "reserved bits").toMatch(/^HTTP\/1.1 101 /);
    expect(await raw(`${head}\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0`), "2^63 bytes").toMatch(
      /^HTTP\/1.1 101 /,
    );
  });

  test("sends fragments without end is closed", async () => {
    const fragment = "\x00\x81\0\0\0\0\xc0";
    const heard = await raw(
      `${upgrade(`Sec-WebSocket-Protocol: ${SUBPROTOCOL}`)}\x02\x81\0\0\0\0\xc0${fragment.repeat(2_000)}`,
    );
    expect(heard).toMatch(/^HTTP\/1.1 101 /);
  });

  test("floods pings and reads no pong is cut off", async () => {
    const { hostname, port } = new URL(server.urls[0]!);
    const socket = createConnection(Number(port), hostname);
    socket.on("error", () => {});
    await once(socket, "connect");
    socket.write(upgrade(`Sec-WebSocket-Protocol: ${SUBPROTOCOL}`));
    await once(socket, "data");
    // 125 bytes each, masked with zeros.
    const ping = Buffer.concat([Buffer.from([0x89, 0xfd, 0, 0, 0, 0]), Buffer.alloc(125)]);
    const closed = new Promise((resolve) => socket.on("close", resolve));
    socket.write(Buffer.concat(Array.from({ length: 2_000 }, () => ping)));
    await closed;
    await expect.poll(() => server.figures.connections).toBe(0);
  });

  test("vanishes without a word leaves no connection behind", async () => {
    const peer = await attach();
    peer.send(request(1, create("/a", "1")));
    peer.socket.terminate();
    await expect.poll(() => server.figures.connections).toBe(0);
  });
});

describe("the server", () => {
  test("tells its clients when it drains, and they are closed with 1001", async () => {
    const peer = await attach();
    peer.send(request(1, get("/")));
    await peer.message();
    const closing = server.close();
    expect(await peer.message()).toMatchObject([-3, expect.any(Number), errorCode("DRAINING"), expect.anything()]);
    expect(await peer.closed).toBe(1001);
    await closing;
    server = await startServer({ log: new MemoryLog(), port: 0 });
  });

  test("closes also while clients go on writing and the log is never idle", async () => {
    await server.close();
    server = await startServer({ log: new MemoryLog({ defer: (step) => setTimeout(step, 5) }), port: 0 });
    const peer = await attach();
    let xid = 0;
    const writing = setInterval(() => {
      if (peer.socket.readyState === WebSocket.OPEN)
        peer.send(
          new Uint8Array([...request(++xid, create(`/n${xid}`, "1")), ...encode([0, Op.ack, Math.max(0, xid - 10)])]),
        );
    }, 1);
    await expect.poll(() => server.figures.znodes).toBeGreaterThan(10);
    await server.close();
    clearInterval(writing);
    expect(await peer.closed).toBe(1001);
    server = await startServer({ log: new MemoryLog(), port: 0 });
  });

  test("rejects where the port is taken, and lets go of what it had", async () => {
    const port = Number(new URL(server.urls[0]!).port);
    await expect(startServer({ log: new MemoryLog(), port })).rejects.toMatchObject({ code: "EADDRINUSE" });
    // A log that was let go of can be opened again by nobody, but its store can.
    const log = new MemoryLog();
    await expect(startServer({ log, port })).rejects.toThrow();
    const again = await startServer({ log: new MemoryLog({ store: log.store }), port: 0 });
    await again.close();
  });
});

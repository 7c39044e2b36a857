/** The listener over real sockets: what the server says arrives as it was said. */
import { afterEach, expect, test } from "vitest";
import { WebSocket } from "ws";
import { SUBPROTOCOL } from "@corral/protocol";
import { WebSocketListener } from "../src/node/websocket-listener.ts";
import type { Socket } from "../src/world.ts";

const ending: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0)) await end();
});

async function connected(): Promise<{ ws: WebSocket; socket: Socket }> {
  const listener = new WebSocketListener({ host: "127.0.0.1", port: 0, frameBytes: 1 << 20 });
  const accepted = new Promise<Socket>((resolve) => {
    void listener.listen((socket) => {
      resolve(socket);
      return { received: () => {}, closed: () => {} };
    });
  });
  await expect.poll(() => listener.url).not.toBe("");
  const ws = new WebSocket(listener.url, [SUBPROTOCOL], { perMessageDeflate: false });
  ending.push(() => listener.close());
  return { ws, socket: await accepted };
}

test("a message of any length arrives whole, in order, and before the close", async () => {
  const { ws, socket } = await connected();
  const lengths = [1, 125, 126, 127, 65_535, 65_536, 3_000_000, 2];
  const heard: Buffer[] = [];
  ws.on("message", (bytes: Buffer, isBinary: boolean) => {
    expect(isBinary).toBe(true);
    heard.push(bytes);
  });
  const closed = new Promise<[number, string]>((resolve) => {
    ws.on("close", (code: number, reason: Buffer) => resolve([code, String(reason)]));
  });
  let taken = 0;
  for (const [n, length] of lengths.entries()) {
    socket.send(new Uint8Array(length).fill(n + 1), () => void taken++);
  }
  socket.close(4001, "the end");
  expect(await closed).toEqual([4001, "the end"]);
  expect(heard.map((bytes) => bytes.length)).toEqual(lengths);
  for (const [n, bytes] of heard.entries()) expect(bytes.every((byte) => byte === n + 1)).toBe(true);
  expect(taken).toBe(lengths.length);
});

test("a ping in between is answered among the messages, and nothing is sent after a close", async () => {
  const { ws, socket } = await connected();
  await new Promise((resolve) => ws.on("open", resolve));
  const heard: number[] = [];
  ws.on("message", (bytes: Buffer) => heard.push(bytes.length));
  const pong = new Promise((resolve) => ws.on("pong", resolve));
  const closed = new Promise((resolve) => ws.on("close", resolve));
  ws.ping();
  socket.send(new Uint8Array(200_000), () => {});
  await pong;
  socket.send(new Uint8Array(10), () => {});
  socket.close(1000, "");
  socket.send(new Uint8Array(20), () => expect.unreachable("taken after the close"));
  await closed;
  expect(heard).toEqual([200_000, 10]);
});

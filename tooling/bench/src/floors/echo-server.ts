/**
 * The answering side of the bare WebSocket: answers each frame of n requests with n replies made before. Decodes nothing,
 * keeps nothing: what it costs is the socket, the framing, and the bytes. Says its port on stdout, ends with its stdin.
 */
import type { AddressInfo } from "node:net";
import { WebSocketServer } from "ws";
import { REPLY, getRequest } from "./get-bytes.ts";
import { encoded } from "./codec.ts";

const REQUESTS_A_FRAME_MAX = 64;

const requestBytes = getRequest().length;
const one = encoded(REPLY);
const replies: Uint8Array[] = Array.from({ length: REQUESTS_A_FRAME_MAX + 1 }, (_, count) => {
  const bytes = new Uint8Array(count * one.length);
  for (let n = 0; n < count; n++) bytes.set(one, n * one.length);
  return bytes;
});

const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false }, () => {
  console.log((server.address() as AddressInfo).port);
});
server.on("connection", (socket) => {
  socket.on("message", (data: Buffer) => socket.send(replies[data.length / requestBytes]!));
});
process.stdin.resume().once("end", () => process.exit(0));

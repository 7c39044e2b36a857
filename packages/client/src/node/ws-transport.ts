/** Connections by the `ws` package: Node 20 has no WebSocket of its own. */
import { SUBPROTOCOL } from "@corral/protocol";
import { WebSocket } from "ws";
import type { DialOptions, Transport, Wire } from "../world.ts";

/** How long the closing handshake may take before the socket is destroyed. */
const CLOSE_HANDSHAKE_MS = 1_000;

export const wsTransport: Transport = {
  connect: (url, { signal, frameBytes }: DialOptions) =>
    new Promise<Wire>((resolve, reject) => {
      const socket = new WebSocket(url, SUBPROTOCOL, { perMessageDeflate: false, maxPayload: frameBytes });
      socket.binaryType = "nodebuffer";
      const giveUp = (): void => {
        socket.terminate();
        reject(signal.reason as Error);
      };
      // Before the connection stands an error says why; after that the close event follows, and says as much.
      socket.on("error", reject);
      if (signal.aborted) return giveUp();
      signal.addEventListener("abort", giveUp);
      socket.once("close", () => {
        signal.removeEventListener("abort", giveUp);
      });
      socket.once("open", () => {
        signal.removeEventListener("abort", giveUp);
        resolve(wireOf(socket));
      });
    }),
};

function wireOf(socket: WebSocket): Wire {
  const wire: Wire = {
    send: (bytes) => {
      // A socket that closes drops them; its close event follows.
      if (socket.readyState === WebSocket.OPEN) socket.send(bytes, ignoreSendError);
    },
    close: (code, reason) => {
      socket.close(code, reason);
      const timer = setTimeout(() => {
        socket.terminate();
      }, CLOSE_HANDSHAKE_MS);
      socket.once("close", () => {
        clearTimeout(timer);
      });
      if (socket.readyState === WebSocket.CLOSED) clearTimeout(timer);
    },
    get bufferedBytes() {
      return socket.bufferedAmount;
    },
    onmessage: undefined,
    onclose: undefined,
  };
  socket.on("message", (data: Buffer, isBinary: boolean) => {
    if (isBinary) wire.onmessage?.(data);
    else socket.close(1003, "not binary");
  });
  socket.once("close", (code, reason) => {
    wire.onclose?.(code, reason.toString());
  });
  return wire;
}

/** The close event that follows tells it. */
const ignoreSendError = (): void => {};

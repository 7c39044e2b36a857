/** Connections by the platform's own WebSocket: browsers, and wherever else there is one. */
import { SUBPROTOCOL } from "@corral/protocol";
import type { DialOptions, Transport, Wire } from "./world.ts";

/** Codes other than these may not be given to a browser's `close`. */
const NORMAL = 1000;
const PRIVATE_FROM = 3000;

/** The platform bounds what it receives; `frameBytes` is checked after the fact. */
export const webSocketTransport: Transport = {
  connect: (url, { signal, frameBytes }: DialOptions) =>
    new Promise<Wire>((resolve, reject) => {
      const socket = new WebSocket(url, SUBPROTOCOL);
      socket.binaryType = "arraybuffer";
      const giveUp = (): void => {
        socket.close();
        reject(signal.reason as Error);
      };
      if (signal.aborted) return giveUp();
      signal.addEventListener("abort", giveUp);
      socket.onopen = () => {
        signal.removeEventListener("abort", giveUp);
        resolve(wireOf(socket, frameBytes));
      };
      socket.onclose = ({ code, reason }) => {
        signal.removeEventListener("abort", giveUp);
        reject(new Error(`the WebSocket was closed with ${code} ${reason}`));
      };
    }),
};

function wireOf(socket: WebSocket, frameBytes: number): Wire {
  const wire: Wire = {
    send: (bytes) => {
      // The view's bytes, not those of the whole buffer below it. A socket that closes drops them; its close event follows.
      if (socket.readyState === WebSocket.OPEN) socket.send(bytes as Uint8Array<ArrayBuffer>);
    },
    close: (code, reason) => {
      socket.close(code === NORMAL || code >= PRIVATE_FROM ? code : undefined, reason);
    },
    get bufferedBytes() {
      return socket.bufferedAmount;
    },
    onmessage: undefined,
    onclose: undefined,
  };
  socket.onmessage = ({ data }: MessageEvent<ArrayBuffer | string>) => {
    if (typeof data === "string" || data.byteLength > frameBytes) {
      socket.close(PRIVATE_FROM, typeof data === "string" ? "not binary" : "frame too big");
      return;
    }
    wire.onmessage?.(new Uint8Array(data));
  };
  socket.onclose = ({ code, reason }) => {
    wire.onclose?.(code, reason);
  };
  return wire;
}

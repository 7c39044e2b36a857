/**
 * Real connections whose frames are kept: what left this process, and what reached it, in the order in which it happened here.
 *
 * Owns nothing but the order. Never changes a byte, and never decides whether a frame was right.
 */
import { type Transport, type Wire, wsTransport } from "@corral/client";
import { type Frame, type LinkName, readFrame } from "@corral/testing/world";

export interface Recorder {
  readonly frames: Frame[];
  /** Number of the next connection of this run. */
  readonly nextLink: () => number;
}

/** WebSocket connections of one client. */
export function recordingTransport(client: string, recorder: Recorder): Transport {
  return {
    connect: async (url, options) => recorded(await wsTransport.connect(url, options), client, recorder),
  };
}

function recorded(wire: Wire, client: string, { frames, nextLink }: Recorder): Wire {
  // All frames of a connection share its name: the session is known from Welcome on.
  const link: { -readonly [key in keyof LinkName]: LinkName[key] } = { id: nextLink(), client, session: 0 };
  let sent = 0;
  let received = 0;
  const outer: Wire = {
    send: (bytes) => {
      frames.push(readFrame(link, "client", Uint8Array.from(bytes), sent++ === 0));
      wire.send(bytes);
    },
    close: (code, reason) => wire.close(code, reason),
    get bufferedBytes() {
      return wire.bufferedBytes;
    },
    onmessage: undefined,
    onclose: undefined,
  };
  wire.onmessage = (bytes) => {
    const frame = readFrame(link, "server", Uint8Array.from(bytes), received++ === 0);
    if (frame.kind === "messages" && frame.welcome !== undefined && "sessionId" in frame.welcome)
      link.session = frame.welcome.sessionId;
    frames.push(frame);
    outer.onmessage?.(bytes);
  };
  wire.onclose = (code, reason) => outer.onclose?.(code, reason);
  return outer;
}

/** What an observer of the wire is shown: frames, decoded, with who sent them. */
import {
  type Hello,
  ProtocolError,
  type Reply,
  type Request,
  type ServerMessage,
  type Signal,
  type Value,
  type Welcome,
  decodeFrame,
  ELEMENTS_MAX_TO_CLIENT,
  readHello,
  readMessage,
  readServerMessage,
  readWelcome,
} from "@corral/protocol";

export type ClientMessage = Request | (Signal & { readonly xid: 0 });
export type Refusal = Extract<ReturnType<typeof readWelcome>, { readonly code: number }>;

/** Whose connection it is. */
export interface LinkName {
  readonly id: number;
  /** Name of the client. */
  readonly client: string;
  /** 0 before Welcome. */
  readonly session: number;
}

/** One WebSocket message. */
export type Frame =
  | {
      readonly link: LinkName;
      readonly from: "client";
      readonly bytes: Uint8Array;
      readonly kind: "hello";
      readonly hello: Hello;
    }
  | {
      readonly link: LinkName;
      readonly from: "client";
      readonly bytes: Uint8Array;
      readonly kind: "requests";
      readonly messages: readonly ClientMessage[];
    }
  /** `welcome` is undefined after the first frame. */
  | {
      readonly link: LinkName;
      readonly from: "server";
      readonly bytes: Uint8Array;
      readonly kind: "messages";
      readonly welcome: Welcome | Refusal | undefined;
      readonly messages: readonly ServerMessage[];
    }
  /** It breaks the protocol; whoever receives it will say so. */
  | {
      readonly link: LinkName;
      readonly from: "client" | "server";
      readonly bytes: Uint8Array;
      readonly kind: "malformed";
    };

/**
 * What becomes of a frame: it is lost and the connection with it; it and all behind it never arrive, and nobody is told; or it
 * comes so much later. WebSocket hands over whole messages, so one that is cut in the middle, at whatever byte, is one
 * that never arrives: `lost` when the cut is noticed, `stuck` when it is not.
 */
export type Fate = "lost" | "stuck" | { readonly delayMs: number } | undefined;

/** Sees each frame when it is sent; the first that decides about it is obeyed. */
export type FrameObserver = (frame: Frame) => Fate;

export function readFrame(link: LinkName, from: "client" | "server", bytes: Uint8Array, isFirst: boolean): Frame {
  try {
    return from === "client" ? readClientFrame(link, bytes, isFirst) : readServerFrame(link, bytes, isFirst);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { link, from, bytes, kind: "malformed" };
  }
}

function readClientFrame(link: LinkName, bytes: Uint8Array, isFirst: boolean): Frame {
  const { values } = decodeFrame(bytes);
  if (isFirst) return { link, from: "client", bytes, kind: "hello", hello: readHello(values[0] as Value) };
  return { link, from: "client", bytes, kind: "requests", messages: values.map(readMessage) };
}

function readServerFrame(link: LinkName, bytes: Uint8Array, isFirst: boolean): Frame {
  const { values } = decodeFrame(bytes, ELEMENTS_MAX_TO_CLIENT);
  const welcome = isFirst ? readWelcome(values[0]!) : undefined;
  return {
    link,
    from: "server",
    bytes,
    kind: "messages",
    welcome,
    messages: values.slice(isFirst ? 1 : 0).map(readServerMessage),
  };
}

export const isReply = (message: ServerMessage): message is Reply => message.kind === "reply";

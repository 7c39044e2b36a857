/**
 * The world as the server needs it: time, later, and whoever connects. Small enough that a lying twin fits on a page; the
 * Node implementations stand in `node/`.
 */
import type { Peer } from "./engine/tables/connection.ts";

export interface Clock {
  /** Milliseconds from an arbitrary start; never goes back, whatever is done to the wall clock. */
  monotonicMs(): number;
  /** Milliseconds since 1970, as the machine believes. */
  wallMs(): number;
}

export interface Scheduler {
  /** Calls once, soon: after the input that is being delivered now, before waiting for more. */
  soon(call: () => void): void;
  /** Calls again and again until the returned function is called. */
  every(ms: number, call: () => void): () => void;
}

/** One connection, as a listener hands it over. */
export interface Socket {
  readonly peer: Peer;
  /** `taken` is called when the bytes have left this process, or never if the connection ends first. */
  send(bytes: Uint8Array, taken: () => void): void;
  /** After what was sent. `closed` follows, also when the other side does not answer. */
  close(code: number, reason: string): void;
  pause(): void;
  resume(): void;
}

/** Told of what happens to one connection; nothing after `closed`. */
export interface SocketOwner {
  received(bytes: Uint8Array): void;
  closed(): void;
}

/** Accepts connections. */
export interface Listener {
  /** Where clients find it: a URL. Known after `listen`. */
  readonly url: string;
  /** Resolves when connections are accepted; rejects when that is impossible. */
  listen(accept: (socket: Socket) => SocketOwner): Promise<void>;
  /** Accepts no more. Resolves when every connection is closed. */
  close(): Promise<void>;
}

/**
 * What the client needs of the world: clocks, timers, random bytes, connections. All of it comes in through the options,
 * so that the same code runs in Node, in a browser and in a simulated world.
 *
 * Owns the interfaces only; an implementation stands in its own file.
 */

export interface Clock {
  /** Milliseconds from an arbitrary start; never goes back. May stand still while the machine sleeps. */
  monotonicMs(): number;
  /** Milliseconds since 1970, as this machine believes. May jump. */
  wallMs(): number;
  /** Calls `fn` once, `ms` milliseconds from now or later. The function returned cancels it; cancelling twice is harmless. */
  setTimeout(fn: () => void, ms: number): () => void;
}

/** That many unpredictable bytes: secrets of sessions are made of them, and jitter. */
export type Random = (bytes: number) => Uint8Array;

export interface DialOptions {
  /** Aborted when the attempt is given up: the promise must reject then, and nothing may stay open. */
  readonly signal: AbortSignal;
  /** The longest message that may be received, bytes. */
  readonly frameBytes: number;
}

/** Makes connections. */
export interface Transport {
  /** Resolves when the connection can be written to. */
  connect(url: string, options: DialOptions): Promise<Wire>;
}

/** One connection. The callbacks are set by the client in the turn in which `connect` resolves. */
export interface Wire {
  /** Sends exactly these bytes as one message. Never throws: a connection that cannot send closes. */
  send(bytes: Uint8Array): void;
  /** Closes; `onclose` may or may not follow. Closing twice is harmless. */
  close(code: number, reason: string): void;
  /** Bytes given to `send` that have not left this process. */
  readonly bufferedBytes: number;
  onmessage: ((bytes: Uint8Array) => void) | undefined;
  onclose: ((code: number, reason: string) => void) | undefined;
}

export interface LogRecord {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}
/** Where the client tells what happens to it. What it throws is ignored. */
export type LogSink = (record: LogRecord) => void;

/** A moment by both clocks. */
export interface Instant {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

export function instantOf(clock: Clock): Instant {
  return { monotonicMs: clock.monotonicMs(), wallMs: clock.wallMs() };
}

/** A number in [0, 1) from 32 random bits. */
export function fractionOf(random: Random): number {
  const [a, b, c, d] = random(4) as unknown as [number, number, number, number];
  return (((a << 24) | (b << 16) | (c << 8) | d) >>> 0) / 0x1_0000_0000;
}

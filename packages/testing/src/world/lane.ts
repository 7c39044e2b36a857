/**
 * One direction of a connection: messages arrive whole and in order, each after its latency; none while the way is blocked,
 * none while the receiver does not read.
 */
import type { Process } from "./process.ts";

interface Item {
  readonly size: number;
  readonly readyAt: number;
  /** Held back by a fault: time has to pass for it. */
  readonly isHeld: boolean;
  readonly deliver: () => void;
  /** The sender is told that the bytes have left it. Undefined once told. */
  taken: (() => void) | undefined;
}

export interface LaneConfig {
  readonly sender: Process;
  readonly receiver: Process;
  /** Milliseconds, drawn for each message. */
  readonly latencyMs: () => number;
  /** Bytes that the sender's machine takes before they have arrived. */
  readonly windowBytes: number;
  readonly now: () => number;
  /** Bytes a millisecond, at present. */
  readonly bandwidth: () => number;
  /** Is the way cut, without either side being told? */
  readonly isBlocked: () => boolean;
}

export class Lane {
  readonly #config: LaneConfig;
  readonly #items: Item[] = [];
  /** Of what was sent and has not arrived: how many items, and bytes, the machine has taken. */
  #takenItems = 0;
  #takenBytes = 0;
  #bytes = 0;
  #lastReadyAt: number;
  #isArmed = false;
  #isPaused = false;
  #isClosed = false;
  #isJammed = false;

  constructor(config: LaneConfig) {
    this.#config = config;
    this.#lastReadyAt = config.now();
  }

  /** Bytes that the sender's machine has not taken. */
  get untakenBytes(): number {
    return this.#bytes - this.#takenBytes;
  }

  send(size: number, deliver: () => void, taken: (() => void) | undefined, delayMs = 0): void {
    if (this.#isClosed) return;
    const { latencyMs, bandwidth, now } = this.#config;
    this.#lastReadyAt = Math.max(this.#lastReadyAt, now() + latencyMs() + delayMs) + size / bandwidth();
    this.#items.push({ size, readyAt: this.#lastReadyAt, isHeld: delayMs > 0, deliver, taken });
    this.#bytes += size;
    this.#take();
    this.arm();
  }

  /** Nothing more arrives. */
  close(): void {
    this.#isClosed = true;
    this.#items.length = 0;
    this.#bytes = this.#takenBytes = this.#takenItems = 0;
  }

  /** What has not arrived is lost. */
  drop(): void {
    this.close();
    this.#isClosed = false;
  }

  /** Nothing arrives any more, and nobody is told, for good. */
  jam(): void {
    this.#isJammed = true;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.arm();
  }

  /** Looks whether the first message can arrive. Call when the way is free again. */
  arm(): void {
    const first = this.#items[0];
    const { receiver, now, isBlocked } = this.#config;
    if (first === undefined || this.#isArmed || this.#isPaused || this.#isJammed || isBlocked()) return;
    this.#isArmed = true;
    const wait = Math.max(0, first.readyAt - now());
    receiver.after(wait, first.isHeld ? "timer" : "work", () => {
      this.#isArmed = false;
      // It may be another one by now, or the way may have been blocked.
      if (this.#items[0] === first && !this.#isPaused && !this.#isJammed && !isBlocked()) this.#arrive(first);
      this.arm();
    });
  }

  #arrive(item: Item): void {
    this.#items.shift();
    this.#bytes -= item.size;
    if (this.#takenItems > 0) {
      this.#takenItems--;
      this.#takenBytes -= item.size;
    }
    this.#take();
    item.deliver();
  }

  #take(): void {
    const { sender, windowBytes } = this.#config;
    for (; this.#takenItems < this.#items.length; this.#takenItems++) {
      const item = this.#items[this.#takenItems]!;
      if (this.#takenBytes > 0 && this.#takenBytes + item.size > windowBytes) return;
      this.#takenBytes += item.size;
      if (item.taken !== undefined) sender.after(0, "work", item.taken);
      item.taken = undefined;
    }
  }
}

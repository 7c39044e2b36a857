/**
 * What leaves, and when: everything asked in one turn as one frame, nothing into a connection whose buffer is full, and
 * refused writes again after a pause. Owns the signals not yet sent.
 */
import { Op, type ProtocolLimits, type Signal } from "@corral/protocol";
import type { RequestTable } from "../calls/table.ts";
import { ACK_BYTES, ACK_DELAY_MS, ACK_REPLIES, SEND_BUFFER_BYTES, SEND_BUFFER_POLL_MS } from "../limits.ts";
import { instantOf, type Clock, type Random } from "../world.ts";
import type { Connection } from "./connection.ts";
import { pauseMs } from "./rounds.ts";

export class Sender {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #table: RequestTable;
  /** Asked before each sending: does the session still live? */
  readonly #maySend: () => boolean;
  #connection: Connection | undefined;
  #limits: ProtocolLimits | undefined;
  readonly #signals: Signal[] = [];
  #isScheduled = false;
  #cancelPoll: (() => void) | undefined;
  #cancelRetry: (() => void) | undefined;
  #cancelAck: (() => void) | undefined;
  /** What the connection had received when it was last told so. */
  #bytesAtAck = 0;
  /** Refusals for overload since the last write that was taken. */
  #refusals = 0;

  constructor(world: { readonly clock: Clock; readonly random: Random }, table: RequestTable, maySend: () => boolean) {
    this.#clock = world.clock;
    this.#random = world.random;
    this.#table = table;
    this.#maySend = maySend;
  }

  /** A connection stands; what is outstanding goes first. */
  connected(connection: Connection, limits: ProtocolLimits): void {
    this.#connection = connection;
    this.#limits = limits;
    this.#bytesAtAck = connection.bytesIn;
    const now = instantOf(this.#clock);
    for (const frame of this.#table.resend(limits, now)) connection.send(frame);
  }

  disconnected(): void {
    this.#connection = undefined;
    this.#signals.length = 0;
    this.#cancelPoll?.();
    this.#cancelRetry?.();
    this.#cancelAck?.();
    this.#cancelPoll = this.#cancelRetry = this.#cancelAck = undefined;
  }

  /** Outside the order of requests. Forgotten if there is no connection: it concerned that connection. */
  signal(signal: Signal): void {
    if (this.#connection === undefined) return;
    this.#signals.push(signal);
    this.wake();
  }

  credit(id: number, credits: number): void {
    this.signal({ op: Op.credit, id, credits });
  }

  wake(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.flush();
    });
  }

  flush(): void {
    const connection = this.#connection;
    const limits = this.#limits;
    if (connection === undefined || limits === undefined || this.#cancelPoll !== undefined) return;
    if (!this.#maySend()) return;
    while (connection.bufferedBytes <= SEND_BUFFER_BYTES) {
      const now = instantOf(this.#clock);
      const frame = this.#table.nextFrame(limits, this.#signals, now);
      if (frame === undefined) return;
      this.#bytesAtAck = connection.bytesIn;
      connection.send(frame);
    }
    this.#cancelPoll = this.#clock.setTimeout(() => {
      this.#cancelPoll = undefined;
      this.flush();
    }, SEND_BUFFER_POLL_MS);
  }

  /**
   * A frame of the server has been dealt with. Frames of requests say what has been received; but when nothing more is asked, the
   * server may be waiting to hear it before it goes on with what it has.
   */
  frameDone(): void {
    if (this.#table.queued > 0) this.flush();
    const connection = this.#connection;
    if (connection === undefined || !this.#table.owesAck) return;
    if (this.#table.unacked >= ACK_REPLIES || connection.bytesIn - this.#bytesAtAck >= ACK_BYTES) this.#ack(connection);
    else {
      this.#cancelAck ??= this.#clock.setTimeout(() => {
        this.#cancelAck = undefined;
        if (this.#table.owesAck) this.#ack(connection);
      }, ACK_DELAY_MS);
    }
  }

  #ack(connection: Connection): void {
    if (!this.#maySend()) return;
    this.#bytesAtAck = connection.bytesIn;
    connection.send(this.#table.ackFrame());
  }

  /** A write was refused for now. */
  retryLater(): void {
    this.#cancelRetry ??= this.#clock.setTimeout(
      () => {
        this.#cancelRetry = undefined;
        const connection = this.#connection;
        if (connection === undefined || this.#limits === undefined || !this.#maySend()) return;
        const now = instantOf(this.#clock);
        for (const frame of this.#table.retry(this.#limits, now)) connection.send(frame);
      },
      pauseMs(this.#refusals++, this.#random),
    );
  }

  /** A write that had been refused was taken. */
  retried(): void {
    this.#refusals = 0;
  }
}

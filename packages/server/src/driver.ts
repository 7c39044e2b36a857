/**
 * The driver: stop 2 in the life of a write, and the only asynchronous one in the server. Hands bytes, time and committed
 * batches to the engine, and carries out what the engine asks.
 *
 * Inputs that come together make one turn: the first begins it, and it ends after the last that is there. Written against
 * interfaces, and simulated with the rest.
 */
import type { Batch, CommittedBatch, Log, LogError, LogListener } from "@corral/log";
import type { SnapshotCut } from "@corral/state-machine";
import { Engine, type EngineConfig } from "./engine/engine.ts";
import type { Sink } from "./engine/sink.ts";
import type { Clock, Scheduler, Socket, SocketOwner } from "./world.ts";

/**
 * A snapshot takes its time, so that clients hardly notice it: a piece, a rest, and more pieces at once only when it is behind.
 * It should be as far as this time has gone by; and as these entries, which a restart from it has to repeat; and as the room for
 * before-images is taken, because one that must be given up was in vain.
 */
const SNAPSHOT_SPREAD_MS = 20_000;
const SNAPSHOT_SPREAD_ENTRIES = 100_000;
const SNAPSHOT_REST_MS = 1;
const SNAPSHOT_PIECES_MAX = 64;

export interface DriverEvents {
  /** Nothing can go on: the log failed, or an invariant is broken. The process should end. */
  fatal(error: Error): void;
  /** A snapshot could not be written; it will be tried again. */
  snapshotFailed(error: Error): void;
}

export class Driver implements Sink, LogListener {
  readonly engine: Engine;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #scheduler: Scheduler;
  readonly #events: DriverEvents;
  readonly #sockets = new Map<number, Socket>();
  #lastConnection = 0;
  #isInTurn = false;
  #isStopped = false;
  #stopTicking: () => void = () => {};
  /** The snapshot under way, if any. */
  #checkpoint: Promise<void> = Promise.resolve();
  readonly #idleWaiters: (() => void)[] = [];

  constructor(
    config: Omit<EngineConfig, "monotonicMs" | "wallMs">,
    log: Log,
    clock: Clock,
    scheduler: Scheduler,
    events: DriverEvents,
  ) {
    this.#log = log;
    this.#clock = clock;
    this.#scheduler = scheduler;
    this.#events = events;
    this.engine = new Engine({ ...config, monotonicMs: clock.monotonicMs(), wallMs: clock.wallMs() }, this);
  }

  /** After the log is open. */
  start(tickMs: number): void {
    this.turn(() => this.engine.start());
    this.#stopTicking = this.#scheduler.every(tickMs, () => this.turn(() => this.engine.tick()));
  }

  /** A new connection; for listeners. */
  readonly accept = (socket: Socket): SocketOwner => {
    const id = ++this.#lastConnection;
    this.#sockets.set(id, socket);
    this.turn(() => this.engine.opened(id, socket.peer));
    return {
      received: (bytes) => this.turn(() => this.engine.received(id, bytes)),
      closed: () => {
        this.#sockets.delete(id);
        this.turn(() => this.engine.closed(id));
      },
    };
  };

  /** An input to the engine, within a turn. */
  turn(input: () => void): void {
    if (this.#isStopped) return;
    try {
      if (!this.#isInTurn) {
        this.#isInTurn = true;
        this.#scheduler.soon(this.#end);
      }
      this.engine.at(this.#clock.monotonicMs(), this.#clock.wallMs());
      input();
    } catch (error) {
      this.#fail(error);
    }
  }

  readonly #end = (): void => {
    this.#isInTurn = false;
    if (this.#isStopped) return;
    try {
      this.engine.end();
    } catch (error) {
      this.#fail(error);
    }
    if (this.engine.isIdle) for (const resolve of this.#idleWaiters.splice(0)) resolve();
  };

  /** Resolves when nothing is on its way to the log any more. */
  idle(): Promise<void> {
    if (this.engine.isIdle || this.#isStopped) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  /** No further inputs; a snapshot under way is waited for. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#stopTicking();
    for (const resolve of this.#idleWaiters.splice(0)) resolve();
    await this.#checkpoint;
  }

  #fail(error: unknown): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#stopTicking();
    for (const resolve of this.#idleWaiters.splice(0)) resolve();
    this.#events.fatal(error instanceof Error ? error : new Error(String(error)));
  }

  // LogListener

  committed(batch: CommittedBatch): void {
    this.turn(() => this.engine.committed(batch));
  }

  failed(error: LogError): void {
    this.#fail(error);
  }

  space(state: "ok" | "low"): void {
    this.turn(() => this.engine.space(state));
  }

  // Sink

  send(connection: number, bytes: Uint8Array): void {
    this.#sockets.get(connection)?.send(bytes, () => this.turn(() => this.engine.sent(connection, bytes.length)));
  }

  close(connection: number, code: number, reason: string): void {
    this.#sockets.get(connection)?.close(code, reason);
  }

  pause(connection: number): void {
    this.#sockets.get(connection)?.pause();
  }

  resume(connection: number): void {
    this.#sockets.get(connection)?.resume();
  }

  propose(batch: Batch): void {
    this.#log.propose(batch);
  }

  again(): void {
    this.#scheduler.soon(() => this.turn(() => {}));
  }

  checkpoint(cut: SnapshotCut): void {
    this.#checkpoint = this.#writeSnapshot(cut).then(
      () => this.turn(() => this.engine.snapshotSaved()),
      (error: unknown) => {
        cut.end();
        // Given up because of the end: nobody failed.
        if (this.#isStopped) return;
        this.turn(() => this.engine.snapshotFailed());
        this.#events.snapshotFailed(error instanceof Error ? error : new Error(String(error)));
      },
    );
  }

  async #writeSnapshot(cut: SnapshotCut): Promise<void> {
    const began = this.#clock.monotonicMs();
    const writer = await this.#log.createSnapshot(cut.zxid);
    try {
      let piecesInTurn = 0;
      for (let piece = cut.next(); piece !== undefined; piece = cut.next()) {
        await writer.write(piece);
        piecesInTurn++;
        const elapsedMs = this.#clock.monotonicMs() - began;
        const due = Math.max(elapsedMs / SNAPSHOT_SPREAD_MS, cut.behind / SNAPSHOT_SPREAD_ENTRIES, cut.pressure);
        if (cut.progress < due && piecesInTurn < SNAPSHOT_PIECES_MAX) continue;
        piecesInTurn = 0;
        await this.#rest();
        if (this.#isStopped) throw new Error("the server stopped");
      }
      if (cut.isAbandoned) throw new Error("too much changed while the snapshot was written (snapshotImageBytes)");
      await writer.finish();
    } catch (error) {
      await writer.abort();
      throw error;
    }
  }

  /** Clients come between the pieces of a snapshot, and the processor is mostly theirs. */
  #rest(): Promise<void> {
    return new Promise((resolve) => {
      const stop = this.#scheduler.every(SNAPSHOT_REST_MS, () => {
        stop();
        resolve();
      });
    });
  }

  /** Writes a snapshot now. Resolves when it is durable, or has failed. */
  async checkpointNow(): Promise<void> {
    this.turn(() => void this.engine.checkpoint());
    await this.#checkpoint;
  }
}

/**
 * An engine on a stage: its sink is recorded, its time stands still unless told, and its log commits when told, so that a
 * test decides what comes between a proposal and its commit.
 *
 * By default everything goes on by itself: after each input the stage runs turns until nothing is left to do. Set
 * `commits`, or a client's `takes`, to false to hold that part back.
 */
import type { Batch, CommittedBatch } from "@corral/log";
import { Writer } from "@corral/protocol";
import {
  APPLY_LEVEL,
  DEFAULT_OPTIONS,
  type HistoryLimits,
  type Options,
  type SnapshotCut,
  State,
  type Txn,
  type WriteTxn,
  requestHash,
  writeTxn,
  writeWriteTxn,
} from "@corral/state-machine";
import { type RequestBody, writeRequest } from "@corral/protocol";
import { Engine } from "../src/engine/engine.ts";
import { type ServerLimits, serverLimits } from "../src/engine/limits.ts";
import type { Sink } from "../src/engine/sink.ts";
import { nodeAuthenticator } from "../src/node/node-world.ts";
import { Client } from "./client.ts";

export const CLUSTER = "c".repeat(32);
const EPOCH: number = 2 ** 32;
const WALL = 1_700_000_000_000;

export interface StageOptions {
  readonly limits?: Partial<ServerLimits>;
  readonly options?: Partial<Options>;
  readonly isExclusive?: boolean;
  readonly historyLimits?: HistoryLimits;
  /** A state that was there before: a restart. */
  readonly state?: State;
  /** Where the log goes on. */
  readonly zxid?: number;
}

export class Stage implements Sink {
  readonly engine: Engine;
  readonly limits: ServerLimits;
  /** Does the log commit by itself? */
  commits = true;
  /** Handed to the log and not committed. */
  readonly proposed: Batch[] = [];
  /** Everything that was ever proposed. */
  readonly log: Batch[] = [];
  readonly cuts: SnapshotCut[] = [];
  now = 1_000;
  #zxid: number;
  #seq = 0;
  #timeMs = 0;
  #again = false;
  #lastId = 0;
  readonly #clients = new Map<number, Client>();

  constructor({
    limits = {},
    options = {},
    isExclusive = true,
    historyLimits,
    state,
    zxid = EPOCH,
  }: StageOptions = {}) {
    this.limits = serverLimits(limits);
    this.#zxid = zxid;
    this.engine = new Engine(
      {
        state: state ?? new State(historyLimits),
        limits: this.limits,
        options: { ...DEFAULT_OPTIONS, ...options },
        clusterId: CLUSTER,
        daemonId: 77,
        isExclusive,
        authenticator: nodeAuthenticator,
        monotonicMs: this.now,
        wallMs: WALL,
      },
      this,
    );
    this.turn(() => this.engine.start());
    this.settle();
  }

  get state(): State {
    return this.engine.state;
  }

  /** A connection that has said nothing yet. */
  connect(address = "10.0.0.1"): Client {
    const client = new Client(++this.#lastId, this);
    this.#clients.set(client.id, client);
    this.turn(() => this.engine.opened(client.id, { address, identities: [] }));
    this.settle();
    return client;
  }

  /** A connection with a new session. */
  attach(address?: string): Client {
    const client = this.connect(address);
    client.hello();
    return client;
  }

  /** One turn of the engine. */
  turn(input: () => void = () => {}): void {
    this.engine.at(this.now, WALL + this.now);
    input();
    this.engine.end();
  }

  /** Turns, until nothing is left to do. */
  settle(): void {
    for (let turns = 0; ; turns++) {
      if (turns > 10_000) throw new Error("the engine never comes to rest");
      const taken = [...this.#clients.values()].flatMap((client) => client.taking());
      const batches = this.commits ? this.proposed.splice(0) : [];
      if (taken.length === 0 && batches.length === 0 && !this.#again) return;
      this.#again = false;
      this.turn(() => {
        for (const { id, bytes } of taken) this.engine.sent(id, bytes);
        for (const batch of batches) this.engine.committed(this.#stored(batch, batch));
      });
    }
  }

  /** Commits the oldest batches that are held back, one turn each, and runs on. */
  commit(count: number = this.proposed.length): void {
    for (const batch of this.proposed.splice(0, count))
      this.turn(() => this.engine.committed(this.#stored(batch, batch)));
    this.settle();
  }

  /** A batch of another daemon comes back from the log. */
  foreign(txns: readonly Foreign[], level: number = APPLY_LEVEL): void {
    const w = new Writer();
    for (const txn of txns) {
      if ("kind" in txn) writeTxn(w, txn);
      else writeWriteTxn(w, { ...txn, hash: requestHash(txn.bytes, 0, txn.bytes.length) }, txn.bytes);
    }
    const batch = { level, timeMs: WALL + this.now, count: txns.length, body: w.take() };
    this.turn(() => this.engine.committed(this.#stored(batch, undefined)));
    this.settle();
  }

  #stored(batch: Batch, own: Batch | undefined): CommittedBatch {
    const firstZxid = this.#zxid + 1;
    this.#zxid += batch.count;
    this.#timeMs = Math.max(this.#timeMs, batch.timeMs);
    const { level, count, body } = batch;
    return { level, epoch: 1, seq: ++this.#seq, firstZxid, count, timeMs: this.#timeMs, body, own };
  }

  /** Time goes by, in ticks. */
  pass(ms: number, stepMs: number = this.limits.tickMs): void {
    for (let left = ms; left > 0; left -= stepMs) {
      this.now += Math.min(left, stepMs);
      this.turn(() => this.engine.tick());
      this.settle();
    }
  }

  // Sink

  send(connection: number, bytes: Uint8Array): void {
    this.#clients.get(connection)!.receive(bytes);
  }

  close(connection: number, code: number, reason: string): void {
    const client = this.#clients.get(connection)!;
    if (client.closed !== undefined) throw new Error(`connection ${connection} is closed twice`);
    client.closed = { code, reason };
  }

  pause(connection: number): void {
    this.#clients.get(connection)!.isPaused = true;
  }

  resume(connection: number): void {
    this.#clients.get(connection)!.isPaused = false;
  }

  propose(batch: Batch): void {
    this.proposed.push(batch);
    this.log.push(batch);
  }

  checkpoint(cut: SnapshotCut): void {
    this.cuts.push(cut);
  }

  again(): void {
    this.#again = true;
  }
}

/** A write that another daemon put into the log, or any other entry. */
export type Foreign =
  | Exclude<Txn, WriteTxn>
  | { readonly session: number; readonly generation: number; readonly acked: number; readonly bytes: Uint8Array };

/** A write as another daemon would log it. */
export function foreignWrite(session: number, generation: number, xid: number, body: RequestBody): Foreign {
  const w = new Writer();
  writeRequest(w, xid, body);
  return { session, generation, acked: 0, bytes: w.take() };
}

/**
 * Propose: stop 5 in the life of a write. A request becomes a Txn, stamped with its session and attachment, and joins the
 * open batch. There is no linger: a batch is what gathered while the one before was on its way to the disk.
 */
import type { Batch } from "@corral/log";
import { Op, type WriteRequest, Writer } from "@corral/protocol";
import {
  APPLY_LEVEL,
  type Txn,
  TxnKind,
  type WriteTxn,
  requestHash,
  writeTxn,
  writeWriteTxn,
} from "@corral/state-machine";
import type { Authenticator } from "../authenticator.ts";
import type { Connection, Pending } from "../tables/connection.ts";
import type { World } from "../world.ts";
import { CloseCode, goodbye } from "./respond.ts";

/** A batch of ours, with its entries still decoded. */
export class ProposedBatch implements Batch {
  readonly level: number = APPLY_LEVEL;
  readonly timeMs: number;
  readonly body: Uint8Array;
  readonly txns: readonly Txn[];

  constructor(timeMs: number, body: Uint8Array, txns: readonly Txn[]) {
    this.timeMs = timeMs;
    this.body = body;
    this.txns = txns;
  }

  get count(): number {
    return this.txns.length;
  }
}

export class Proposer {
  readonly #world: World;
  readonly #authenticator: Authenticator;
  readonly #stamp: () => number;
  readonly #body = new Writer(64 * 1024);
  #txns: Txn[] = [];
  /** Closed for size while another was in flight. */
  readonly #waiting: ProposedBatch[] = [];
  #inFlight = 0;
  #inFlightSince = 0;
  #uncommitted = 0;

  constructor(world: World, authenticator: Authenticator, stamp: () => number) {
    this.#world = world;
    this.#authenticator = authenticator;
    this.#stamp = stamp;
  }

  /** Bytes on their way to the log, and gathering. */
  get uncommittedBytes(): number {
    return this.#uncommitted + this.#body.length;
  }

  /** Milliseconds since the oldest batch in flight was handed over, 0 if none is. */
  inFlightMs(now: number): number {
    return this.#inFlight === 0 ? 0 : now - this.#inFlightSince;
  }

  get isIdle(): boolean {
    return this.#inFlight === 0 && this.#txns.length === 0 && this.#waiting.length === 0;
  }

  /** A client's request that goes to the log: a write, addAuth, or a read that needs a mark there. */
  request(connection: Connection, entry: Pending): void {
    const { request, frame, start, end } = entry;
    const session = connection.session!.id;
    const { generation, acked } = connection;
    this.#world.counters.writes++;
    if (request.op === Op.addAuth) return this.#addAuth(connection, entry);
    if (request.op === Op.sync || "consistency" in request) {
      return this.txn({ kind: TxnKind.sync, session, generation, xid: request.xid });
    }
    const hash = requestHash(frame, start, end);
    const txn: WriteTxn = { kind: TxnKind.write, session, generation, acked, hash, request: request as WriteRequest };
    this.#makeRoom(end - start);
    writeWriteTxn(this.#body, txn, frame, start, end);
    this.#txns.push(txn);
  }

  #addAuth(connection: Connection, { request, frame, start, end }: Pending): void {
    if (request.op !== Op.addAuth) return;
    const identity = this.#authenticator.identify(request.scheme, request.credential);
    if (identity === undefined) {
      return goodbye(this.#world, connection, "AUTH_FAILED", CloseCode.authFailed, { name: request.scheme });
    }
    const session = connection.session!.id;
    const { generation, acked } = connection;
    const hash = requestHash(frame, start, end);
    this.txn({ kind: TxnKind.addAuth, session, generation, acked, xid: request.xid, hash, identity });
  }

  /** An entry of the server's own. */
  txn(txn: Exclude<Txn, WriteTxn>): void {
    this.#makeRoom(0);
    writeTxn(this.#body, txn);
    this.#txns.push(txn);
  }

  /** At the end of a turn: what has gathered goes to the log, if the log is not busy. */
  flush(): void {
    if (this.#inFlight > 0) return;
    this.#seal();
    for (const batch of this.#waiting.splice(0)) {
      if (this.#inFlight++ === 0) this.#inFlightSince = this.#world.now;
      this.#world.sink.propose(batch);
    }
  }

  /** One of our batches has come back. */
  committed(batch: ProposedBatch): void {
    this.#inFlight--;
    this.#inFlightSince = this.#world.now;
    this.#uncommitted -= batch.body.length;
  }

  #makeRoom(bytes: number): void {
    if (this.#body.length > 0 && this.#body.length + bytes > this.#world.limits.batchBytes) this.#seal();
  }

  #seal(): void {
    if (this.#txns.length === 0) return;
    const batch = new ProposedBatch(this.#stamp(), this.#body.copy(), this.#txns);
    this.#txns = [];
    this.#uncommitted += batch.body.length;
    this.#waiting.push(batch);
  }
}

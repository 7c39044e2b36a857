/**
 * The engine: the server as a function. READ THIS FIRST.
 *
 * What happens comes in by the methods below, between `begin` and `end` of a turn; what shall be done goes out by the sink.
 * Nothing here waits, reads a clock, draws a random number, or touches a socket or a file: the same inputs give the same
 * outputs, always. The order of the steps is the life of a write (docs/life-of-a-write.md).
 *
 * Nothing assumes that this is the only daemon: own proposals come back from the log among others'.
 */
import type { CommittedBatch } from "@corral/log";
import type { Hello } from "@corral/protocol";
import { Applier, type Options, SnapshotCut, type State, TxnKind, sameOptions } from "@corral/state-machine";
import type { Authenticator } from "./authenticator.ts";
import type { ServerLimits } from "./limits.ts";
import { LogClock } from "./log-clock.ts";
import type { Sink } from "./sink.ts";
import { Connection, type Peer } from "./tables/connection.ts";
import { Shelf } from "./tables/outbox.ts";
import { SessionClock } from "./tables/session-clock.ts";
import { SubscriptionTable } from "./tables/subscription.ts";
import { WatchTable } from "./tables/watch-table.ts";
import { commit } from "./steps/commit.ts";
import { connect, refuse } from "./steps/connect.ts";
import { expire, expireNow, STALLED_TICKS } from "./steps/expire.ts";
import { cutIfSlow, pump, regulate } from "./steps/order.ts";
import { ProposedBatch, Proposer } from "./steps/propose.ts";
import { type EmptyContainers, reap } from "./steps/reap.ts";
import { receive } from "./steps/receive.ts";
import { CloseCode, flush, goodbye, release } from "./steps/respond.ts";
import { pumpSubscriptions } from "./steps/subscribe.ts";
import { type Counters, type World, newCounters } from "./world.ts";

export interface EngineConfig {
  readonly state: State;
  readonly limits: ServerLimits;
  /** What this daemon is configured to; proposed when the replicated options differ. */
  readonly options: Options;
  readonly clusterId: string;
  readonly daemonId: number;
  readonly isExclusive: boolean;
  readonly authenticator: Authenticator;
  readonly monotonicMs: number;
  readonly wallMs: number;
}

export class Engine {
  readonly #world: World;
  readonly #applier: Applier;
  readonly #proposer: Proposer;
  readonly #authenticator: Authenticator;
  readonly #options: Options;
  readonly #clock: LogClock;
  #wallMs: number;
  readonly #suspects = new Set<number>();
  readonly #shelf: Shelf = new Shelf();
  readonly #emptyContainers: EmptyContainers = new Map();
  /** Connections whose pending requests are to be looked at in this turn. */
  readonly #touched = new Set<Connection>();
  #entriesSinceSnapshot = 0;
  #bytesSinceSnapshot = 0;
  #isSnapshotting = false;

  constructor(config: EngineConfig, sink: Sink) {
    const { state, limits, clusterId, daemonId, isExclusive, monotonicMs, wallMs } = config;
    this.#authenticator = config.authenticator;
    this.#options = config.options;
    this.#wallMs = wallMs;
    this.#clock = new LogClock(state.timeMs, wallMs, monotonicMs);
    this.#world = {
      limits,
      sink,
      state,
      clusterId,
      daemonId,
      isExclusive,
      connections: new Map(),
      attached: new Map(),
      watches: new WatchTable(),
      subscriptions: new SubscriptionTable(),
      sessionClock: new SessionClock(monotonicMs, limits.tickMs * STALLED_TICKS),
      expiring: new Map(),
      opening: 0,
      reaping: new Set(),
      dirty: [],
      counters: newCounters(),
      now: monotonicMs,
      awakeMs: 0,
      work: 0,
      isDiskLow: false,
      isDraining: false,
    };
    this.#applier = new Applier(state);
    this.#proposer = new Proposer(this.#world, config.authenticator, () => this.#logTimeMs());
    // A new authority gives every session its full timeout.
    for (const session of state.sessions.values())
      this.#world.sessionClock.start(session.id, session.timeoutMs, monotonicMs);
  }

  get state(): State {
    return this.#world.state;
  }

  get counters(): Readonly<Counters> {
    return this.#world.counters;
  }

  /** For operators. */
  get figures(): Figures {
    const { connections, watches, subscriptions, state, limits } = this.#world;
    return {
      connections: connections.size,
      sessions: state.sessions.count,
      watches: watches.count,
      subscriptions: subscriptions.count,
      znodes: state.tree.count,
      ephemerals: state.tree.ephemeralCount,
      dataBytes: state.tree.dataBytes,
      zxid: state.zxid,
      uncommittedBytes: this.#proposer.uncommittedBytes,
      uncommittedBytesMax: limits.uncommittedBytes,
      isDiskLow: this.#world.isDiskLow,
      isDraining: this.#world.isDraining,
    };
  }

  /** Nothing is on its way to the log or waits to be. */
  get isIdle(): boolean {
    return this.#proposer.isIdle;
  }

  // Turns

  /** Before every input the time, monotonic and of the wall: this process may have stood still since the turn began. */
  at(monotonicMs: number, wallMs: number): void {
    const passed = Math.max(0, monotonicMs - this.#world.now);
    this.#world.now += passed;
    this.#world.awakeMs += Math.min(passed, this.#world.limits.tickMs * STALLED_TICKS);
    this.#wallMs = wallMs;
  }

  /** The end of a turn: what gathered goes out, to the log and to the clients. */
  end(): void {
    for (const connection of this.#touched)
      if (pump(this.#world, this.#proposer, connection)) this.#touched.delete(connection);
    if (this.#touched.size > 0) this.#world.sink.again();
    pumpSubscriptions(this.#world);
    this.#proposer.flush();
    flush(this.#world);
    this.#world.work = 0;
  }

  // Inputs

  /** After recovery: what this daemon is configured to becomes what all go by. */
  start(): void {
    if (!sameOptions(this.#options, this.#world.state.options)) {
      this.#proposer.txn({ kind: TxnKind.options, options: this.#options });
    }
  }

  opened(id: number, peer: Peer): void {
    const world = this.#world;
    const connection = new Connection(id, peer, world.awakeMs, this.#shelf);
    world.connections.set(id, connection);
    const limit = world.limits.connections;
    if (world.connections.size > limit) {
      world.counters.overloads++;
      refuse(world, connection, "OVERLOADED", { name: "connections", limit });
    } else if (world.isDraining) refuse(world, connection, "DRAINING");
  }

  received(id: number, bytes: Uint8Array): void {
    const world = this.#world;
    const connection = world.connections.get(id);
    if (connection === undefined) return;
    const received = receive(world, connection, bytes);
    if (received.kind === "requests") this.#touched.add(connection);
    else if (received.kind === "hello") this.#hello(connection, received.hello);
  }

  #hello(connection: Connection, hello: Hello): void {
    const txn = connect(this.#world, connection, hello, this.#authenticator);
    if (txn !== undefined) this.#proposer.txn(txn);
  }

  /** The connection has taken these bytes, of those that were sent. */
  sent(id: number, bytes: number): void {
    const world = this.#world;
    const connection = world.connections.get(id);
    if (connection === undefined) return;
    const { unsentBytesSoft } = world.limits;
    const wasFull = connection.unsent > unsentBytesSoft;
    connection.unsent -= bytes;
    connection.unsentSince = world.awakeMs;
    if (!wasFull || connection.unsent > unsentBytesSoft) return;
    // There is room again: for answers, requests and what subscriptions have missed.
    this.#touched.add(connection);
    for (const subscription of world.subscriptions.of(connection).values()) world.subscriptions.ready.add(subscription);
  }

  closed(id: number): void {
    const world = this.#world;
    const connection = world.connections.get(id);
    if (connection === undefined) return;
    release(world, connection);
    world.connections.delete(id);
  }

  committed(batch: CommittedBatch): void {
    if (batch.own instanceof ProposedBatch) this.#proposer.committed(batch.own);
    commit(this.#world, this.#applier, batch, this.#touched);
    this.#world.counters.batches++;
    this.#entriesSinceSnapshot += batch.count;
    this.#bytesSinceSnapshot += batch.body.length;
    this.#maybeCheckpoint();
  }

  space(state: "ok" | "low"): void {
    this.#world.isDiskLow = state === "low";
  }

  /** Deadlines. Call every `tickMs`. */
  tick(): void {
    const world = this.#world;
    expire(world, this.#proposer, this.#suspects);
    reap(world, this.#proposer, this.#logTimeMs(), this.#emptyContainers);
    for (const connection of world.connections.values()) this.#checkConnection(connection);
  }

  #checkConnection(connection: Connection): void {
    const world = this.#world;
    const limit = world.limits.helloTimeoutMs;
    if (connection.state === "hello" && world.awakeMs - connection.openedAt > limit)
      refuse(world, connection, "PROTOCOL_ERROR", { name: "helloTimeoutMs", limit }, CloseCode.policy);
    else if (!cutIfSlow(world, connection)) regulate(world, connection);
  }

  /** An operator ends a session. False if there is none. */
  expireSession(session: number): boolean {
    return expireNow(this.#world, this.#proposer, session);
  }

  /** No new connections; those that are there are told to go. Sessions live on, in the log. */
  drain(): void {
    this.#world.isDraining = true;
    for (const connection of this.#world.connections.values()) {
      if (connection.state === "attached") goodbye(this.#world, connection, "DRAINING", CloseCode.goingAway);
      else if (connection.state !== "closing") refuse(this.#world, connection, "DRAINING");
    }
  }

  // Snapshots

  /** Wanted now, whatever the counters say; false if one is being written. */
  checkpoint(): boolean {
    if (this.#isSnapshotting || this.state.zxid === 0) return false;
    this.#isSnapshotting = true;
    this.#entriesSinceSnapshot = 0;
    this.#bytesSinceSnapshot = 0;
    this.#world.sink.checkpoint(new SnapshotCut(this.state, this.#world.limits.snapshotImageBytes));
    return true;
  }

  snapshotSaved(): void {
    this.#isSnapshotting = false;
    this.#world.counters.snapshots++;
  }

  /** Abandoned or failed; the next try comes when the counters are full again. */
  snapshotFailed(): void {
    this.#isSnapshotting = false;
    this.#world.counters.snapshotsAbandoned++;
  }

  #maybeCheckpoint(): void {
    const { snapshotEntries, snapshotBytes } = this.#world.limits;
    if (this.#entriesSinceSnapshot >= snapshotEntries || this.#bytesSinceSnapshot >= snapshotBytes) this.checkpoint();
  }

  #logTimeMs(): number {
    return this.#clock.read(this.#wallMs, this.#world.now);
  }
}

export interface Figures {
  readonly connections: number;
  readonly sessions: number;
  readonly watches: number;
  readonly subscriptions: number;
  readonly znodes: number;
  readonly ephemerals: number;
  readonly dataBytes: number;
  readonly zxid: number;
  readonly uncommittedBytes: number;
  readonly uncommittedBytesMax: number;
  readonly isDiskLow: boolean;
  readonly isDraining: boolean;
}

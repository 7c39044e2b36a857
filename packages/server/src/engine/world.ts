/**
 * World: the tables that the steps share. Each step is handed this and nothing else; none of them knows the engine.
 */
import type { Session, State } from "@corral/state-machine";
import type { ServerLimits } from "./limits.ts";
import type { Sink } from "./sink.ts";
import type { Connection } from "./tables/connection.ts";
import type { SessionClock } from "./tables/session-clock.ts";
import type { SubscriptionTable } from "./tables/subscription.ts";
import type { WatchTable } from "./tables/watch-table.ts";

export interface World {
  readonly limits: ServerLimits;
  readonly sink: Sink;
  readonly state: State;
  readonly clusterId: string;
  /** Random number of this daemon's life: tells its own open and attach entries from others'. */
  readonly daemonId: number;
  /** No other daemon can append: what is applied here is the whole truth. */
  readonly isExclusive: boolean;
  readonly connections: Map<number, Connection>;
  /** The connection that each attached session has here. */
  readonly attached: Map<number, Connection>;
  readonly watches: WatchTable;
  readonly subscriptions: SubscriptionTable;
  readonly sessionClock: SessionClock;
  /** Sessions whose expiry is on its way through the log, with the attachment that it names; see `isExpiring`. */
  readonly expiring: Map<number, number>;
  /** Sessions of this daemon whose beginning is on its way through the log: they count as if they lived. */
  opening: number;
  /** Paths whose reaping is on its way through the log. */
  readonly reaping: Set<string>;
  /** Connections with something to say at the end of the turn. */
  readonly dirty: Connection[];
  readonly counters: Counters;
  /** Monotonic milliseconds, at the last input. */
  now: number;
  /** Milliseconds so far, without those that this process stood still: by these goes what others can only do while it is at work. */
  awakeMs: number;
  /** What reading has cost in this turn: znodes, watches and history entries looked at. */
  work: number;
  /** The log wants no more client writes. */
  isDiskLow: boolean;
  isDraining: boolean;
}

/** The end of this session is on its way, and as far as is known nothing will prevent it: nothing may be answered as if it lived. */
export function isExpiring(world: World, session: Session): boolean {
  return world.expiring.size > 0 && world.expiring.get(session.id) === session.generation;
}

/** Plain numbers that only grow; the driver publishes them. */
export interface Counters {
  requests: number;
  writes: number;
  events: number;
  sessionsOpened: number;
  sessionsExpired: number;
  sessionsClosed: number;
  slowConsumers: number;
  protocolErrors: number;
  overloads: number;
  batches: number;
  snapshots: number;
  snapshotsAbandoned: number;
  stalls: number;
}

export const newCounters = (): Counters => ({
  requests: 0,
  writes: 0,
  events: 0,
  sessionsOpened: 0,
  sessionsExpired: 0,
  sessionsClosed: 0,
  slowConsumers: 0,
  protocolErrors: 0,
  overloads: 0,
  batches: 0,
  snapshots: 0,
  snapshotsAbandoned: 0,
  stalls: 0,
});

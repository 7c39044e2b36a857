/** How much is measured and for how long: of a whole run, and of a quick one that only shows that every part works. */
import type { Workload } from "../generator/job.ts";

export type Part = "throughput" | "fanout" | "sessions" | "size" | "snapshot" | "floors";
export const PARTS: readonly Part[] = ["throughput", "fanout", "sessions", "size", "snapshot", "floors"];

/** All threads of server and generator share one core. */
export type Place = "one core";
/** Connections, and operations in flight on each; where nothing else is said, on all cores. */
export type Shape = readonly [connections: number, inFlight: number, place?: Place];
/** The shape of bulk load: to warm up, to fill, and for the cost at each size. */
export const BULK: Shape = [32, 64];
export const LONE: Shape = [1, 1];
export const LONE_ON_ONE_CORE: Shape = [1, 1, "one core"];
/** In the order of the tables. */
export const SHAPES: readonly Shape[] = [LONE, LONE_ON_ONE_CORE, [8, 1], BULK];
/** All others are measured on all cores only. */
export const ONE_CORE_WORKLOADS: readonly Workload[] = ["get", "set"];
export const BULK_WORKLOADS: readonly Workload[] = ["get", "set"];
export const SNAPSHOT_SHAPE: Shape = [8, 1];

/**
 * Clients that differ from another of their system in few loads, and do only those: one that sends one request a frame, as the
 * others do too with one in flight; and etcd's reads that ask its one member only.
 */
export const PARTIAL: Readonly<
  Record<string, { readonly workloads: readonly Workload[]; readonly shapes: readonly Shape[] }>
> = {
  "wire-single": { workloads: ["get", "set", "mix"], shapes: [BULK] },
  "etcd-serializable": { workloads: ["get"], shapes: SHAPES },
};
/** The client of all parts but throughput: as little as can be beside the wire, so that it is the server that is seen. */
export const PLAIN_VARIANT = "wire";

export interface Scale {
  /** Of throughput: in each, every system in turn. */
  readonly rounds: number;
  /** Bulk load before anything is measured of a server and a client that have just begun. A JVM needs some seconds. */
  readonly firstWarmUpMs: number;
  /** Before each measurement. */
  readonly warmUpMs: number;
  readonly measureMs: number;
  readonly watchers: number;
  readonly fanOutRounds: number;
  /** Znodes that so many watchers share. */
  readonly fanOutZnodes: readonly number[];
  readonly sessions: number;
  readonly idleMs: number;
  readonly sizes: readonly number[];
  /** Loads of each workload at each size, in turn, and how long each is: of several, a snapshot in one does not decide. */
  readonly costLoads: number;
  readonly costMs: number;
  readonly restarts: number;
  /** Loads without and with snapshots, in turn: of Corral, whose target it is. One pair of the others. */
  readonly snapshotPairs: number;
  /** How long each is: with snapshots, as long as one takes. */
  readonly withoutSnapshotsMs: number;
  readonly withSnapshotsMs: number;
  /** A snapshot after so many writes: so few that one follows the other. */
  readonly snapshotEntries: number;
  readonly floorMs: number;
  /** Resident memory is read when it has stopped moving, or after this. */
  readonly settleMsMax: number;
}

export const FULL: Scale = {
  rounds: 3,
  firstWarmUpMs: 5_000,
  warmUpMs: 250,
  measureMs: 1_000,
  watchers: 10_000,
  fanOutRounds: 9,
  fanOutZnodes: [1, 1_000],
  sessions: 10_000,
  idleMs: 8_000,
  sizes: [1_000, 10_000, 100_000, 1_000_000],
  costLoads: 3,
  costMs: 600,
  restarts: 3,
  snapshotPairs: 2,
  withoutSnapshotsMs: 12_000,
  withSnapshotsMs: 22_000,
  snapshotEntries: 1_000,
  floorMs: 1_000,
  settleMsMax: 8_000,
};

export const QUICK: Scale = {
  rounds: 1,
  firstWarmUpMs: 300,
  warmUpMs: 50,
  measureMs: 100,
  watchers: 100,
  fanOutRounds: 2,
  fanOutZnodes: [1, 10],
  sessions: 100,
  idleMs: 300,
  sizes: [1_000, 5_000],
  costLoads: 1,
  costMs: 100,
  restarts: 1,
  snapshotPairs: 1,
  withoutSnapshotsMs: 700,
  withSnapshotsMs: 1_800,
  snapshotEntries: 50,
  floorMs: 100,
  settleMsMax: 300,
};

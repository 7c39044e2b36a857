/**
 * What a run has measured, raw: this is what stands in benchmarks.json, and all that the page is made from. Owns the words
 * only. Times in seconds, latencies in microseconds, memory in bytes, CPU in seconds of one core.
 */
import type { Latencies, Workload } from "../generator/job.ts";
import type { Place } from "../run/scale.ts";

export const RESULTS_FORMAT = 1;

export type SystemName = "corral" | "zookeeper" | "etcd";
export const SYSTEM_NAMES: readonly SystemName[] = ["corral", "zookeeper", "etcd"];

/** One measured part of a job. */
export interface Measurement {
  readonly operations: number;
  /** As the generator counts it: of a fan-out, its rounds alone. */
  readonly seconds: number;
  readonly latencies?: Latencies;
  /** Between the two samples of CPU time, which are taken when the marks arrive. */
  readonly sampledSeconds: number;
  readonly serverCpu: number;
  readonly generatorCpu: number;
  /** What the whole machine was busy, these two and all others: tells whether others were at work. */
  readonly machineCpu: number;
}

export interface Client {
  readonly system: SystemName;
  /** Variant of the client: `sdk`, `wire`, … */
  readonly variant: string;
}

export interface Throughput extends Client, Measurement {
  readonly round: number;
  readonly workload: Workload;
  readonly connections: number;
  readonly inFlight: number;
  /** Absent: on all cores. */
  readonly place?: Place;
}

export interface FanOut extends Client, Measurement {
  readonly watchers: number;
  readonly znodes: number;
  /** Seconds of each round, until its last watcher was told. */
  readonly rounds: readonly number[];
}

export interface Sessions extends Client, Measurement {
  readonly count: number;
  readonly rssBefore: number;
  readonly rssAfter: number;
  /** With all sessions open and nothing asked: server CPU, in seconds of `idleSeconds`. */
  readonly idleCpu: number;
  readonly idleSeconds: number;
}

/** One size of the tree: what it took to come to it from the one before, and what work costs there. */
export interface Size extends Client {
  readonly znodes: number;
  readonly fillSeconds: number;
  readonly rss: number;
  /** Several of each workload, in turn. */
  readonly loads: readonly (Measurement & { readonly workload: Workload })[];
}

export interface Restart extends Client {
  readonly znodes: number;
  /** Of each kill -9 and restart: seconds until the first answered read. */
  readonly seconds: readonly number[];
  readonly rss: number;
}

export interface Snapshot extends Client, Measurement {
  readonly znodes: number;
  readonly pair: number;
  /** Snapshots that were finished while the load ran: 0, or at least one. */
  readonly snapshots: number;
}

export interface Floor {
  readonly name: FloorName;
  readonly operations: number;
  readonly seconds: number;
  readonly latencies?: Latencies;
  /** CPU of the side that answers, where there are two. */
  readonly serverCpu?: number;
}
export type FloorName =
  | "disk-sync-write"
  | "disk-write-fdatasync"
  | "echo-1x1"
  | "echo-32x64-single"
  | "echo-32x64-batched"
  | "msgpackr-encode"
  | "msgpackr-decode";

export interface SystemFacts {
  readonly name: SystemName;
  /** What keeps it from running here, and how to install it. */
  readonly missing?: string;
  readonly version?: string;
  readonly commandLine?: string;
  readonly clients: readonly ClientFacts[];
}
export interface ClientFacts {
  readonly variant: string;
  /** In its own words. */
  readonly client: string;
  /** Null: as many as there are; JSON has no infinity. */
  readonly processorsMax: number | null;
}

export interface MachineFacts {
  readonly cpu: string;
  readonly cores: number;
  readonly memory: number;
  readonly kernel: string;
  readonly disk: string;
  /** Data in memory: nothing said of durable writes means anything. */
  readonly diskIsMemory: boolean;
  readonly node: string;
  readonly flags: string;
}

export interface Failure {
  readonly system: SystemName | "floors";
  readonly what: string;
  readonly why: string;
}

export interface Results {
  readonly format: typeof RESULTS_FORMAT;
  readonly date: string;
  readonly commit: string;
  /** Tiny times and counts: shows that every part works, claims nothing. */
  readonly quick: boolean;
  readonly rounds: number;
  readonly command: string;
  readonly minutes: number;
  readonly warnings: readonly string[];
  readonly machine: MachineFacts;
  readonly systems: readonly SystemFacts[];
  readonly throughput: readonly Throughput[];
  readonly fanOut: readonly FanOut[];
  readonly sessions: readonly Sessions[];
  readonly sizes: readonly Size[];
  readonly restarts: readonly Restart[];
  readonly snapshots: readonly Snapshot[];
  readonly floors: readonly Floor[];
  readonly failures: readonly Failure[];
}

/** The same while it grows. */
export type Growing = { -readonly [K in keyof Results]: Results[K] extends readonly (infer T)[] ? T[] : Results[K] };

/**
 * What the bench and a load generator say to each other: one JSON value a line, jobs to the generator's stdin, marks from
 * its stdout. A generator is a process of its own, in the language that its system's own client is written in, and does one
 * job at a time. Owns the words only.
 *
 * The tree that every generator knows: `/bench`, one znode of 100 bytes; `/bench/p<P>`, parents without data, made by a
 * fill; `/bench/p<P>/n<N>` with 100 bytes, N six digits, a thousand under each parent. Key number k is
 * `/bench/p<k / 1000>/n<k % 1000>`. etcd has no parents; its keys have the same names.
 */

export const VALUE_BYTES = 100;
export const CHILDREN_PER_PARENT = 1_000;

export const WORKLOADS: readonly Workload[] = ["get", "set", "mix", "ephemeral", "multi"];

/**
 * - `get`: the data and stat of one znode.
 * - `set`: 100 bytes, any version; acknowledged when durable.
 * - `mix`: nine gets and a set, in turn.
 * - `ephemeral`: creates an ephemeral znode of 100 bytes and deletes it; the two are one operation and one latency.
 * - `multi`: ten sets of ten znodes, all or nothing; the ten are one operation.
 */
export type Workload = "get" | "set" | "mix" | "ephemeral" | "multi";

/** Closed loop: each of `connections` keeps `inFlight` operations under way, for a time. */
export interface LoadJob {
  readonly job: "load";
  readonly workload: Workload;
  readonly connections: number;
  readonly inFlight: number;
  /** Not measured. */
  readonly warmUpMs: number;
  readonly measureMs: number;
  /** Keys of an earlier fill to draw from, evenly; 0: `/bench` alone (made if missing; multi: ten children of it). */
  readonly keys: number;
}

/** Makes keys `from` to `to` (exclusive), and their parents, with so many creates under way in all. */
export interface FillJob {
  readonly job: "fill";
  readonly from: number;
  readonly to: number;
  readonly connections: number;
  readonly inFlight: number;
}

/**
 * Each of `watchers`, a connection of its own, watches the data of one of `znodes` znodes (watcher w: `/bench/w<w % znodes>`).
 * Then, `rounds` times: every znode is set once, all in flight at once, on another connection, and the round ends when the
 * last watcher was told; watches are set again between rounds, outside of the time.
 */
export interface WatchJob {
  readonly job: "watch";
  readonly watchers: number;
  readonly znodes: number;
  readonly rounds: number;
}

/**
 * Opens so many sessions, each a connection of its own that keeps itself alive, and keeps them until `release`. The mark
 * `end` comes when the last is open; the job is over after `release`, with the mark `released`.
 */
export interface SessionsJob {
  readonly job: "sessions";
  readonly count: number;
  readonly timeoutMs: number;
}

/** Ends the sessions of a `sessions` job. */
export interface ReleaseJob {
  readonly job: "release";
}

/** Tries to connect until key 0 is read (or `/bench`, if `keys` is 0), or the time is over. `seconds`: since the job came. */
export interface ReadJob {
  readonly job: "read";
  readonly keys: number;
  readonly deadlineMs: number;
}

export type Job = LoadJob | FillJob | WatchJob | SessionsJob | ReleaseJob | ReadJob;

/** Microseconds, of operations that ended within the measured time. */
export interface Latencies {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** `ready`: once, when jobs are taken. */
export interface ReadyMark {
  readonly mark: "ready";
  /** The client and its version, and what it runs on: for the report. */
  readonly client: string;
}

/** The measured part begins: the bench reads CPU times now. Every job but `release` and `read` says it. */
export interface BeginMark {
  readonly mark: "begin";
}

/** The measured part is over: the bench reads CPU times again. */
export interface EndMark {
  readonly mark: "end";
  readonly operations: number;
  readonly seconds: number;
  /** `load` only. */
  readonly latencies?: Latencies;
  /** `watch` only: seconds of each round, until its last watcher was told. */
  readonly rounds?: readonly number[];
}

export interface ReleasedMark {
  readonly mark: "released";
}

/** The job failed: an operation was refused, a connection broke. Nothing is measured with errors in it. */
export interface FailedMark {
  readonly mark: "failed";
  readonly why: string;
}

export type Mark = ReadyMark | BeginMark | EndMark | ReleasedMark | FailedMark;

/**
 * The Log contract: durable order.
 *
 * A log takes batches of opaque entries, makes each batch durable as one record, and hands it back with its
 * place in the total order. It never looks into a batch and never decides whether an entry succeeds; that is
 * the state machine's, which reads the same order on every daemon.
 *
 * Order of calls: `recover` once, then `open` once, then any number of `propose` and `createSnapshot`, then `close`.
 */

/** What the engine hands over: entries that shall stand in the log one after the other. */
export interface Batch {
  /** Apply level: the version of the rules by which these entries are to be applied. */
  readonly level: number;
  /** Log-clock stamp of every entry in the batch, milliseconds since 1970. Never decreases from batch to batch. */
  readonly timeMs: number;
  /** How many entries the body holds, at least 1. Each takes one zxid. */
  readonly count: number;
  /** The entries, encoded. Owned by the log from `propose` until it comes back committed. */
  readonly body: Uint8Array;
}

/** A batch that is durable and has its place. */
export interface CommittedBatch {
  readonly level: number;
  /** 1 or more; grows at each start of the log and when its counter is full. */
  readonly epoch: number;
  /** Number of the record in the log: 1, 2, 3 … without gaps over the log's whole life. */
  readonly seq: number;
  /** Zxid of the first entry; the others follow densely. A zxid is epoch · 2^32 + counter, counter from 1. */
  readonly firstZxid: number;
  readonly count: number;
  readonly timeMs: number;
  readonly body: Uint8Array;
  /** The very object given to `propose`, when this process proposed it; otherwise undefined. */
  readonly own: Batch | undefined;
}

/** What a log tells its owner. No callback may throw. */
export interface LogListener {
  /** Once per batch, in order, own and foreign alike, never before it is durable. */
  committed(batch: CommittedBatch): void;
  /** Nothing will commit any more; what was proposed and not committed is unknown. The daemon stops. */
  failed(error: LogError): void;
  /** `low`: the log wants no more client writes until it says `ok`. What is proposed all the same is still taken, from a reserve. */
  space(state: "ok" | "low"): void;
}

/** What recovery hands its owner, in order: at most one accepted snapshot, then every later batch. */
export interface RecoveryListener {
  /**
   * A snapshot. Its checksums are compared as it is read, and reading throws where one does not hold: to be trusted it must have
   * been read to the end. Rejecting (then, or when an inner digest does not match) makes the log offer the next older one; the
   * listener must then forget what it has loaded.
   */
  snapshot(snapshot: SnapshotSource): Promise<void>;
  /** A batch after that snapshot. May return a promise to slow the reader down. The body lives until the call, or its promise, is over. */
  batch(batch: CommittedBatch): void | Promise<void>;
}

/** A stored snapshot. */
export interface SnapshotSource {
  /** The state holds the effect of every entry up to and including this zxid. */
  readonly zxid: number;
  /** The bytes that were written, in pieces of any size. Each lives until the next is asked for. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** Where recovery ended. */
export interface Recovered {
  /** Zxid of the last entry, 0 for an empty log. */
  readonly lastZxid: number;
  /** Stamp of the last batch, 0 for an empty log. */
  readonly lastTimeMs: number;
  /** Records read after the snapshot. */
  readonly batches: number;
  /** Zxid of the snapshot that was taken, if there was one. */
  readonly snapshotZxid: number | undefined;
}

/** Takes the bytes of one snapshot. One at a time per log. */
export interface SnapshotWriter {
  /** Resolves when more may be written. */
  write(chunk: Uint8Array): Promise<void>;
  /** Makes the snapshot durable, reads it back, verifies it, and only then lets older ones and their records go. */
  finish(): Promise<void>;
  /** Forgets it. Never throws. */
  abort(): Promise<void>;
}

export interface Log {
  /** Names the history: 32 hex digits, made when the log was created, changed by a restore from backup. Known after `recover`. */
  readonly clusterId: string;
  /** True when no other process can append: what has been applied here is then the whole truth. */
  readonly exclusive: boolean;
  /** Reads what is stored. Throws {@link LogError} when what is stored cannot be trusted. */
  recover(listener: RecoveryListener): Promise<Recovered>;
  /** Begins a new epoch and takes batches from now on. */
  open(listener: LogListener): Promise<void>;
  /** Appends a batch. Never throws and never fails to its caller: it comes back by `committed`, or the log fails as a whole. */
  propose(batch: Batch): void;
  /** Begins a snapshot of the state at `zxid`, which must have been committed. */
  createSnapshot(zxid: number): Promise<SnapshotWriter>;
  /** Finishes what is in flight, marks the log as cleanly stopped and lets go of it. */
  close(): Promise<void>;
}

/** Why a log cannot go on or cannot be trusted. */
export type LogErrorCode =
  /** A write or sync failed: what is on the disk is unknown. The daemon exits with status 74 and does not retry. */
  | "IO_FAILED"
  /** Stored bytes that were once acknowledged are damaged or missing. */
  | "DAMAGED"
  /** Another process has the directory. */
  | "LOCKED"
  /** No room even for the reserve. */
  | "NO_SPACE"
  /** Written by a newer release, or not a log at all. */
  | "FOREIGN";

export class LogError extends Error {
  override readonly name = "LogError";
  readonly code: LogErrorCode;
  constructor(code: LogErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

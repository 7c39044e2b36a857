/** Every limit of the file log, with its unit and default. */
export interface FileLogLimits {
  /** Size of a segment file, bytes; multiple of 8. Default 64 MiB. */
  readonly segmentBytes: number;
  /** Largest body of one batch, bytes. Default 16 MiB. */
  readonly maxRecordBytes: number;
  /** File that is given up when a segment cannot be prepared otherwise, bytes; 0 for none. Default two segments. */
  readonly reserveBytes: number;
  /** Below this free share of the disk, or below `softMarkBytes`, whichever is less, the log says `low`. Default 0.1. */
  readonly softMarkFraction: number;
  /** Default 512 MiB. */
  readonly softMarkBytes: number;
  /** Snapshots kept that were read back and found sound, at least 1. Default 2. */
  readonly snapshotsKept: number;
  /** Quiet time after a batch before a mark says that it was durable, milliseconds. Default 5. */
  readonly idleMarkMs: number;
  /** Time between looks at the free space, milliseconds. Default 1,000. */
  readonly spacePollMs: number;
  /** Copies of cut-off tails kept. Default 3. */
  readonly tornFilesKept: number;
  /** Records that a recovery reads before it hands them over, bytes; a larger one comes alone. Their memory is used again for the next. Default 1 MiB. */
  readonly readAheadBytes: number;
}

const SEGMENT_BYTES = 64 << 20;

export const defaultLimits: FileLogLimits = {
  segmentBytes: SEGMENT_BYTES,
  maxRecordBytes: 16 << 20,
  reserveBytes: 2 * SEGMENT_BYTES,
  softMarkFraction: 0.1,
  softMarkBytes: 512 << 20,
  snapshotsKept: 2,
  idleMarkMs: 5,
  spacePollMs: 1000,
  tornFilesKept: 3,
  readAheadBytes: 1 << 20,
};

/** From these ranges the simulation draws: small enough that each bound is met. The others it sets by the size of a segment. */
export const fileLogSimulate: Readonly<
  Record<"segmentBytes" | "snapshotsKept" | "idleMarkMs" | "spacePollMs" | "tornFilesKept", readonly [number, number]>
> = {
  segmentBytes: [48 << 10, 128 << 10],
  snapshotsKept: [1, 3],
  idleMarkMs: [1, 50],
  spacePollMs: [200, 2_000],
  tornFilesKept: [1, 3],
};

/**
 * Every bound of the server: its name as errors and configuration call it, its default, the least and the most that may be
 * configured, and the range from which the simulation draws. Bytes and milliseconds as the names say.
 */
import { DEFAULT_LIMITS, type ProtocolLimits } from "@corral/protocol";

interface Bound {
  readonly default: number;
  readonly least: number;
  readonly most: number;
  /** Drawn from by the simulation: small enough that the bound is met. */
  readonly simulate: readonly [number, number];
}

const bound = (value: number, least: number, most: number, low: number, high: number): Bound => ({
  default: value,
  least,
  most,
  simulate: [low, high],
});

const KIB = 1024;
const MIB = 1024 * 1024;

export const SERVER_BOUNDS: Readonly<Record<ServerLimit, Bound>> = {
  /** Connections at once, with or without a session. */
  connections: bound(20_000, 1, 1_000_000, 20, 100),
  /** Living sessions. */
  sessions: bound(100_000, 1, 10_000_000, 20, 100),
  /** A connection must say Hello within this. */
  helloTimeoutMs: bound(5_000, 100, 60_000, 500, 5_000),
  sessionTimeoutMsMin: bound(1_000, 50, 600_000, 500, 2_000),
  sessionTimeoutMsMax: bound(600_000, 1_000, 86_400_000, 40_000, 600_000),
  /** Requests of one connection that have not been answered; beyond, its socket is not read. */
  inFlight: bound(DEFAULT_LIMITS.inFlight, 1, 100_000, 2, 200),
  /** Bytes of those requests; beyond, the socket is not read either. */
  inFlightBytes: bound(8 * MIB, 64 * KIB, 1024 * MIB, 64 * KIB, 4 * MIB),
  frameBytes: bound(DEFAULT_LIMITS.frameBytes, 64 * KIB, 64 * MIB, 64 * KIB, 4 * MIB),
  requestBytes: bound(DEFAULT_LIMITS.requestBytes, 4 * KIB, 32 * MIB, 32 * KIB, MIB),
  pageBytes: bound(DEFAULT_LIMITS.pageBytes, KIB, 4 * MIB, KIB, 64 * KIB),
  /** Remembered replies of one session that its client has not acknowledged: number and bytes; beyond, its writes wait. */
  unackedReplies: bound(1_000, 1, 100_000, 4, 1_000),
  unackedBytes: bound(MIB, 4 * KIB, 64 * MIB, 4 * KIB, MIB),
  /** Watches of one connection, and of all. */
  watchesPerConnection: bound(250_000, 1, 10_000_000, 20, 1_000),
  watches: bound(2_000_000, 1, 100_000_000, 100, 10_000),
  subscriptionsPerConnection: bound(1_000, 1, 100_000, 2, 20),
  /** Bytes not yet taken by a client: from the first bound on its requests wait, beyond the second it is cut off. */
  unsentBytesSoft: bound(256 * KIB, 4 * KIB, 64 * MIB, 4 * KIB, 64 * KIB),
  unsentBytesHard: bound(8 * MIB, 64 * KIB, 1024 * MIB, 256 * KIB, 4 * MIB),
  /** A client that takes nothing for so long, with bytes waiting, is cut off. */
  slowConsumerMs: bound(10_000, 100, 600_000, 1_000, 10_000),
  /** Bytes of one log record, unless one request is larger. */
  batchBytes: bound(256 * KIB, 1, 4 * MIB, 200, 64 * KIB),
  /** Bytes handed to the log and not committed; beyond, writes are refused with OVERLOADED. */
  uncommittedBytes: bound(64 * MIB, 64 * KIB, 1024 * MIB, 64 * KIB, MIB),
  /** A snapshot is taken after so many entries or bytes of log. */
  snapshotEntries: bound(300_000, 1, 1_000_000_000, 20, 200),
  snapshotBytes: bound(256 * MIB, KIB, 1024 * 1024 * MIB, 8 * KIB, 256 * KIB),
  /** Before-images of a snapshot under way; beyond, it is abandoned and tried again. */
  snapshotImageBytes: bound(256 * MIB, 64 * KIB, 64 * 1024 * MIB, 64 * KIB, MIB),
  /** Entries of the history read through for a reconnecting client in one go. */
  catchUpEntries: bound(10_000, 1, 1_000_000, 5, 500),
  /** Znodes reaped in one tick; 0: none ever. */
  reapsPerTick: bound(1_000, 0, 100_000, 1, 50),
  /** An empty container is left alone so long, for whoever is about to create its next child. */
  containerGraceMs: bound(10_000, 0, 86_400_000, 0, 2_000),
  /** Between two looks at deadlines. */
  tickMs: bound(100, 5, 1_000, 20, 300),
};

export type ServerLimit =
  | "connections"
  | "sessions"
  | "helloTimeoutMs"
  | "sessionTimeoutMsMin"
  | "sessionTimeoutMsMax"
  | "inFlight"
  | "inFlightBytes"
  | "frameBytes"
  | "requestBytes"
  | "pageBytes"
  | "unackedReplies"
  | "unackedBytes"
  | "watchesPerConnection"
  | "watches"
  | "subscriptionsPerConnection"
  | "unsentBytesSoft"
  | "unsentBytesHard"
  | "slowConsumerMs"
  | "batchBytes"
  | "uncommittedBytes"
  | "snapshotEntries"
  | "snapshotBytes"
  | "snapshotImageBytes"
  | "catchUpEntries"
  | "reapsPerTick"
  | "containerGraceMs"
  | "tickMs";

export type ServerLimits = Readonly<Record<ServerLimit, number>>;

/** The defaults with these changes. Throws a RangeError that names the limit and its range. */
export function serverLimits(changes: Partial<ServerLimits> = {}): ServerLimits {
  const limits = Object.fromEntries(
    Object.entries(SERVER_BOUNDS).map(([name, { default: value }]) => [name, value]),
  ) as Record<ServerLimit, number>;
  for (const [name, value] of Object.entries(changes) as [ServerLimit, number | undefined][]) {
    if (value === undefined) continue;
    const range = SERVER_BOUNDS[name] as Bound | undefined;
    if (range === undefined) throw new RangeError(`there is no limit called ${name}`);
    if (!Number.isSafeInteger(value) || value < range.least || value > range.most) {
      throw new RangeError(`${name} is ${value}, not an integer from ${range.least} to ${range.most}`);
    }
    limits[name] = value;
  }
  return limits;
}

/** What Welcome tells a client. */
export function protocolLimits(
  limits: ServerLimits,
  options: { valueBytes: number; pathBytes: number; aclEntries: number; multiOps: number },
): ProtocolLimits {
  const { frameBytes, requestBytes, pageBytes, inFlight } = limits;
  const { valueBytes, pathBytes, aclEntries, multiOps } = options;
  return { frameBytes, requestBytes, valueBytes, pageBytes, inFlight, pathBytes, aclEntries, multiOps };
}

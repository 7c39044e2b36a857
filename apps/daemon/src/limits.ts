/**
 * `--limit NAME=VALUE`: one flag for every limit of the server, of the log, and of the replicated options. Owns to which of
 * the three a name belongs, and the ranges that those packages leave to their caller.
 */
import { defaultLimits, type FileLogLimits } from "@corral/log";
import { SERVER_BOUNDS, type ServerLimits, serverLimits } from "@corral/server";
import { DEFAULT_OPTIONS, type Options } from "@corral/state-machine";
import { didYouMean } from "./nearest.ts";
import { UsageError } from "./usage-error.ts";

export interface Limits {
  readonly server: Partial<ServerLimits>;
  readonly log: Partial<FileLogLimits>;
  readonly options: Partial<Options>;
}

type OptionLimit = Exclude<keyof Options, "superIdentities">;

interface Range {
  readonly kind: keyof Limits;
  readonly default: number;
  readonly least: number;
  readonly most: number;
  /** Only `softMarkFraction` is not an integer. */
  readonly isFraction?: true;
}

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

const logRange = (name: keyof FileLogLimits, least: number, most: number): Range => ({
  kind: "log",
  default: defaultLimits[name],
  least,
  most,
});
const LOG_RANGES: Readonly<Record<keyof FileLogLimits, Range>> = {
  segmentBytes: logRange("segmentBytes", 64 * KIB, 4 * GIB),
  maxRecordBytes: logRange("maxRecordBytes", 32 * KIB, GIB),
  reserveBytes: logRange("reserveBytes", 0, 64 * GIB),
  softMarkFraction: { ...logRange("softMarkFraction", 0, 1), isFraction: true },
  softMarkBytes: logRange("softMarkBytes", 0, 1024 * GIB),
  snapshotsKept: logRange("snapshotsKept", 1, 100),
  idleMarkMs: logRange("idleMarkMs", 0, 10_000),
  spacePollMs: logRange("spacePollMs", 10, 600_000),
  tornFilesKept: logRange("tornFilesKept", 0, 100),
  readAheadBytes: logRange("readAheadBytes", 4 * KIB, GIB),
};

const optionRange = (name: OptionLimit, least: number, most: number): Range => ({
  kind: "options",
  default: DEFAULT_OPTIONS[name],
  least,
  most,
});
const OPTION_RANGES: Readonly<Record<OptionLimit, Range>> = {
  childrenMax: optionRange("childrenMax", 1, 100_000_000),
  ephemeralsMax: optionRange("ephemeralsMax", 0, 10_000_000),
  valueBytes: optionRange("valueBytes", 1, 16 * MIB),
  pathBytes: optionRange("pathBytes", 64, 64 * KIB),
  aclEntries: optionRange("aclEntries", 1, 10_000),
  multiOps: optionRange("multiOps", 1, 50_000),
  deleteTreeNodes: optionRange("deleteTreeNodes", 1, 1_000_000),
  quotaEnforced: optionRange("quotaEnforced", 0, 1),
};

const RANGES: Readonly<Record<string, Range>> = {
  ...Object.fromEntries(
    Object.entries(SERVER_BOUNDS).map(([name, { default: value, least, most }]) => [
      name,
      { kind: "server" as const, default: value, least, most },
    ]),
  ),
  ...OPTION_RANGES,
  ...LOG_RANGES,
};

/** From `NAME=VALUE` each; the last one of a name counts. Throws UsageError that names the limit and its range. */
export function parseLimits(given: readonly string[]): Limits {
  const limits = {
    server: {} as Record<string, number>,
    log: {} as Record<string, number>,
    options: {} as Record<string, number>,
  };
  for (const text of given) {
    const at = text.indexOf("=");
    if (at < 1) throw new UsageError(`--limit ${text}: write --limit NAME=VALUE`);
    const name = text.slice(0, at);
    const range = Object.hasOwn(RANGES, name) ? RANGES[name] : undefined;
    if (range === undefined)
      throw new UsageError(
        `there is no limit called ${name}${didYouMean(name, Object.keys(RANGES))}; --help limits lists them`,
      );
    limits[range.kind][name] = valueOf(name, text.slice(at + 1), range);
  }
  const parsed: Limits = limits;
  checkTogether(parsed);
  return parsed;
}

const UNITS: Readonly<Record<string, number>> = { KiB: KIB, MiB: MIB, GiB: GIB };

function valueOf(name: string, text: string, range: Range): number {
  const [, digits = "", unit] = /^(\d+(?:\.\d+)?)(KiB|MiB|GiB)?$/.exec(text) ?? [];
  const value = digits === "" ? Number.NaN : Number(digits) * (unit === undefined ? 1 : UNITS[unit]!);
  const isWhole = range.isFraction === true || Number.isSafeInteger(value);
  if (isWhole && value >= range.least && value <= range.most) return value;
  const kind = range.isFraction === true ? "a number" : "an integer";
  throw new UsageError(`limit ${name} is '${text}', not ${kind} from ${range.least} to ${range.most}`);
}

/** Encoding of one request as a log entry, beside the request itself: origin, stamps, lengths. A generous bound. */
const ENTRY_OVERHEAD_BYTES = 4 * KIB;

/** Limits of different packages that only fit together or not at all. */
function checkTogether({ server, log, options }: Limits): void {
  const { requestBytes, frameBytes, batchBytes, sessionTimeoutMsMin, sessionTimeoutMsMax } = serverLimits(server);
  const { maxRecordBytes } = { ...defaultLimits, ...log };
  const { valueBytes } = { ...DEFAULT_OPTIONS, ...options };
  const fits = (small: string, smaller: number, large: string, larger: number): void => {
    if (smaller > larger) throw new UsageError(`limit ${small} (${smaller}) is above limit ${large} (${larger})`);
  };
  fits("sessionTimeoutMsMin", sessionTimeoutMsMin, "sessionTimeoutMsMax", sessionTimeoutMsMax);
  fits("valueBytes", valueBytes, "requestBytes", requestBytes);
  fits("requestBytes", requestBytes, "frameBytes", frameBytes);
  fits(
    "requestBytes and batchBytes with what the log adds",
    Math.max(requestBytes, batchBytes) + ENTRY_OVERHEAD_BYTES,
    "maxRecordBytes",
    maxRecordBytes,
  );
}

/** Every limit with its default and range, for the help. */
export function limitsHelp(): string {
  const titles: Readonly<Record<keyof Limits, string>> = {
    server: "Of the server:",
    options:
      "Replicated: what can change the result of an operation. Changed by an entry in the log at the next start:",
    log: "Of the log:",
  };
  return (Object.keys(titles) as (keyof Limits)[])
    .map((kind) => {
      const rows = Object.entries(RANGES).filter(([, range]) => range.kind === kind);
      const lines = rows.map(
        ([name, range]) =>
          `  ${name.padEnd(28)}${String(range.default).padStart(14)}   ${range.least} to ${range.most}`,
      );
      return [titles[kind], ...lines].join("\n");
    })
    .join("\n\n");
}

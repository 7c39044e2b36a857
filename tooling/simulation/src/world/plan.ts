/** What a seed decides before anything happens: sizes, limits, speeds, and which faults there are. */
import { CLIENT_SIMULATE } from "@corral/client";
import { type FileLogLimits, fileLogSimulate } from "@corral/log";
import { SERVER_BOUNDS, type ServerLimit } from "@corral/server";
import { between, type Draw, drawFrom, oneOf } from "@corral/testing/world";
import { FAULT_KINDS, type FaultKind, LIE_KINDS, type LieKind, shareOf } from "./faults.ts";

export { FAULT_KINDS } from "./faults.ts";
export type { FaultKind } from "./faults.ts";

/** Kinds of programs. */
export type CastName = "actors" | "recipes" | "brokers" | "groups";

export interface Plan {
  readonly seed: number;
  /** Who lives there. */
  readonly casts: readonly CastName[];
  /** Steps of programs and strikes of chaos have names; what may not be is left out, and nothing else changes. */
  readonly mayAct: (step: string) => boolean;
  readonly clients: number;
  readonly chaosMs: number;
  readonly sessionTimeoutMs: readonly number[];
  readonly callTimeoutMs: number;
  /** Of what waits in a client. */
  readonly queue: { readonly calls?: number; readonly bytes?: number };
  /** Pause of a client between two turns, milliseconds at most. */
  readonly thinkMs: number;
  /** Calls of one turn, at most. */
  readonly pipeline: number;
  /** Acts of one actor in one life. More find no more, and take their time; in some worlds there are many all the same. */
  readonly actsMax: number;
  readonly valueBytes: number;
  readonly limits: Partial<Record<ServerLimit, number>>;
  readonly options: Readonly<Record<string, number>>;
  readonly history: { readonly historyEntries: number; readonly historyBytes: number } | undefined;
  readonly latency: { readonly baseMs: number; readonly spikeMs: number; readonly spikes: number };
  readonly windowBytes: number;
  readonly disk: { readonly baseMs: number; readonly spikeMs: number; readonly spikes: number };
  readonly fileLog: Pick<FileLogLimits, "segmentBytes" | "idleMarkMs" | "spacePollMs" | "tornFilesKept">;
  readonly snapshotsKept: number;
  /**
   * Of the machines' clocks: none counts more or less than so much of the true time too much or too little; and what the server's
   * machine counts in a millisecond. A client knows before its server that its session is over, and only then, if its clock is
   * slower than the server's by no more than the share of the timeout that it gives away for that: see CLOCKS_APART_MAX.
   */
  readonly clocks: { readonly apart: number; readonly serverRate: number };
  /** Those that stand there more than once are drawn as often. */
  readonly faults: readonly FaultKind[];
  /** What the disk lies about, once, and when, as a share of the time of chaos; only where the actors are alone. */
  readonly lie: { readonly kind: LieKind; readonly at: number } | undefined;
  /** Time between two faults, milliseconds at most. */
  readonly faultPauseMs: number;
  /** Where the numbers of sequential names begin, so that their end is near; only where the actors are alone. */
  readonly sequencesFrom: number | undefined;
}

/** Of the values of clients and of the requests they make: a record of the log holds one batch, or one larger request. */
export const MAX_RECORD_BYTES: number = 40 * 1024;
/** What must fit into a small record is not drawn from the whole range. */
const BATCH_BYTES_MAX = 16 * 1024;

/** Programs with promises of their own are there to be killed, and to stand still: of the kinds that a seed has, so many more. */
const moreOf = (kind: FaultKind): readonly FaultKind[] =>
  kind === "kill-client" || kind === "stall-client" ? [kind, kind, kind] : [];

/** Subtrees that a program has to be able to follow on one connection, if it is to do its work: who leads a group follows six. */
const FOLLOWED_MIN = 16;

/** Many short worlds find more than a few long ones in the same time; there are long ones all the same. */
const CHAOS_MS_MIN = 3_000;
const CHAOS_MS_MAX = 20_000;

export function planOf(seed: number): Plan {
  const draw = drawFrom(seed, "plan");
  const maybe = (chance: number): boolean => draw() < chance;
  const casts = castsOf(drawFrom(seed, "casts"));
  const areAlone = casts.length === 1;
  const lie = areAlone ? lieOf(drawFrom(seed, "lie")) : undefined;
  const clients = areAlone ? between(draw, 2, 5) : between(draw, 1, 2);
  // Each kind draws for itself: with one more of them all others stay.
  const faults = FAULT_KINDS.filter((kind) => drawFrom(seed, `has ${kind}`)() < shareOf(kind));
  return {
    seed,
    casts,
    mayAct: () => true,
    clients,
    chaosMs: Math.round(CHAOS_MS_MIN + draw() ** 3 * (CHAOS_MS_MAX - CHAOS_MS_MIN)),
    // Two ends of a range within that of the client's table, the lower one low.
    sessionTimeoutMs: [
      between(draw, CLIENT_SIMULATE.sessionTimeoutMs[0], 4_000),
      between(draw, 3_000, CLIENT_SIMULATE.sessionTimeoutMs[1]),
    ],
    callTimeoutMs: between(draw, ...CLIENT_SIMULATE.timeoutMs),
    queue: areAlone ? queueOf(drawFrom(seed, "queue")) : {},
    thinkMs: oneOf(draw, [20, 100, 300, 1_000]),
    pipeline: oneOf(draw, [1, 3, 8, 20]),
    actsMax: oneOf(drawFrom(seed, "acts"), [100, 250, 250, 1_200]),
    valueBytes: oneOf(draw, [32, 32, 200, 2_000]),
    limits: { ...limitsOf(draw, areAlone), ...(areAlone ? doorOf(drawFrom(seed, "door"), clients) : {}) },
    // The others have to be able to do their work.
    options: areAlone ? optionsOf(draw) : {},
    history: maybe(0.25)
      ? { historyEntries: between(draw, 5, 100), historyBytes: between(draw, 2_000, 50_000) }
      : undefined,
    latency: {
      baseMs: oneOf(draw, [0, 1, 5]),
      spikeMs: oneOf(draw, [20, 100, 500]),
      spikes: oneOf(draw, [0, 0.01, 0.1]),
    },
    windowBytes: oneOf(draw, [2_048, 16_384, 65_536]),
    disk: {
      baseMs: oneOf(draw, [0, 0.2, 2]),
      spikeMs: oneOf(draw, [10, 100, 700]),
      spikes: oneOf(draw, [0, 0.01, 0.05]),
    },
    fileLog: fileLogOf(drawFrom(seed, "file log limits")),
    snapshotsKept: between(draw, ...fileLogSimulate.snapshotsKept),
    clocks: clocksOf(drawFrom(seed, "clocks")),
    faults: faults.length === 0 ? ["cut"] : areAlone ? faults : [...faults, ...faults.flatMap(moreOf)],
    lie,
    faultPauseMs: oneOf(draw, [500, 1_500, 4_000]),
    // A counter that was put forward stands in a snapshot and in no record: without that snapshot the log would not have it.
    sequencesFrom: areAlone && lie === undefined ? sequencesOf(drawFrom(seed, "sequences")) : undefined,
  };
}

/** Share by which clocks may run apart before a client may be wrong about the life of its session: what `@corral/client` promises. */
export const CLOCKS_APART_MAX = 0.01;

/** True; apart, but within what clients allow for; as no machine's are; as no machine's ever were. */
function clocksOf(draw: Draw): Plan["clocks"] {
  const apart = oneOf(draw, [0, 0, 0, CLOCKS_APART_MAX / 2.1, CLOCKS_APART_MAX / 2.1, 0.05, 0.05, 0.2]);
  return { apart, serverRate: rateWithin(apart, draw) };
}

/** Of one machine's clocks. */
export const rateWithin = (apart: number, draw: Draw): number => (apart === 0 ? 1 : 1 + apart * (2 * draw() - 1));

const LIES_SHARE = 0.25;

function lieOf(draw: Draw): Plan["lie"] {
  return draw() < LIES_SHARE ? { kind: oneOf(draw, LIE_KINDS), at: draw() } : undefined;
}

const SEQUENCES_SHARE = 0.08;

/** Near the greatest number of 31 bits. */
function sequencesOf(draw: Draw): number | undefined {
  return draw() < SEQUENCES_SHARE ? 2 ** 31 - between(draw, 2, 40) : undefined;
}

function queueOf(draw: Draw): Plan["queue"] {
  const { queueCalls, queueBytes } = CLIENT_SIMULATE;
  return draw() < 0.3 ? { calls: between(draw, ...queueCalls), bytes: between(draw, ...queueBytes) } : {};
}

function fileLogOf(draw: Draw): Plan["fileLog"] {
  const { segmentBytes, idleMarkMs, spacePollMs, tornFilesKept } = fileLogSimulate;
  return {
    // A segment has to hold the largest record; its size is a multiple of its alignment.
    segmentBytes: Math.ceil(between(draw, ...segmentBytes) / 4_096) * 4_096,
    idleMarkMs: between(draw, ...idleMarkMs),
    spacePollMs: between(draw, ...spacePollMs),
    tornFilesKept: between(draw, ...tornFilesKept),
  };
}

/** Which kinds of programs there are: the actors alone, or one or all of the others beside a few of them. */
function castsOf(draw: Draw): readonly CastName[] {
  const kind = draw();
  if (kind < 0.45) return ["actors"];
  if (kind < 0.65) return ["actors", "recipes"];
  if (kind < 0.8) return ["actors", "brokers"];
  if (kind < 0.95) return ["actors", "groups"];
  return ["actors", "recipes", "brokers", "groups"];
}

/** Now and then there is hardly room for all clients, and none for connections that are half there. */
function doorOf(draw: Draw, clients: number): Pick<Plan["limits"], "connections"> {
  return draw() < 0.15 ? { connections: clients + between(draw, 1, 3) } : {};
}

function limitsOf(draw: Draw, areAlone: boolean): Partial<Record<ServerLimit, number>> {
  const limits: Partial<Record<ServerLimit, number>> = {};
  for (const name of Object.keys(SERVER_BOUNDS) as ServerLimit[]) {
    const [low, high] = SERVER_BOUNDS[name].simulate;
    if (draw() < 0.4) limits[name] = between(draw, low, high);
  }
  const { subscriptionsPerConnection } = limits;
  if (!areAlone && subscriptionsPerConnection !== undefined)
    limits.subscriptionsPerConnection = Math.max(FOLLOWED_MIN, subscriptionsPerConnection);
  // Snapshots come often, and batches fit into the log's small records.
  limits.snapshotEntries = between(draw, ...SERVER_BOUNDS.snapshotEntries.simulate);
  limits.batchBytes = Math.min(BATCH_BYTES_MAX, between(draw, ...SERVER_BOUNDS.batchBytes.simulate));
  limits.sessionTimeoutMsMin = between(draw, 500, 2_000);
  return limits;
}

function optionsOf(draw: Draw): Readonly<Record<string, number>> {
  const options: Record<string, number> = {};
  const maybe = (name: string, low: number, high: number): void => {
    if (draw() < 0.3) options[name] = between(draw, low, high);
  };
  maybe("childrenMax", 4, 20);
  maybe("ephemeralsMax", 2, 8);
  maybe("valueBytes", 30, 400);
  maybe("multiOps", 2, 5);
  maybe("deleteTreeNodes", 2, 10);
  return options;
}

/** What a seed decides before anything happens: sizes, limits, speeds, and which faults there are. */
import { SERVER_BOUNDS, type ServerLimit } from "@corral/server";
import type { CastName } from "../cast/cast.ts";
import { between, type Draw, drawFrom, oneOf } from "@corral/testing/world";

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
  /** Pause of a client between two turns, milliseconds at most. */
  readonly thinkMs: number;
  /** Calls of one turn, at most. */
  readonly pipeline: number;
  readonly valueBytes: number;
  readonly limits: Partial<Record<ServerLimit, number>>;
  readonly options: Readonly<Record<string, number>>;
  readonly history: { readonly historyEntries: number; readonly historyBytes: number } | undefined;
  readonly latency: { readonly baseMs: number; readonly spikeMs: number; readonly spikes: number };
  readonly windowBytes: number;
  readonly disk: { readonly baseMs: number; readonly spikeMs: number; readonly spikes: number };
  readonly segmentBytes: number;
  readonly snapshotsKept: number;
  readonly faults: readonly FaultKind[];
  /** Time between two faults, milliseconds at most. */
  readonly faultPauseMs: number;
}

export const FAULT_KINDS = [
  "cut",
  "cut-all",
  "partition",
  "partition-all",
  "drop-reply",
  "drop-request",
  "delay-reply",
  "stall-server",
  "stall-client",
  "kill-client",
  "sleep-client",
  "jump-client",
  "jump-server",
  "expire",
  "power-failure",
  "kill",
  "restart",
  "disk-full",
  "disk-error",
  "forget-history",
  "checkpoint",
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** Of the values of clients and of the requests they make: a record of the log holds one batch, or one larger request. */
export const MAX_RECORD_BYTES: number = 40 * 1024;
const SEGMENTS: readonly number[] = [48 * 1024, 64 * 1024, 128 * 1024];
/** What must fit into a small record is not drawn from the whole range. */
const BATCH_BYTES_MAX = 16 * 1024;

export function planOf(seed: number): Plan {
  const draw = drawFrom(seed, "plan");
  const maybe = (chance: number): boolean => draw() < chance;
  const casts = castsOf(drawFrom(seed, "casts"));
  const areAlone = casts.length === 1;
  const faults = FAULT_KINDS.filter(() => maybe(0.6));
  return {
    seed,
    casts,
    mayAct: () => true,
    clients: areAlone ? between(draw, 2, 5) : between(draw, 1, 2),
    chaosMs: between(draw, 5_000, 20_000),
    sessionTimeoutMs: [between(draw, 1_500, 4_000), between(draw, 3_000, 10_000)],
    callTimeoutMs: between(draw, 2_000, 15_000),
    thinkMs: oneOf(draw, [20, 100, 300, 1_000]),
    pipeline: oneOf(draw, [1, 3, 8, 20]),
    valueBytes: oneOf(draw, [32, 32, 200, 2_000]),
    limits: limitsOf(draw),
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
    segmentBytes: oneOf(draw, SEGMENTS),
    snapshotsKept: between(draw, 1, 3),
    faults: faults.length === 0 ? ["cut"] : faults,
    faultPauseMs: oneOf(draw, [500, 1_500, 4_000]),
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

function limitsOf(draw: Draw): Partial<Record<ServerLimit, number>> {
  const limits: Partial<Record<ServerLimit, number>> = {};
  for (const name of Object.keys(SERVER_BOUNDS) as ServerLimit[]) {
    const [low, high] = SERVER_BOUNDS[name].simulate;
    if (draw() < 0.4) limits[name] = between(draw, low, high);
  }
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

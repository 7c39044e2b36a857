/** What a consumer is told of the handling, checked, and with what was not said filled in. Pure. */
import type { ConsumeOptions, Mode, Reset } from "../consumer.ts";

const COMMIT_INTERVAL_MS = 5_000;
const COMMIT_EVERY = 10_000;
const REBALANCE_TIMEOUT_MS = 60_000;
const HANDLER_TIMEOUT_MS = 300_000;
/** Partitions named by hand. */
const ASSIGN_MAX = 10_000;
const MODES: readonly Mode[] = ["at-least-once", "at-most-once", "manual", "external"];

export interface HandlingSettings {
  readonly mode: Mode;
  readonly concurrency: number;
  readonly reset: Reset;
  readonly commitIntervalMs: number;
  readonly commitEvery: number;
  readonly rebalanceTimeoutMs: number;
  readonly handlerTimeoutMs: number;
}

/** TypeError for what is of a wrong kind, RangeError for a number that cannot be. */
export function handlingSettings<M>(options: ConsumeOptions<M>): HandlingSettings {
  const { mode = "at-least-once", reset = "earliest", topics, assign } = options;
  if (!MODES.includes(mode)) throw new TypeError(`mode is ${JSON.stringify(mode)}, not one of ${MODES.join(", ")}`);
  if ((topics === undefined) === (assign === undefined))
    throw new TypeError(
      "either topics or assign must be given, and not both: a consumer is a member of its group or it is not",
    );
  if (assign !== undefined) checkAssign(assign);
  if (typeof options.handle !== "function") throw new TypeError("handle is no function");
  for (const name of ["topics", "fetch", "bounds"] as const)
    if (typeof options.source?.[name] !== "function") throw new TypeError(`source.${name} is no function`);
  if (options.start !== undefined && mode !== "external")
    throw new TypeError(`start is for the mode external, not for ${mode}`);
  checkReset(reset);
  return {
    mode,
    reset,
    concurrency: whole("concurrency", options.concurrency ?? 1),
    commitIntervalMs: positive("commitIntervalMs", options.commitIntervalMs ?? COMMIT_INTERVAL_MS),
    commitEvery: whole("commitEvery", options.commitEvery ?? COMMIT_EVERY),
    rebalanceTimeoutMs: positive("rebalanceTimeoutMs", options.rebalanceTimeoutMs ?? REBALANCE_TIMEOUT_MS),
    handlerTimeoutMs: positive("handlerTimeoutMs", options.handlerTimeoutMs ?? HANDLER_TIMEOUT_MS),
  };
}

function checkAssign(assign: NonNullable<ConsumeOptions<unknown>["assign"]>): void {
  if (assign.length === 0 || assign.length > ASSIGN_MAX)
    throw new RangeError(`assign: ${assign.length} partitions, but there must be 1 to ${ASSIGN_MAX}`);
  const seen = new Set<string>();
  for (const [at, { topic, partition }] of assign.entries()) {
    if (typeof topic !== "string" || topic === "") throw new TypeError(`assign[${at}].topic is no name`);
    if (!Number.isSafeInteger(partition) || partition < 0)
      throw new RangeError(`assign[${at}].partition is ${partition}, not a number of a partition`);
    const key = `${topic}/${partition}`;
    if (seen.has(key)) throw new RangeError(`assign[${at}]: ${key} is there twice`);
    seen.add(key);
  }
}

function checkReset(reset: Reset): void {
  if (reset === "earliest" || reset === "latest" || reset === "none") return;
  if (typeof reset !== "object" || reset === null || !Number.isFinite(reset.atMs))
    throw new TypeError(`reset is ${JSON.stringify(reset)}, not earliest, latest, none or { atMs }`);
}

function whole(what: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new RangeError(`${what} is ${value}, but must be a whole number greater than 0`);
}

function positive(what: string, value: number): number {
  if (value > 0) return value;
  throw new RangeError(`${what} is ${value}, but must be greater than 0`);
}

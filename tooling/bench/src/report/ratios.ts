/**
 * Corral against the others: ratios of what was measured in the same round, their median and their spread, and what they
 * are worth. A ratio is a claim about servers only where neither generator was the limit.
 */
import type { Workload } from "../generator/job.ts";
import type { Shape } from "../run/scale.ts";
import { type Spread, spreadOf } from "./numbers.ts";
import type { Client, Measurement, Results, SystemName, Throughput } from "./results.ts";

/** Of one core, by a generator of one thread. */
const CORE_SHARE_FULL = 0.95;
/** Of the machine, by server and generator together. */
const MACHINE_SHARE_FULL = 0.95;

/**
 * What is known of the true ratio: `exact`; at least or at most what was measured, because Corral's generator could not do
 * more; or nothing, because the other's could not.
 */
export type Worth = "exact" | "at least" | "at most" | "no claim";

export interface Ratio extends Spread {
  readonly worth: Worth;
}

export type OtherName = Exclude<SystemName, "corral">;
/** A client of another system: its name as a variant. */
export type OtherClient = OtherName | "etcd-serializable";

const SYSTEM_OF: Readonly<Record<OtherClient, OtherName>> = {
  zookeeper: "zookeeper",
  etcd: "etcd",
  "etcd-serializable": "etcd",
};

/**
 * Whether the generator was the limit: with one thread, when that had no time left; with several, when the machine had none
 * left and the generator had taken more of it than the server.
 */
export function isSaturated(measured: Measurement, processorsMax: number | null, machineCores: number): boolean {
  const generator = measured.generatorCpu / measured.sampledSeconds;
  if (processorsMax === 1) return generator >= CORE_SHARE_FULL;
  const server = measured.serverCpu / measured.sampledSeconds;
  return server + generator >= MACHINE_SHARE_FULL * machineCores && generator > server;
}

export function saturated(results: Results, measured: Measurement & Client): boolean {
  const facts = results.systems.find(({ name }) => name === measured.system);
  const client = facts?.clients.find(({ variant }) => variant === measured.variant);
  return isSaturated(measured, client?.processorsMax ?? null, results.machine.cores);
}

export function rowsOf(
  results: Results,
  system: SystemName,
  variant: string,
  workload: Workload,
  [connections, inFlight, place]: Shape,
): readonly Throughput[] {
  return results.throughput.filter(
    (row) =>
      row.system === system &&
      row.variant === variant &&
      row.workload === workload &&
      row.connections === connections &&
      row.inFlight === inFlight &&
      row.place === place,
  );
}

export type Figure = "throughput" | "p50" | "server CPU";

const VALUE: Readonly<Record<Figure, (row: Throughput) => number | undefined>> = {
  throughput: (row) => row.operations / row.seconds,
  p50: (row) => row.latencies?.p50,
  "server CPU": (row) => (row.operations === 0 ? undefined : row.serverCpu / row.operations),
};

/** Corral's figure divided by the other's, round by round. */
export function ratioOf(
  results: Results,
  figure: Figure,
  variant: string,
  other: OtherClient,
  workload: Workload,
  shape: Shape,
): Ratio | undefined {
  const own = rowsOf(results, "corral", variant, workload, shape);
  const pairs = own.flatMap((row) => {
    const beside = rowsOf(results, SYSTEM_OF[other], other, workload, shape).find(({ round }) => round === row.round);
    return beside === undefined ? [] : [[row, beside] as const];
  });
  const values = pairs.flatMap(([a, b]) => quotient(VALUE[figure](a), VALUE[figure](b)));
  const spread = spreadOf(values);
  if (spread === undefined) return undefined;
  // What a server takes for an operation does not depend on how many it is asked for.
  if (figure === "server CPU") return { ...spread, worth: "exact" };
  const ownFull = pairs.some(([row]) => saturated(results, row));
  const otherFull = pairs.some(([, row]) => saturated(results, row));
  return { ...spread, worth: worthOf(ownFull, otherFull, figure === "throughput") };
}

/** `moreIsBetter`: of the figure that the ratio is of. */
export function worthOf(ownFull: boolean, otherFull: boolean, moreIsBetter: boolean): Worth {
  if (otherFull) return "no claim";
  if (!ownFull) return "exact";
  return moreIsBetter ? "at least" : "at most";
}

/** Of figures that were taken in no common rounds: the medians' ratio, and the widest that their spreads allow. */
export function ratioOfSpreads(own: Spread | undefined, other: Spread | undefined, worth: Worth): Ratio | undefined {
  if (own === undefined || other === undefined || other.min <= 0 || own.min <= 0) return undefined;
  return { median: own.median / other.median, min: own.min / other.max, max: own.max / other.min, worth };
}

function quotient(a: number | undefined, b: number | undefined): number[] {
  return a === undefined || b === undefined || b === 0 || a === 0 ? [] : [a / b];
}

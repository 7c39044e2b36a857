/** What was aimed at before anything was measured, and whether it was reached. Says no more than the figures are worth. */
import type { Workload } from "../generator/job.ts";
import { BULK, LONE, LONE_ON_ONE_CORE } from "../run/scale.ts";
import { type Spread, spreadOf } from "./numbers.ts";
import { type OtherClient, type OtherName, type Ratio, ratioOf, ratioOfSpreads, saturated, worthOf } from "./ratios.ts";
import type { FanOut, Results, SystemName } from "./results.ts";

export type Verdict = "reached" | "missed" | "no claim" | "not measured";

export interface Judged {
  readonly measure: string;
  /** Against whom; undefined: Corral against itself. */
  readonly other: OtherClient | undefined;
  /** Client of Corral. */
  readonly variant: string;
  readonly atLeast: boolean;
  readonly bound: number;
  readonly ratio: Ratio | undefined;
  /** Of the server's CPU for one operation: says something also where the generator was the limit. */
  readonly serverCpu: Ratio | undefined;
  readonly verdict: Verdict;
}

/** Clients of Corral that each target of throughput and latency is held to. */
const VARIANTS: readonly string[] = ["sdk", "wire"];
/** The first was aimed at. Beside it, with the same bounds, the same load where no core has to be woken up for it. */
const LONE_SHAPES = [
  ["1 × 1", LONE],
  ["1 × 1 on one core", LONE_ON_ONE_CORE],
] as const;

type Bounds = Readonly<Partial<Record<OtherClient, number>>>;

const THROUGHPUT: readonly (readonly [Workload, Bounds])[] = [
  ["get", { zookeeper: 6, etcd: 30, "etcd-serializable": 30 }],
  ["set", { zookeeper: 4, etcd: 15 }],
  ["mix", { zookeeper: 5 }],
  ["ephemeral", { zookeeper: 4 }],
];
const LATENCY: readonly (readonly [Workload, Bounds])[] = [
  ["get", { zookeeper: 0.6, etcd: 0.3, "etcd-serializable": 0.3 }],
  ["set", { zookeeper: 0.85, etcd: 0.6 }],
];
/** Sizes that a cost is compared between: the first and the last. */
const COST_BOUND = 1.3;
const SNAPSHOT_BOUND = 2;

export function judge(results: Results): readonly Judged[] {
  const others = (bounds: Bounds): readonly (readonly [OtherClient, number])[] =>
    Object.entries(bounds) as [OtherClient, number][];
  const held = (
    measure: string,
    other: OtherClient | undefined,
    variant: string,
    atLeast: boolean,
    bound: number,
    ratio: Ratio | undefined,
    serverCpu?: Ratio,
  ): Judged => {
    const verdict = results.quick && ratio !== undefined ? "no claim" : verdictOf(ratio, atLeast, bound);
    return { measure, other, variant, atLeast, bound, ratio, serverCpu, verdict };
  };
  const judged: Judged[] = [];
  for (const [workload, bounds] of THROUGHPUT) {
    for (const [other, bound] of others(bounds)) {
      for (const variant of VARIANTS) {
        const ratio = ratioOf(results, "throughput", variant, other, workload, BULK);
        const cpu = ratioOf(results, "server CPU", variant, other, workload, BULK);
        judged.push(held(`${workload}, 32 × 64, throughput`, other, variant, true, bound, ratio, cpu));
      }
    }
  }
  for (const [workload, bounds] of LATENCY) {
    for (const [other, bound] of others(bounds)) {
      for (const variant of VARIANTS) {
        for (const [title, shape] of LONE_SHAPES) {
          const ratio = ratioOf(results, "p50", variant, other, workload, shape);
          const cpu = ratioOf(results, "server CPU", variant, other, workload, shape);
          judged.push(held(`${workload}, ${title}, p50`, other, variant, false, bound, ratio, cpu));
        }
      }
    }
  }
  const plain = (
    measure: string,
    other: OtherName | undefined,
    bound: number,
    ratio: Ratio | undefined,
    serverCpu?: Ratio,
  ): void => {
    judged.push(held(measure, other, plainVariantOf(results), false, bound, ratio, serverCpu));
  };
  const fanOut = results.fanOut.find(({ system, znodes }) => system === "corral" && znodes === 1);
  const watchers = (fanOut?.watchers ?? 10_000).toLocaleString("en");
  plain(
    `fan-out, ${watchers} watchers, until the last is told`,
    "zookeeper",
    0.4,
    fanOutRatio(results, "zookeeper", 1),
    fanOutCpuRatio(results, "zookeeper", 1),
  );
  const znodes = biggest(results).toLocaleString("en");
  for (const other of ["zookeeper", "etcd"] as const) {
    plain(`resident memory, ${znodes} znodes`, other, 0.5, memoryRatio(results, other));
    // A heap that was given much has grown in filling: after a restart it holds what it needs.
    plain(`resident memory, ${znodes} znodes, after a restart`, other, 0.5, restartedMemoryRatio(results, other));
  }
  plain(`restart until the first read, ${znodes} znodes`, "zookeeper", 0.5, restartRatio(results, "zookeeper"));
  plain("p99 during snapshots, to p99 without", undefined, SNAPSHOT_BOUND, snapshotRatio(results, "corral", "p99"));
  for (const workload of ["get", "set"] as const) {
    plain(
      `cost of a ${workload}, largest tree to smallest`,
      undefined,
      COST_BOUND,
      costRatio(results, "corral", workload),
    );
  }
  const sessions = (results.sessions[0]?.count ?? 10_000).toLocaleString("en");
  plain(`resident memory, ${sessions} sessions`, "zookeeper", 0.5, sessionRatio(results, "zookeeper"));
  return judged;
}

export function verdictOf(ratio: Ratio | undefined, atLeast: boolean, bound: number): Verdict {
  if (ratio === undefined) return "not measured";
  if (ratio.worth === "no claim") return "no claim";
  // One that is a bound on the better side can only be better: when it misses, it is not excused by that.
  return (atLeast ? ratio.median >= bound : ratio.median <= bound) ? "reached" : "missed";
}

function fanOutOf(results: Results, system: SystemName, znodes: number): FanOut | undefined {
  return results.fanOut.find((row) => row.system === system && row.znodes === znodes);
}

/** Of the servers, for each watcher that is told: needs no mark, whatever the generators could do. */
function fanOutCpuRatio(results: Results, other: OtherName, znodes: number): Ratio | undefined {
  const of = (system: SystemName): number | undefined => {
    const row = fanOutOf(results, system, znodes);
    return row === undefined ? undefined : row.serverCpu / (row.watchers * row.rounds.length);
  };
  return ratioOfSpreads(lone(of("corral")), lone(of(other)), "exact");
}

function fanOutRatio(results: Results, other: OtherName, znodes: number): Ratio | undefined {
  const own = fanOutOf(results, "corral", znodes);
  const beside = fanOutOf(results, other, znodes);
  if (own === undefined || beside === undefined) return undefined;
  const worth = worthOf(saturated(results, own), saturated(results, beside), false);
  return ratioOfSpreads(spreadOf(own.rounds), spreadOf(beside.rounds), worth);
}

function memoryRatio(results: Results, other: OtherName): Ratio | undefined {
  const of = (system: SystemName) =>
    results.sizes.find((row) => row.system === system && row.znodes === biggest(results))?.rss;
  return ratioOfSpreads(lone(of("corral")), lone(of(other)), "exact");
}

function restartedMemoryRatio(results: Results, other: OtherName): Ratio | undefined {
  const of = (system: SystemName) => results.restarts.find((row) => row.system === system)?.rss;
  return ratioOfSpreads(lone(of("corral")), lone(of(other)), "exact");
}

function restartRatio(results: Results, other: OtherName): Ratio | undefined {
  const of = (system: SystemName): Spread | undefined =>
    spreadOf(results.restarts.find((row) => row.system === system)?.seconds ?? []);
  return ratioOfSpreads(of("corral"), of(other), "exact");
}

function sessionRatio(results: Results, other: OtherName): Ratio | undefined {
  // All that the server holds: what a heap grew by is not what its sessions take.
  const of = (system: SystemName): number | undefined =>
    results.sessions.find((sessions) => sessions.system === system)?.rssAfter;
  return ratioOfSpreads(lone(of("corral")), lone(of(other)), "exact");
}

/** Of each pair of loads: with snapshots, to without. */
export function snapshotRatio(results: Results, system: SystemName, of: "p99" | "p999"): Ratio | undefined {
  const rows = results.snapshots.filter((row) => row.system === system);
  const values = rows.flatMap((row) => {
    if (row.snapshots === 0) return [];
    const without = rows.find(({ pair, snapshots }) => pair === row.pair && snapshots === 0)?.latencies?.[of];
    const during = row.latencies?.[of];
    return without === undefined || during === undefined || without === 0 ? [] : [during / without];
  });
  const spread = spreadOf(values);
  return spread === undefined ? undefined : { ...spread, worth: "exact" };
}

/** CPU of the server for one operation on the largest tree, to that on the smallest; of several loads, their medians. */
export function costRatio(results: Results, system: SystemName, workload: Workload): Ratio | undefined {
  const rows = results.sizes.filter((row) => row.system === system);
  const cost = (row: Results["sizes"][number] | undefined): Spread | undefined => {
    const loads = (row?.loads ?? []).filter((load) => load.workload === workload && load.operations > 0);
    return spreadOf(loads.map((load) => load.serverCpu / load.operations));
  };
  return rows.length < 2 ? undefined : ratioOfSpreads(cost(rows.at(-1)), cost(rows[0]), "exact");
}

export function biggest(results: Results): number {
  return Math.max(0, ...results.sizes.map(({ znodes }) => znodes)) || 1_000_000;
}

function plainVariantOf(results: Results): string {
  const rows = [...results.sizes, ...results.fanOut, ...results.sessions, ...results.snapshots];
  return rows.find(({ system }) => system === "corral")?.variant ?? "wire";
}

function lone(value: number | undefined): Spread | undefined {
  return value === undefined ? undefined : spreadOf([value]);
}

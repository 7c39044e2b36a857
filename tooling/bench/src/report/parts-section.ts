/** What many connections, many znodes and snapshots cost. */
import { cpuMicros, kilobytes, median, megabytes, micros, percent, rate, seconds } from "./numbers.ts";
import { BULK_WORKLOADS } from "../run/scale.ts";
import { saturated } from "./ratios.ts";
import type { Results, SystemName } from "./results.ts";
import { NOTHING, clientTitle, ratioText, table } from "./tables.ts";
import { biggest, costRatio, snapshotRatio } from "./targets.ts";

export function connectionsSection(results: Results): string {
  const count = (n: number): string => n.toLocaleString("en");
  const fanOut = results.fanOut.map((row) => [
    clientTitle(row.system, row.variant),
    count(row.watchers),
    count(row.znodes),
    seconds(median(row.rounds)),
    `${seconds(Math.min(...row.rounds))}–${seconds(Math.max(...row.rounds))}`,
    cpuMicros((row.serverCpu / (row.watchers * row.rounds.length)) * 1e6),
    saturated(results, row) ? "yes" : "no",
  ]);
  const sessions = results.sessions.map((row) => [
    clientTitle(row.system, row.variant),
    count(row.count),
    seconds(row.seconds),
    megabytes(row.rssBefore),
    megabytes(row.rssAfter),
    kilobytes((row.rssAfter - row.rssBefore) / row.count),
    percent(row.idleCpu / row.idleSeconds),
  ]);
  return `## Fan-out of watches

Every watcher is a connection of its own. All znodes are set at once, and the time ends when the last watcher was told: median of the rounds (${results.fanOut[0]?.rounds.length ?? 0}). Between
rounds the watches are set again: not in the time, but in the CPU.

${table(["client", "watchers", "znodes", "until the last is told", "from–to", "server CPU, each watcher told", "generator was the limit"], fanOut)}
## Sessions

Opened as fast as the server takes them, each a connection of its own, on a server that has done nothing before. What the memory grew by is
no measure of a session where a heap grows in steps of its own; what the server holds in all is. Idle: every session keeps itself alive and asks nothing; percent of one core.

${table(["client", "sessions", "opened in", "resident before", "resident after", "grown by, a session", "idle CPU"], sessions)}`;
}

export function sizeSection(results: Results): string {
  const sizes = results.sizes.map((row) => {
    const cells = BULK_WORKLOADS.flatMap((workload) => {
      const loads = row.loads.filter((load) => load.workload === workload);
      if (loads.length === 0) return [NOTHING, NOTHING, NOTHING];
      const p50s = loads.flatMap(({ latencies }) => latencies?.p50 ?? []);
      return [
        rate(median(loads.map((load) => load.operations / load.seconds))),
        p50s.length === 0 ? NOTHING : micros(median(p50s)),
        cpuMicros(median(loads.map((load) => (load.serverCpu / load.operations) * 1e6))),
      ];
    });
    const znodes = row.znodes.toLocaleString("en");
    return [clientTitle(row.system, row.variant), znodes, seconds(row.fillSeconds), megabytes(row.rss), ...cells];
  });
  const costs = systemsOf(results.sizes).map((system) => [
    clientTitle(system, system),
    ratioText(costRatio(results, system, "get")),
    ratioText(costRatio(results, system, "set")),
  ]);
  const restarts = results.restarts.map((row) => [
    clientTitle(row.system, row.variant),
    row.znodes.toLocaleString("en"),
    seconds(median(row.seconds)),
    `${seconds(Math.min(...row.seconds))}–${seconds(Math.max(...row.seconds))}`,
    megabytes(row.rss),
  ]);
  const head = [
    "client",
    "znodes",
    "filled in",
    "resident",
    "get ops/s",
    "p50",
    "server CPU/op",
    "set ops/s",
    "p50",
    "server CPU/op",
  ];
  return `## Size of the tree

Filled step by step with znodes of 100 bytes, a thousand under each parent. The time is that of one step. At each size, 32 × 64 gets and then sets, spread evenly over all of
them, several times in turn: medians. The servers have their default snapshot settings, so that a snapshot may come in one of these loads; the medians do not let it decide.

${table(head, sizes)}
Server CPU for one operation on the largest tree, to that on the smallest:

${table(["system", "get", "set"], costs)}
## Restart

kill -9, and at once started again: until the first read is answered.

${table(["client", "znodes", "median", "from–to", "resident after"], restarts)}`;
}

export function snapshotSection(results: Results): string {
  const rows = results.snapshots.map((row) => {
    const latency = (at: "p50" | "p99" | "p999" | "max"): string =>
      row.latencies === undefined ? NOTHING : micros(row.latencies[at]);
    return [
      clientTitle(row.system, row.variant),
      String(row.pair),
      row.snapshots === 0 ? "none" : String(row.snapshots),
      rate(row.operations / row.seconds),
      latency("p50"),
      latency("p99"),
      latency("p999"),
      latency("max"),
    ];
  });
  const ratios = systemsOf(results.snapshots).map((system) => [
    clientTitle(system, system),
    ratioText(snapshotRatio(results, system, "p99")),
    ratioText(snapshotRatio(results, system, "p999")),
  ]);
  return `## While snapshots are written

${biggest(results).toLocaleString("en")} znodes, 8 × 1, nine gets and a set in turn; once as it is by default, when no snapshot came, and once with so few writes between snapshots that one follows
the other. Counted are new snapshot files while the load ran. etcd has no such snapshots.

${table(["client", "pair", "snapshots", "ops/s", "p50", "p99", "p99.9", "max"], rows)}
With snapshots, to without:

${table(["system", "p99", "p99.9"], ratios)}`;
}

function systemsOf(rows: readonly { readonly system: SystemName }[]): SystemName[] {
  return [...new Set(rows.map(({ system }) => system))];
}

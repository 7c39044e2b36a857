/** Throughput and latency of every workload, shape and client; and Corral against each of the others. */
import { WORKLOADS, type Workload } from "../generator/job.ts";
import { BULK, SHAPES, type Shape } from "../run/scale.ts";
import { cores, cpuMicros, median, micros, rate } from "./numbers.ts";
import { type OtherClient, ratioOf, rowsOf, saturated } from "./ratios.ts";
import { type Results, SYSTEM_NAMES, type SystemName, type Throughput } from "./results.ts";
import { NOTHING, TITLES, clientTitle, ratioText, table } from "./tables.ts";

const WORKLOAD_TITLES: Readonly<Record<Workload, string>> = {
  get: "get 100 bytes",
  set: "set 100 bytes, durable",
  mix: "mix, nine gets and a set",
  ephemeral: "create and delete an ephemeral, one operation",
  multi: "multi of ten sets, one operation",
};

export function throughputSection(results: Results): string {
  const head = [
    "client",
    "in flight",
    "ops/s",
    "p50",
    "p99",
    "p99.9",
    "server cores",
    "client cores",
    "server CPU/op",
    "client CPU/op",
  ];
  const tables = WORKLOADS.map((workload) => {
    const rows = clientsOf(results).flatMap(([system, variant]) =>
      SHAPES.flatMap((shape) => {
        const measured = rowsOf(results, system, variant, workload, shape);
        return measured.length === 0 ? [] : [rowOf(results, clientTitle(system, variant), shape, measured)];
      }),
    );
    return `### ${WORKLOAD_TITLES[workload]}\n\n${table(head, rows)}`;
  });
  return `## Throughput, latency and CPU

Medians of the rounds (${results.rounds}), the systems in turn in each. \`wire-single\` sends one request a frame; with one in flight on each connection \`wire\` does that
too. "*": this generator had no CPU time left and was the limit. CPU of one operation, server and client, is what remains comparable then.

A lone operation that crosses from one core to another and back waits twice for an idle core to wake up; on a virtual machine that can take longer than the operation, and differs
with where the scheduler puts each thread. In "1 × 1, one core" all threads of server and client share one core and nobody has to be woken up on another: what is left is the work of the
two and, for a set, the disk.

${tables.join("\n")}
### Corral against the others

Ratio of operations a second, Corral's to the other's; and of the server's CPU for one operation, where less than 1 is better.

${ratios(results)}`;
}

function clientsOf(results: Results): readonly (readonly [SystemName, string])[] {
  return SYSTEM_NAMES.flatMap((system) => {
    const variants = new Set(results.throughput.filter((row) => row.system === system).map(({ variant }) => variant));
    return [...variants].toSorted().map((variant) => [system, variant] as const);
  });
}

function rowOf(results: Results, title: string, shape: Shape, rows: readonly Throughput[]): string[] {
  const of = (value: (row: Throughput) => number): number => median(rows.map(value));
  const latencies = rows.flatMap(({ latencies: found }) => (found === undefined ? [] : [found]));
  const latency = (at: "p50" | "p99" | "p999"): string =>
    latencies.length === 0 ? NOTHING : micros(median(latencies.map((found) => found[at])));
  const full = rows.some((row) => saturated(results, row)) ? "*" : "";
  return [
    title,
    shapeText(shape),
    rate(of((row) => row.operations / row.seconds)),
    latency("p50"),
    latency("p99"),
    latency("p999"),
    cores(of((row) => row.serverCpu / row.sampledSeconds)),
    `${cores(of((row) => row.generatorCpu / row.sampledSeconds))}${full}`,
    cpuMicros(of((row) => (row.serverCpu / row.operations) * 1e6)),
    cpuMicros(of((row) => (row.generatorCpu / row.operations) * 1e6)),
  ];
}

function shapeText([connections, inFlight, place]: Shape): string {
  return `${connections} × ${inFlight}${place === undefined ? "" : `, ${place}`}`;
}

function ratios(results: Results): string {
  const others: readonly OtherClient[] = ["zookeeper", "etcd", "etcd-serializable"];
  const variants = clientsOf(results).filter(([system]) => system === "corral");
  const rows = WORKLOADS.flatMap((workload) =>
    SHAPES.flatMap((shape) =>
      variants.flatMap(([, variant]) => {
        const cells = others.flatMap((other) => [
          ratioText(ratioOf(results, "throughput", variant, other, workload, shape)),
          ratioText(ratioOf(results, "server CPU", variant, other, workload, shape)),
        ]);
        const isEmpty = cells.every((cell) => cell === NOTHING);
        return isEmpty ? [] : [[`${workload}, ${shapeText(shape)}, ${variant}`, ...cells]];
      }),
    ),
  );
  const head = others.flatMap((other) => [`ops/s to ${TITLES[other]}`, `server CPU to ${TITLES[other]}`]);
  return table(["workload, in flight, client", ...head], rows);
}

/** Of a client under bulk load, or lone: for the chart and the floors. */
export function medianOf(
  results: Results,
  system: SystemName,
  variant: string,
  workload: Workload,
  value: (row: Throughput) => number | undefined,
  shape: Shape = BULK,
): number | undefined {
  const values = rowsOf(results, system, variant, workload, shape).flatMap((row) => value(row) ?? []);
  return values.length === 0 ? undefined : median(values);
}

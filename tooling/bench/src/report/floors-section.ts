/** The floors of the machine, and how far Corral is from them. */
import { cpuMicros, micros, rate, times } from "./numbers.ts";
import type { Floor, FloorName, Results } from "./results.ts";
import { NOTHING, table } from "./tables.ts";
import { medianOf } from "./throughput-section.ts";

const TITLES: Readonly<Record<FloorName, string>> = {
  "disk-sync-write": "append of 4 KiB into a file that is long enough, one synced write (O_DSYNC), as the log does it",
  "disk-write-fdatasync": "the same as a write and an fdatasync",
  "echo-1x1": "WebSocket echo of a get's bytes, 1 × 1",
  "echo-32x64-single": "WebSocket echo, 32 × 64, one a frame",
  "echo-32x64-batched": "WebSocket echo, 32 × 64, 64 a frame",
  "msgpackr-encode": "msgpackr encodes the reply to a get, one core",
  "msgpackr-decode": "msgpackr decodes the reply to a get, one core",
};

export function floorsSection(results: Results): string {
  const rows = results.floors.map((floor) => [
    TITLES[floor.name],
    rate(floor.operations / floor.seconds),
    floor.latencies === undefined ? NOTHING : micros(floor.latencies.p50),
    floor.latencies === undefined ? NOTHING : micros(floor.latencies.p99),
    floor.serverCpu === undefined ? NOTHING : cpuMicros((floor.serverCpu / floor.operations) * 1e6),
  ]);
  return `## The floor

What disk, socket and codec of this machine take by themselves, in Node, with nothing of Corral around them. The echo is two processes on ws; it answers bytes that it
made before and reads nothing of what it gets. Latency of the batched echo is that of a frame.

${table(["floor", "ops/s", "p50", "p99", "answering side's CPU/op"], rows)}
The distance of Corral to it:

${table(["measure", "floor", "sdk", "wire"], distances(results))}`;
}

/** A lone durable set cannot be faster than its bytes' way and the disk's sync; a get not faster than its bytes' way. */
function distances(results: Results): string[][] {
  const of = (name: FloorName): Floor | undefined => results.floors.find((floor) => floor.name === name);
  const p50 = (name: FloorName): number | undefined => of(name)?.latencies?.p50;
  const perSecond = (name: FloorName): number | undefined => quotient(of(name)?.operations, of(name)?.seconds);
  const cpu = (name: FloorName): number | undefined => {
    const floor = of(name);
    return floor?.serverCpu === undefined ? undefined : (floor.serverCpu / floor.operations) * 1e6;
  };
  const lone = (workload: "get" | "set") => (variant: string) =>
    medianOf(results, "corral", variant, workload, ({ latencies }) => latencies?.p50, [1, 1]);
  const echo = p50("echo-1x1");
  const disk = p50("disk-sync-write");
  return [
    row("get, 1 × 1, p50", "lone echo", echo, lone("get"), micros),
    row("set, 1 × 1, p50", "lone echo and a synced write", sum(echo, disk), lone("set"), micros),
    row(
      "get, 32 × 64, ops/s",
      "batched echo",
      perSecond("echo-32x64-batched"),
      (variant) => medianOf(results, "corral", variant, "get", ({ operations, seconds }) => operations / seconds),
      rate,
    ),
    row(
      "get, 32 × 64, server CPU",
      "batched echo",
      cpu("echo-32x64-batched"),
      (variant) => medianOf(results, "corral", variant, "get", (one) => (one.serverCpu / one.operations) * 1e6),
      cpuMicros,
    ),
  ];
}

function row(
  measure: string,
  what: string,
  floor: number | undefined,
  own: (variant: string) => number | undefined,
  text: (value: number) => string,
): string[] {
  const cell = (variant: string): string => {
    const value = own(variant);
    if (value === undefined) return NOTHING;
    const share = quotient(value, floor);
    return share === undefined ? text(value) : `${text(value)}, ${times(share)}`;
  };
  return [measure, floor === undefined ? `${what}: ${NOTHING}` : `${what}: ${text(floor)}`, cell("sdk"), cell("wire")];
}

function sum(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a + b;
}

function quotient(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined || b === 0 ? undefined : a / b;
}

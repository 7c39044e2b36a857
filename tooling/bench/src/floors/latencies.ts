/** Percentiles of many latencies. Keeps each one: what it measures lasts seconds. */
import type { Latencies } from "../generator/job.ts";

export function latenciesOf(micros: number[]): Latencies {
  const sorted = Float64Array.from(micros).sort();
  const at = (share: number): number =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!);
  return { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1) };
}

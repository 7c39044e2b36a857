/** Medians, spreads, and numbers as people read them. Knows nothing of what they count. */

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Of an even count: the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("nothing has no median");
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

export function spreadOf(values: readonly number[]): Spread | undefined {
  if (values.length === 0) return undefined;
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/** Three digits that count, and no more; of very little, one. */
function digits(value: number): string {
  const size = Math.abs(value);
  if (size >= 100) return Math.round(value).toLocaleString("en");
  if (size >= 10) return value.toFixed(1);
  return size >= 0.1 || size === 0 ? value.toFixed(2) : value.toPrecision(1);
}

export function rate(perSecond: number): string {
  return perSecond >= 1_000 ? `${digits(perSecond / 1_000)} k` : String(Math.round(perSecond));
}

export function micros(value: number): string {
  return value >= 1_000 ? `${digits(value / 1_000)} ms` : `${Math.round(value)} µs`;
}

/** CPU of one operation: little enough for digits behind the point. */
export function cpuMicros(value: number): string {
  return `${digits(value)} µs`;
}

export function seconds(value: number): string {
  return value >= 1 ? `${digits(value)} s` : `${digits(value * 1_000)} ms`;
}

export function megabytes(bytes: number): string {
  return bytes >= 1e9 ? `${digits(bytes / 1e9)} GB` : `${digits(bytes / 1e6)} MB`;
}

export function kilobytes(bytes: number): string {
  return `${digits(bytes / 1e3)} kB`;
}

export function cores(value: number): string {
  return value.toFixed(2);
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
}

export function times(value: number): string {
  return `${digits(value)} ×`;
}

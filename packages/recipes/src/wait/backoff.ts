/** Pauses between tries: random, so that many who failed together do not come again together, and longer each time. */
import type { Client } from "@corral/client";

/** Milliseconds before the next try after the `tries`-th, from 1: random between 0 and `firstMs`, doubled each time, up to `maxMs`. */
export function backoffMs({ random }: Client, tries: number, firstMs: number, maxMs: number): number {
  const [a, b] = random(2) as unknown as [number, number];
  return (Math.min(firstMs * 2 ** (tries - 1), maxMs) * (a * 256 + b)) / 65_536;
}

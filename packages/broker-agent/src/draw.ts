/** What is left to chance. */
import type { Random } from "@corral/client";

/** A whole number from 0 to `below` − 1. */
export function drawBelow(random: Random, below: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = random(4);
  return (((a << 24) | (b << 16) | (c << 8) | d) >>> 0) % below;
}

/** 128 bits as text: never the same twice. */
export function drawName(random: Random): string {
  return Array.from(random(16), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

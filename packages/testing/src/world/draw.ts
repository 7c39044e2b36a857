/**
 * Random numbers from a seed. Each part of the world draws from a stream of its own, so that one more draw here does not
 * change what happens there.
 */

/** Uniform in [0, 1). */
export type Draw = () => number;

/** A stream of draws (mulberry32) named within a seed: the same seed and name give the same draws. */
export function drawFrom(seed: number, name = ""): Draw {
  let state = seed >>> 0;
  for (let i = 0; i < name.length; i++) state = Math.imul(state ^ name.charCodeAt(i), 0x0100_0193) >>> 0;
  return () => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** An integer from `least` to `most`, both included. */
export const between = (draw: Draw, least: number, most: number): number =>
  least + Math.floor(draw() * (most - least + 1));

/** One of these. */
export const oneOf = <T>(draw: Draw, choices: readonly T[]): T => choices[Math.floor(draw() * choices.length)]!;

/** So many bytes, where unpredictable ones are wanted. */
export const bytesOf = (draw: Draw, length: number): Uint8Array =>
  Uint8Array.from({ length }, () => Math.floor(draw() * 256));

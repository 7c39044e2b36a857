/** The platform's clocks and random bytes: what Node and browsers have in common. */
import type { Clock, Random } from "./world.ts";

/** Platforms take a longer time for none at all. */
const TIMER_MAX_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  setTimeout: (fn, ms) => {
    const timer = setTimeout(fn, Math.min(ms, TIMER_MAX_MS));
    return () => {
      clearTimeout(timer);
    };
  },
};

export const systemRandom: Random = (bytes) => crypto.getRandomValues(new Uint8Array(bytes));

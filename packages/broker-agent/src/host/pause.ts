/** Waiting that ends early, and without an error, when there is nothing to wait for any more. */
import type { Clock } from "@corral/client";

/** Resolves after so many milliseconds, or when the signal aborts. Leaves no timer behind. */
export function pauseFor(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const over = (): void => {
      cancel();
      signal.removeEventListener("abort", over);
      resolve();
    };
    const cancel = clock.setTimeout(over, ms);
    signal.addEventListener("abort", over);
  });
}

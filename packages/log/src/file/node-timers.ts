/** Node's timers. They never keep the process alive. */

import type { Timers } from "./timers.ts";

export const nodeTimers: Timers = {
  now: () => Date.now(),
  after(milliseconds, callback) {
    const timer = setTimeout(callback, milliseconds).unref();
    return () => clearTimeout(timer);
  },
};

/** The shortest of them: a lock, waited for. */
import { expect } from "vitest";
import type { Held } from "../../../src/index.ts";
import { lock } from "../../../src/lock.ts";
import type { Scenario } from "../scenario.ts";

export const scenarios: readonly Scenario[] = [
  {
    name: "first: a lock that is held by another is waited for and released",
    prepare: ({ other }) => lock(other, "/locks/a").acquire(),
    async act({ subject, signal }, prepared) {
      const held = prepared as Held;
      const waiting = lock(subject, "/locks/a").acquire({ signal, onWait: () => void held.release() });
      await using mine = await waiting;
      return mine.token;
    },
    async settled({ other, eventually }, _outcome, prepared) {
      // It may never have been waited for.
      await eventually((prepared as Held).release());
      expect(await lock(other, "/locks/a").contenders()).toEqual([]);
      await using held = await eventually(lock(other, "/locks/a").acquire(), 1_000);
      expect(held.isValid).toBe(true);
    },
  },
];

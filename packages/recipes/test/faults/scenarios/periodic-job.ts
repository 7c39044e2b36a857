/** A periodic job: one member that runs once and stops. */
import { isCorralError } from "@corral/client";
import { expect } from "vitest";
import { periodicJob } from "../../../src/periodic-job.ts";
import type { Scenario } from "../scenario.ts";

const PATH = "/jobs/report";
const EVERY_MS = 5_000;

export const scenarios: readonly Scenario[] = [
  {
    name: "periodic job: begins a run, runs it to its end, and stops",
    async act({ subject, signal }) {
      const runs: number[] = [];
      const errors: unknown[] = [];
      const job = periodicJob(subject, PATH, {
        everyMs: EVERY_MS,
        identity: "subject",
        run: async ({ at, leadership, signal: stopped }) => {
          runs.push(at);
          const how = { guard: leadership.guard, signal: stopped, timeoutMs: Infinity };
          await subject.create(`${PATH}/done`, null, how).catch((error: unknown) => {
            // A leader may have done it that did not live to learn of it.
            if (!isCorralError(error, "NODE_EXISTS")) throw error;
          });
          void job.stop();
        },
        onError: (error) => errors.push(error),
      });
      signal.addEventListener("abort", () => void job.stop());
      await job.ended;
      expect(errors).toEqual([]);
      for (const [i, at] of runs.slice(1).entries()) expect(at - runs[i]!).toBeGreaterThanOrEqual(EVERY_MS);
      return runs.length;
    },
    async settled({ other, eventually, signal }, outcome) {
      const last = await eventually(other.stat(`${PATH}/last`));
      // Each run was written down before it began; not each that was written down has begun.
      const beginnings = last === undefined ? 0 : last.version + 1;
      if ("value" in outcome) expect(beginnings).toBeGreaterThanOrEqual(outcome.value as number);
      if (!signal.aborted) expect(await eventually(other.exists(`${PATH}/done`))).toBe(true);

      // The next member neither waits for anybody nor runs early.
      const ran: number[] = [];
      const next = periodicJob(other, PATH, {
        everyMs: EVERY_MS,
        run: ({ at }) => void ran.push(at),
        onError: (error) => expect.unreachable(String(error)),
      });
      await eventually(new Promise<void>((resolve) => void other.clock.setTimeout(resolve, EVERY_MS + 500)));
      await eventually(next.stop());
      expect(ran.length).toBeGreaterThanOrEqual(1);
      if (last !== undefined) expect(ran[0]! - last.mtime).toBeGreaterThanOrEqual(EVERY_MS);
      expect(await eventually(other.children(`${PATH}/candidates`).catch(() => []))).toEqual([]);
    },
  },
];

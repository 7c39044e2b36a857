/** A member of a periodic job whose runs are written down. */
import { type Client, isCorralError } from "@corral/client";
import { type PeriodicJob, periodicJob, type PeriodicJobOptions } from "../src/periodic-job.ts";

/** Of the job. */
export const PATH = "/jobs/report";
export const EVERY_MS = 60_000;

/** What has run where. */
export interface Ran {
  readonly by: string;
  /** The server's time. */
  readonly at: number;
  readonly term: number;
}

/** A member whose runs are written down, and whose errors may only be those expected. */
export function member(
  client: Client,
  by: string,
  ran: Ran[],
  options: Partial<PeriodicJobOptions> & { readonly errors?: unknown[] } = {},
): PeriodicJob {
  const { run, errors, ...rest } = options;
  return periodicJob(client, PATH, {
    everyMs: EVERY_MS,
    identity: by,
    onError: (error) => {
      if (errors !== undefined) errors.push(error);
      // The test has ended, and its clients are closed.
      else if (!isCorralError(error, "CLOSED")) throw error;
    },
    ...rest,
    run: (turn) => {
      ran.push({ by, at: turn.at, term: turn.leadership.term });
      return run?.(turn);
    },
  });
}

/** From one beginning to the next, milliseconds. */
export const apart = (ran: readonly Ran[]): number[] => ran.slice(1).map(({ at }, i) => at - ran[i]!.at);

import type { Client } from "@corral/client";
import { periodicJob } from "@corral/recipes";

export async function example(client: Client): Promise<void> {
  // Every member of the cluster says the same; whoever leads runs it, and the others stand by.
  await using job = periodicJob(client, "/jobs/clean-up", {
    everyMs: 3_600_000,
    run: async ({ leadership, at, signal }) => {
      await cleanUp({ before: at, term: leadership.term, signal });
      void job.stop(); // A real one goes on.
    },
    onError: (error) => {
      throw error; // An unhandled rejection; better tell those who watch over this process.
    },
  });
  await job.ended;
}

let greatest = 0; // What the job writes to refuses a term that is smaller than it has seen.

async function cleanUp({ before, term, signal }: { before: number; term: number; signal: AbortSignal }): Promise<void> {
  signal.throwIfAborted();
  if (term < greatest) throw new Error(`of term ${term}, not of ${greatest}: what is older than ${before} stays`);
  greatest = term;
}

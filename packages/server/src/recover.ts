/**
 * Recovery: the newest snapshot that can be trusted, and every batch after it, applied. This is stop 7 alone.
 */
import type { CommittedBatch, Log, Recovered, SnapshotSource } from "@corral/log";
import { Applier, type HistoryLimits, Restorer, State } from "@corral/state-machine";
import { applyAll } from "./engine/steps/commit.ts";

export interface RecoveredState extends Recovered {
  readonly state: State;
}

/** Reads the log into a State. Throws LogError, or UnknownLevel if the log was written by a newer release. */
export async function recover(log: Log, historyLimits?: HistoryLimits): Promise<RecoveredState> {
  let state = new State(historyLimits);
  let applier = new Applier(state);
  const recovered = await log.recover({
    async snapshot(source: SnapshotSource): Promise<void> {
      const restorer = new Restorer(historyLimits);
      for await (const chunk of source.chunks) restorer.write(chunk);
      const restored = restorer.finish();
      if (restored.zxid !== source.zxid)
        throw new Error(`the snapshot holds zxid ${restored.zxid} instead of ${source.zxid}`);
      state = restored;
      applier = new Applier(state);
    },
    batch(batch: CommittedBatch): void {
      const entries = applyAll(applier, batch, state.zxid);
      while (entries.next().done !== true);
    },
  });
  return { ...recovered, state };
}

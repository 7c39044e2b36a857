/** States of the real state machine out of a stored log, entry by entry, and back into a snapshot. */
import type { CommittedBatch, FileLog, RecoveryListener, SnapshotSource } from "@corral/log";
import { Applier, readTxns, Restorer, SnapshotCut, State } from "@corral/state-machine";

/** Before-images that a snapshot may keep, bytes: nothing changes while it is written. */
const IMAGE_BYTES_MAX = 1 << 20;

export async function readBatches(log: FileLog): Promise<readonly CommittedBatch[]> {
  const batches: CommittedBatch[] = [];
  await log.recover({
    snapshot: async ({ chunks }) => void (await restored(chunks)),
    batch: (batch) => void batches.push({ ...batch, body: Uint8Array.from(batch.body) }),
  });
  return batches;
}

/** The state after the entry of that zxid, and no later one. */
export async function stateUpTo(log: FileLog, zxid: number): Promise<State> {
  let state = new State();
  const listener: RecoveryListener = {
    async snapshot(source: SnapshotSource) {
      if (source.zxid > zxid) throw new Error("later than what is wanted");
      state = await restored(source.chunks);
    },
    batch({ firstZxid, timeMs, body, count }) {
      const applier = new Applier(state);
      for (const [index, txn] of readTxns(body, count).entries())
        if (firstZxid + index <= zxid && firstZxid + index > state.zxid) applier.apply(firstZxid + index, timeMs, txn);
    },
  };
  await log.recover(listener);
  return state;
}

export async function storeSnapshot(log: FileLog, state: State): Promise<void> {
  await log.recover({ snapshot: async ({ chunks }) => void (await restored(chunks)), batch: () => {} });
  await log.open({ committed: () => {}, failed: () => {}, space: () => {} });
  const writer = await log.createSnapshot(state.zxid);
  const cut = new SnapshotCut(state, IMAGE_BYTES_MAX);
  for (let piece = cut.next(); piece !== undefined; piece = cut.next()) await writer.write(piece);
  await writer.finish();
  await log.close();
}

async function restored(chunks: AsyncIterable<Uint8Array>): Promise<State> {
  const restorer = new Restorer();
  for await (const chunk of chunks) restorer.write(chunk);
  return restorer.finish();
}

/** Bugs to be built in on purpose, so that each checker can be seen to find one. They stand between the server and its log. */
import type { Batch, CommittedBatch, Log, LogListener } from "@corral/log";

export const PLANTS = ["early-ack", "lost-batch", "twice", "swap"] as const;
export type Plant = (typeof PLANTS)[number];

const ZXIDS_PER_EPOCH = 2 ** 32;

/** The log with a bug. */
export function planted(log: Log, plant: Plant): Log {
  let listener: LogListener | undefined;
  let next = 0;
  let seq = 0;
  let count = 0;
  const wrapped: Log = {
    get clusterId() {
      return log.clusterId;
    },
    get exclusive() {
      return log.exclusive;
    },
    recover: (owner) =>
      log.recover({
        snapshot: (source) => owner.snapshot(source),
        batch(batch) {
          seq = batch.seq;
          return owner.batch(batch);
        },
      }),
    async open(owner) {
      listener = owner;
      await log.open({
        committed: (batch) => deliver(batch),
        failed: (error) => owner.failed(error),
        space: (state) => owner.space(state),
      });
    },
    propose: (batch) => propose(batch),
    createSnapshot: (zxid) => log.createSnapshot(zxid),
    close: () => log.close(),
  };
  const propose = (batch: Batch): void => {
    log.propose(batch);
  };
  const deliver = (batch: CommittedBatch): void => {
    count++;
    next = batch.firstZxid + batch.count;
    seq = batch.seq;
    switch (plant) {
      case "early-ack":
      case "lost-batch":
      case "twice":
      case "swap":
        listener!.committed(batch);
    }
  };
  void [next, seq, count, ZXIDS_PER_EPOCH];
  return wrapped;
}

/** What a broker has on disk: a log of each replica, that outlives its processes. Written at once; on the disk for certain once it is synced. */
import type { PartitionId } from "@corral/broker-agent";
import type { LogRecord } from "../../check/brokers/notes.ts";

/** Records of one log that a death loses at most. */
const LOST_MAX = 15;

export interface ReplicaLog {
  readonly id: PartitionId;
  readonly records: LogRecord[];
  /** So many of them no death can lose. */
  synced: number;
}

export const keyOf = ({ topicId, partition }: Pick<PartitionId, "topicId" | "partition">): string =>
  `${topicId}/${partition}`;

export class Disk {
  readonly logs: Map<string, ReplicaLog> = new Map();

  of(id: PartitionId): ReplicaLog {
    const key = keyOf(id);
    const found = this.logs.get(key) ?? { id, records: [], synced: 0 };
    this.logs.set(key, found);
    return found;
  }

  sync(): void {
    for (const log of this.logs.values()) log.synced = log.records.length;
  }

  /** What a death leaves: of each log the end may be gone. Tells of each how much is. */
  die(draw: () => number): { readonly key: string; readonly records: number }[] {
    return Array.from(this.logs, ([key, { records, synced }]) => {
      const unsynced = Math.max(0, records.length - synced);
      const lost = Math.min(unsynced, Math.floor(draw() * (LOST_MAX + 1)));
      records.length -= lost;
      return { key, records: lost };
    });
  }
}

/** The end of what a log has of epochs up to this one. */
export function endOf(records: readonly LogRecord[], epoch: number): number {
  return records.findLastIndex((record) => record.epoch <= epoch) + 1;
}

/** How one replica comes to have what another has: what is asked, what is answered where the logs part (KIP-101, KIP-320), what becomes of it. */
import type { PartitionId } from "@corral/broker-agent";
import type { LogRecord } from "../../check/brokers/notes.ts";
import type { Plant } from "../../plant.ts";
import { endOf, type ReplicaLog } from "./disk.ts";

export interface Fetch {
  readonly id: PartitionId;
  readonly follower: number;
  readonly brokerEpoch: number;
  readonly leaderEpoch: number;
  readonly offset: number;
  /** Of the record before it; -1 if there is none. */
  readonly lastEpoch: number;
}

export type FetchAnswer =
  | { readonly records: readonly LogRecord[] }
  /** The logs part: the leader has of epochs up to this one so many records. */
  | { readonly epoch: number; readonly end: number };

/** Records of one answer. */
const RECORDS_MAX = 30;

export function compare(
  records: readonly LogRecord[],
  { offset, lastEpoch }: Fetch,
  mistake: Plant | undefined,
): FetchAnswer {
  const end = endOf(records, lastEpoch);
  const epoch = records[end - 1]?.epoch ?? -1;
  const isMistaken = mistake === "host-keeps-what-diverged" || mistake === "host-claims-what-it-has-not";
  if (!isMistaken && (epoch !== lastEpoch || end < offset)) return { epoch, end };
  return { records: records.slice(offset, offset + RECORDS_MAX) };
}

/** True if records were taken away. */
export function take(log: ReplicaLog, answer: FetchAnswer): boolean {
  const { records } = log;
  if ("records" in answer) {
    records.push(...answer.records);
    return false;
  }
  const keep = Math.min(answer.end, endOf(records, answer.epoch));
  const isLess = keep < records.length;
  records.splice(keep);
  log.synced = Math.min(log.synced, keep);
  return isLess;
}

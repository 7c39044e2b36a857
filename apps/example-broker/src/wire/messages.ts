/** The requests of this broker and what they are answered with. Owns the words; who may ask what, and when, is the broker's. */
import type { EpochEnd } from "@corral/broker-agent";

/** How long a request may wait for something to happen, milliseconds. */
export const WAIT_MAX_MS = 5_000;
/** Of the batches in one reply, save that one batch always fits. */
export const FETCH_BYTES_MAX: number = 1024 * 1024;

export interface MetadataRequest {
  /** Answer only when there is something newer than this zxid, or the wait is over. 0: at once. */
  readonly since: number;
  readonly maxWaitMs: number;
}

export interface PartitionMetadata {
  readonly partition: number;
  readonly leader: number | null;
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
}

export interface Metadata {
  /** Of the cluster's state that this shows. */
  readonly zxid: number;
  readonly controller: number | null;
  readonly brokers: readonly { readonly id: number; readonly host: string; readonly port: number }[];
  readonly topics: readonly {
    readonly name: string;
    readonly id: string;
    readonly partitions: readonly PartitionMetadata[];
  }[];
}

export interface ProduceRequest {
  readonly topic: string;
  readonly partition: number;
  /** Drawn by the producer when it starts; not 0. */
  readonly producerId: number;
  /** Of the first record, in the producer's count for this partition. */
  readonly sequence: number;
  /** `all`: answered when it is committed. `leader`: when the leader has it. */
  readonly acks: "all" | "leader";
  readonly records: readonly Uint8Array[];
  readonly timeoutMs: number;
}

export interface Produced {
  readonly baseOffset: number;
  readonly leaderEpoch: number;
}

export interface FetchRequest {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly maxBytes: number;
  readonly maxWaitMs: number;
}

/** Batches are whole: the first may begin before the offset that was asked for. */
export interface Fetched {
  readonly batches: Uint8Array;
  readonly highWatermark: number;
}

export interface BoundsRequest {
  readonly topic: string;
  readonly partition: number;
}

export interface LogBounds {
  readonly earliest: number;
  /** The high watermark: what is after it is not to be seen yet. */
  readonly latest: number;
}

/** Of a follower; fenced by the leader's epoch, and by the life of the follower's broker. */
export interface ReplicateRequest {
  readonly topicId: string;
  readonly partition: number;
  readonly leaderEpoch: number;
  readonly replica: number;
  readonly brokerEpoch: number;
  /** The follower has everything before it, in the way that its policy says. */
  readonly offset: number;
  readonly maxBytes: number;
  readonly maxWaitMs: number;
}

/** Where does this epoch end in the leader's log? Answered with null if the leader cannot know. */
export interface EpochEndRequest {
  readonly topicId: string;
  readonly partition: number;
  readonly leaderEpoch: number;
  readonly epoch: number;
}

/** Every request by its name: what it carries, and what it is answered with. */
export interface BrokerRequests {
  readonly metadata: { readonly request: MetadataRequest; readonly reply: Metadata };
  readonly produce: { readonly request: ProduceRequest; readonly reply: Produced };
  readonly fetch: { readonly request: FetchRequest; readonly reply: Fetched };
  readonly bounds: { readonly request: BoundsRequest; readonly reply: LogBounds };
  readonly replicate: { readonly request: ReplicateRequest; readonly reply: Fetched };
  readonly epochEnd: { readonly request: EpochEndRequest; readonly reply: EpochEnd | null };
}

/**
 * What is consumed: any partitioned, ordered source. The package knows nothing of brokers; whoever uses it says what partitions
 * there are and how one is read.
 */
import type { Topic } from "./assignor.ts";

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export interface Message<M> {
  /** Its place in the partition: a whole number that grows from message to message; there may be gaps. */
  readonly offset: number;
  /** Where to go on after it. Default: `offset` + 1. */
  readonly nextOffset?: number | undefined;
  readonly value: M;
  /** The leader epoch under which it was written, where the source has such. */
  readonly leaderEpoch?: number | undefined;
}

/** Where a partition begins and ends now: the first offset there is, and the one that the next message will have. */
export interface Bounds {
  readonly earliest: number;
  readonly latest: number;
}

export interface Source<M> {
  /** The topics that there are, then again whenever that changes; ends only by the signal. Called by whoever leads the group. */
  topics(signal: AbortSignal): AsyncIterable<readonly Topic[]>;
  /**
   * The messages of a partition from an offset on, in order, in batches as they come; waits for more at the end. Ends by the signal.
   * What it throws is told to the consumer's `onError`, and it is called again after a pause. `OffsetOutOfRange` applies the reset policy.
   */
  fetch(partition: TopicPartition, from: number, signal: AbortSignal): AsyncIterable<readonly Message<M>[]>;
  bounds(partition: TopicPartition, signal: AbortSignal): Promise<Bounds>;
  /** The first offset whose message is not older than this moment (milliseconds since 1970); the end if there is none. */
  offsetAt?(partition: TopicPartition, timeMs: number, signal: AbortSignal): Promise<number>;
}

/** Thrown by a source: the partition has no such offset (any more, or yet). */
export class OffsetOutOfRange extends Error {
  readonly partition: TopicPartition;
  readonly offset: number;

  constructor(partition: TopicPartition, offset: number) {
    super(`partition ${partition.topic}/${partition.partition} has no offset ${offset}`);
    this.name = "OffsetOutOfRange";
    this.partition = partition;
    this.offset = offset;
  }
}

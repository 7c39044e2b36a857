/**
 * Sends records so that each is in its partition's log once, in the order of the calls, however often a request has to be sent again.
 *
 * One batch per partition is under way; what is given meanwhile goes with the next. A batch keeps its sequence number until it is
 * acknowledged, and leaders recognise it by that. Owns the sequences; nothing of the cluster.
 */
import { randomInt } from "node:crypto";
import { BrokerError } from "../wire/errors.ts";
import type { BrokerClient } from "./broker-client.ts";

/** Records of one partition that may wait to be sent. */
const QUEUE_MAX = 10_000;
/** Of one batch. */
const RECORDS_MAX = 1_000;
const BYTES_MAX: number = 256 * 1024;
/** How long a leader may take until a batch is committed, milliseconds; then it is sent again. */
const COMMIT_MS = 5_000;
/** Producers that there are or ever were are told apart by a random number: two alike are no danger below some millions. */
const PRODUCER_IDS: number = 2 ** 48 - 1;

export interface Sent {
  readonly offset: number;
}

interface Entry {
  readonly record: Uint8Array;
  resolve(this: void, sent: Sent): void;
  reject(this: void, error: unknown): void;
}

interface Lane {
  readonly partition: number;
  readonly queue: Entry[];
  /** Of the next record. */
  sequence: number;
  isSending: boolean;
}

export class Producer {
  readonly id: number = randomInt(1, PRODUCER_IDS);
  readonly #client: BrokerClient;
  readonly #topic: string;
  readonly #acks: "all" | "leader";
  readonly #lanes = new Map<number, Lane>();
  readonly #closing = new AbortController();

  constructor(client: BrokerClient, topic: string, acks: "all" | "leader" = "all") {
    this.#client = client;
    this.#topic = topic;
    this.#acks = acks;
  }

  /**
   * Resolves when the record is acknowledged. Tries until `stop`; a rejection after that says nothing about whether it is in the log.
   * `QUEUE_FULL`, `MESSAGE_TOO_LARGE`: it is not.
   */
  send(partition: number, record: Uint8Array): Promise<Sent> {
    const lane = this.#laneOf(partition);
    if (lane.queue.length >= QUEUE_MAX) {
      return Promise.reject(new BrokerError("QUEUE_FULL", `${QUEUE_MAX} records wait for partition ${partition}`));
    }
    return new Promise((resolve, reject) => {
      lane.queue.push({ record, resolve, reject });
      if (!lane.isSending) void this.#sendAll(lane);
    });
  }

  /** Nothing is tried again from now on. */
  stop(): void {
    this.#closing.abort();
  }

  #laneOf(partition: number): Lane {
    const known = this.#lanes.get(partition);
    if (known !== undefined) return known;
    const lane: Lane = { partition, queue: [], sequence: 0, isSending: false };
    this.#lanes.set(partition, lane);
    return lane;
  }

  async #sendAll(lane: Lane): Promise<void> {
    lane.isSending = true;
    // What is given in one turn goes in one batch.
    await Promise.resolve();
    while (lane.queue.length > 0) await this.#sendBatch(lane, nextBatch(lane.queue));
    lane.isSending = false;
  }

  async #sendBatch(lane: Lane, batch: readonly Entry[]): Promise<void> {
    const { partition, sequence } = lane;
    const request = {
      topic: this.#topic,
      partition,
      producerId: this.id,
      sequence,
      acks: this.#acks,
      records: batch.map(({ record }) => record),
      timeoutMs: COMMIT_MS,
    };
    try {
      const { baseOffset } = await this.#client.atLeader("produce", request, COMMIT_MS, this.#closing.signal);
      lane.sequence += batch.length;
      for (const [n, entry] of batch.entries()) entry.resolve({ offset: baseOffset + n });
    } catch (error) {
      for (const entry of batch) entry.reject(error);
    }
  }
}

function nextBatch(queue: Entry[]): Entry[] {
  let bytes = 0;
  let count = 0;
  for (const { record } of queue) {
    bytes += record.length;
    if (count > 0 && (count === RECORDS_MAX || bytes > BYTES_MAX)) break;
    count += 1;
  }
  return queue.splice(0, count);
}

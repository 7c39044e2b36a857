/**
 * Reads the fields of a request: whoever can connect can send anything. What is not as it should be is an `INVALID_REQUEST` that says which
 * field and why.
 */
import { BATCH_RECORDS_MAX } from "../log/batch.ts";
import { BrokerError } from "./errors.ts";
import {
  type BoundsRequest,
  type EpochEndRequest,
  FETCH_BYTES_MAX,
  type FetchRequest,
  type MetadataRequest,
  type ProduceRequest,
  type ReplicateRequest,
  WAIT_MAX_MS,
} from "./messages.ts";

const NAME_MAX = 256;
const INT32_MAX: number = 2 ** 31 - 1;

export class Fields {
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(body: unknown) {
    if (typeof body !== "object" || body === null) throw invalid("the request", "is no object");
    this.#values = body as Record<string, unknown>;
  }

  text(name: string): string {
    const value = this.#values[name];
    if (typeof value !== "string" || value === "" || value.length > NAME_MAX) {
      throw invalid(name, `is no text of 1 to ${NAME_MAX} characters`);
    }
    return value;
  }

  whole(name: string, min: number = 0, max: number = Number.MAX_SAFE_INTEGER): number {
    const value = this.#values[name];
    if (!Number.isInteger(value) || (value as number) < min || (value as number) > max) {
      throw invalid(name, `is no whole number from ${min} to ${max}`);
    }
    return value as number;
  }

  oneOf<T extends string>(name: string, words: readonly T[]): T {
    const value = words.find((word) => word === this.#values[name]);
    if (value === undefined) throw invalid(name, `is none of ${words.join(", ")}`);
    return value;
  }

  blobs(name: string, max: number): Uint8Array[] {
    const value = this.#values[name];
    const isList = Array.isArray(value) && value.every((item) => item instanceof Uint8Array);
    if (!isList || value.length === 0 || value.length > max)
      throw invalid(name, `is no list of 1 to ${max} byte strings`);
    return value;
  }
}

const wait = (fields: Fields): number => fields.whole("maxWaitMs", 0, WAIT_MAX_MS);
const partition = (fields: Fields): number => fields.whole("partition", 0, INT32_MAX);
const size = (fields: Fields): number => fields.whole("maxBytes", 1, FETCH_BYTES_MAX);

/** How the body of each request is read. */
export const requestReaders = {
  metadata: (fields: Fields): MetadataRequest => ({ since: fields.whole("since"), maxWaitMs: wait(fields) }),
  produce: (fields: Fields): ProduceRequest => ({
    topic: fields.text("topic"),
    partition: partition(fields),
    producerId: fields.whole("producerId", 1),
    sequence: fields.whole("sequence", 0, INT32_MAX),
    acks: fields.oneOf("acks", ["all", "leader"]),
    records: fields.blobs("records", BATCH_RECORDS_MAX),
    timeoutMs: fields.whole("timeoutMs", 1, 60_000),
  }),
  fetch: (fields: Fields): FetchRequest => ({
    topic: fields.text("topic"),
    partition: partition(fields),
    offset: fields.whole("offset"),
    maxBytes: size(fields),
    maxWaitMs: wait(fields),
  }),
  bounds: (fields: Fields): BoundsRequest => ({ topic: fields.text("topic"), partition: partition(fields) }),
  replicate: (fields: Fields): ReplicateRequest => ({
    topicId: fields.text("topicId"),
    partition: partition(fields),
    leaderEpoch: fields.whole("leaderEpoch", 0, INT32_MAX),
    replica: fields.whole("replica", 0, INT32_MAX),
    brokerEpoch: fields.whole("brokerEpoch"),
    offset: fields.whole("offset"),
    maxBytes: size(fields),
    maxWaitMs: wait(fields),
  }),
  epochEnd: (fields: Fields): EpochEndRequest => ({
    topicId: fields.text("topicId"),
    partition: partition(fields),
    leaderEpoch: fields.whole("leaderEpoch", 0, INT32_MAX),
    epoch: fields.whole("epoch", 0, INT32_MAX),
  }),
};

function invalid(field: string, why: string): BrokerError {
  return new BrokerError("INVALID_REQUEST", `${field} ${why}`);
}

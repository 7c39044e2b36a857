/**
 * What the operations on topics share: each item is refused for itself, and takes of the one transaction what it needs and what is left.
 */
import { type Codec, type Guard, op, type Operation } from "@corral/client";
import { TRANSACTION_BYTES_MAX } from "../../controller/duty.ts";
import { newPartition } from "../placement.ts";
import type { ClusterImage } from "../../image/cluster-image.ts";
import type { TopicView } from "../../image/views.ts";
import { partitionCodec } from "../../records.ts";
import { EFFECTS_MAX } from "../operation.ts";
import { PARTITIONS_MAX } from "../../placement/replicas.ts";
import { checkReplicas } from "../../check.ts";
import { registrationsOf } from "../../controller/standing.ts";
import type { ActiveBrokers } from "../active.ts";
import { Refused } from "../refusal.ts";

/** A refusal as it stands in a result. */
export interface ItemError {
  readonly code: string;
  readonly message: string;
}

export type ItemOf<K, R> = K & Partial<R> & { readonly error?: ItemError };

/** What `make` says of an item, or why that was refused. Whatever else it throws is thrown on. */
export function itemOf<K extends object, R extends object>(key: K, make: () => R): ItemOf<K, R> {
  try {
    return { ...key, ...make() };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { ...key, error: { code: error.code, message: error.message } };
  }
}

export interface Sized {
  readonly operations: readonly Operation<unknown>[];
  /** Of their data. */
  readonly bytes: number;
  /** By path. */
  readonly guards?: ReadonlyMap<string, Guard> | undefined;
}

export function bytesOf<T>(codec: Codec<T>, value: T): number {
  return codec.encode(value)?.length ?? 0;
}

/** The effects of one request, in one transaction. */
export class Effects {
  readonly operations: Operation<unknown>[] = [];
  /** By path. */
  readonly #guards = new Map<string, Guard>();
  #bytes = 0;

  get guards(): readonly Guard[] {
    return [...this.#guards.values()];
  }

  get room(): number {
    return EFFECTS_MAX - this.operations.length;
  }

  /** False if the transaction has no room for all of these, and `reserve` more; then none is taken. */
  tryAdd({ operations, bytes, guards = new Map() }: Sized, reserve = 0): boolean {
    if (operations.length + reserve > this.room || this.#bytes + bytes > TRANSACTION_BYTES_MAX) return false;
    this.#bytes += bytes;
    this.operations.push(...operations);
    for (const [path, guard] of guards) this.#guards.set(path, guard);
    return true;
  }

  /** `LIMIT_EXCEEDED` where `tryAdd` says false. */
  add(sized: Sized): void {
    if (this.tryAdd(sized)) return;
    throw new Refused(
      "LIMIT_EXCEEDED",
      `one request has at most ${EFFECTS_MAX} effects, of ${TRANSACTION_BYTES_MAX} bytes: ask for this by itself, or for less`,
    );
  }
}

/** A topic that clients see. */
export function liveTopic(image: ClusterImage, name: string): TopicView {
  const topic = image.topic(name);
  if (topic?.state === "live") return topic;
  throw new Refused("UNKNOWN_TOPIC_OR_PARTITION", `there is no topic '${name}'`);
}

export function checkPartitionCount(partitions: number): void {
  if (partitions >= 1 && partitions <= PARTITIONS_MAX) return;
  throw new Refused("INVALID_PARTITIONS", `partitions is ${partitions}, not from 1 to ${PARTITIONS_MAX}`);
}

export function checkReplicationFactor(factor: number, active: ActiveBrokers): void {
  const brokers = active.brokers.length;
  if (factor >= 1 && factor <= brokers) return;
  throw new Refused("INVALID_REPLICATION_FACTOR", `replicationFactor is ${factor}, with ${brokers} active brokers`);
}

/** An assignment by hand: as many replicas for each, of brokers that are registered, each once. */
export function checkAssignment(image: ClusterImage, replicas: readonly (readonly number[])[], factor: number): void {
  for (const [at, ids] of replicas.entries()) {
    const bad = (why: string): Refused => new Refused("INVALID_REPLICA_ASSIGNMENT", `replicas[${at}] ${why}`);
    if (ids.length === 0 || ids.length !== factor) throw bad(`has ${ids.length} brokers instead of ${factor}`);
    try {
      checkReplicas(ids, `replicas[${at}]`);
    } catch (error) {
      if (error instanceof RangeError) throw new Refused("INVALID_REPLICA_ASSIGNMENT", error.message);
      throw error;
    }
    const stranger = ids.find((id) => image.broker(id) === undefined);
    if (stranger !== undefined) throw bad(`has broker ${stranger}, which is not registered`);
  }
}

/** What makes the partitions from number `from` on. */
export function partitionsMade(
  image: ClusterImage,
  topicId: string,
  from: number,
  replicas: readonly (readonly number[])[],
  { ids: active }: ActiveBrokers,
): Sized {
  const states = replicas.map((ids) => newPartition(ids, active));
  const creates = states.map((state, at) =>
    op.create(image.paths.partition(topicId, from + at), state, { codec: partitionCodec, parents: true }),
  );
  const bytes = states.reduce((sum, state) => sum + bytesOf(partitionCodec, state), 0);
  return { operations: creates, bytes, guards: registrationsOf(image, states) };
}

/**
 * All replicas that this broker has on disk: a folder a topic id, a folder a partition in it. Beside the log stands whose it is: written first,
 * so that a folder without it has no log either.
 *
 * Opens what is there before the broker is part of its cluster, because going through a log takes time. Owns the folders.
 */
import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { PartitionId } from "@corral/broker-agent";
import { readCheckpoint, writeCheckpoint } from "../log/checkpoint.ts";
import { PartitionLog, type SyncPolicy } from "../log/partition-log.ts";
import { Replica } from "./replica.ts";

/** The file that says whose log it is. */
const IDENTITY = "partition";

export interface ReplicasOptions {
  readonly folder: string;
  readonly policy: SyncPolicy;
  /** Told of what a crash left, and of what cannot be used. */
  readonly say: (what: string) => void;
  /** Called with all that cannot be kept, when that changes. */
  readonly onFailed: (failed: readonly string[]) => void;
}

export class Replicas {
  readonly #options: ReplicasOptions;
  /** Opened at the start, and not given a part yet. */
  readonly #found = new Map<string, PartitionLog>();
  /** What was there at the start. */
  readonly onDisk: readonly PartitionId[];
  readonly #replicas = new Map<string, Replica>();
  readonly #failed = new Set<string>();

  constructor(options: ReplicasOptions) {
    this.#options = options;
    mkdirSync(options.folder, { recursive: true });
    this.onDisk = readdirSync(options.folder).flatMap((topicId) => this.#identitiesIn(topicId));
    for (const id of this.onDisk) {
      const log = this.#open(id);
      if (log !== undefined) this.#found.set(keyOf(id), log);
    }
  }

  /** `<topicId>/<n>` */
  get failed(): readonly string[] {
    return [...this.#failed];
  }

  all(): IterableIterator<Replica> {
    return this.#replicas.values();
  }

  find(topicId: string, partition: number): Replica | undefined {
    return this.#replicas.get(`${topicId}/${partition}`);
  }

  /** The replica, made if it is new. Undefined: its disk has failed. */
  get(id: PartitionId): Replica | undefined {
    const key = keyOf(id);
    const known = this.#replicas.get(key);
    if (known !== undefined || this.#failed.has(key)) return known;
    const log = this.#found.get(key) ?? this.#open(id);
    this.#found.delete(key);
    if (log === undefined) return undefined;
    const replica = new Replica(id, log, (error) => {
      this.#fail(key, error);
    });
    this.#replicas.set(key, replica);
    return replica;
  }

  /** No part of this broker any more; with `deleteData` for good. */
  async drop(id: PartitionId, deleteData: boolean): Promise<void> {
    const key = keyOf(id);
    const replica = this.#replicas.get(key);
    replica?.rest();
    if (!deleteData) return;
    const log = replica?.log ?? this.#found.get(key);
    this.#replicas.delete(key);
    this.#found.delete(key);
    this.#failed.delete(key);
    await log?.close();
    // It may be this broker's again by now.
    if (this.#replicas.has(key)) return;
    const topic = join(this.#options.folder, id.topicId);
    rmSync(this.#folderOf(id), { recursive: true, force: true });
    if (existsSync(topic) && readdirSync(topic).length === 0) rmdirSync(topic);
  }

  async close(): Promise<void> {
    for (const replica of this.#replicas.values()) replica.rest();
    const logs = [...[...this.#replicas.values()].map(({ log }) => log), ...this.#found.values()];
    await Promise.all(logs.map((log) => log.close()));
  }

  #identitiesIn(topicId: string): PartitionId[] {
    return readdirSync(join(this.#options.folder, topicId)).flatMap((partition) => {
      const identity = readCheckpoint(join(this.#options.folder, topicId, partition, IDENTITY));
      return identity === undefined ? [] : [identity as PartitionId];
    });
  }

  #folderOf({ topicId, partition }: PartitionId): string {
    return join(this.#options.folder, topicId, String(partition));
  }

  #open({ topic, topicId, partition }: PartitionId): PartitionLog | undefined {
    const key = `${topicId}/${partition}`;
    const folder = this.#folderOf({ topic, topicId, partition });
    try {
      mkdirSync(folder, { recursive: true });
      writeCheckpoint(join(folder, IDENTITY), { topic, topicId, partition });
      const log = new PartitionLog(folder, this.#options.policy);
      if (log.bytesCutOff > 0) this.#options.say(`${key}: cut off ${log.bytesCutOff} bytes of an unfinished write`);
      return log;
    } catch (error) {
      this.#fail(key, error);
      return undefined;
    }
  }

  #fail(key: string, error: unknown): void {
    if (this.#failed.has(key)) return;
    this.#options.say(`${key}: this replica has failed: ${error instanceof Error ? error.message : "unknown"}`);
    this.#failed.add(key);
    this.#replicas.get(key)?.rest();
    this.#replicas.delete(key);
    this.#options.onFailed(this.failed);
  }
}

function keyOf({ topicId, partition }: PartitionId): string {
  return `${topicId}/${partition}`;
}

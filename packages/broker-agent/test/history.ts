/**
 * What became of each partition, transaction by transaction, as a client sees it that has no part in anything; and what must be true of
 * that, whoever was controller or leader when.
 */
import { type Client, type Codec, isCorralError, json } from "@corral/client";
import type { ClusterPaths } from "../src/layout.ts";
import { isReassigning, type PartitionState, targetOf } from "../src/partition/state.ts";
import type { BrokerRecord, BrokerStatus } from "../src/records.ts";

/** Most that is told of what is wrong. */
const TOLD_MAX = 20;

export class History {
  /** What must not be; empty if all is well. */
  readonly wrong: string[] = [];
  /** Changes of partitions seen. */
  changes = 0;
  elections = 0;
  readonly #paths: ClusterPaths;
  readonly #brokers = new Map<string, BrokerRecord>();
  readonly #partitions = new Map<string, PartitionState>();
  /** By partition and leader epoch: who led. */
  readonly #leaders = new Map<string, number>();

  constructor(paths: ClusterPaths) {
    this.#paths = paths;
  }

  /** Until the client is closed. */
  async follow(client: Client): Promise<void> {
    const codec: Codec<unknown> = json<unknown>({ empty: null });
    try {
      for await (const event of await client.subscribe(this.#paths.cluster, { codec })) {
        if (event.kind === "resync") throw new Error("a gap in the history");
        if (event.kind === "synced" || event.kind === "undecodable") continue;
        this.#see(event.path, event.kind === "deleted" ? undefined : event.value);
      }
    } catch (error) {
      if (!isCorralError(error, "CLOSED")) throw error;
    }
  }

  #see(path: string, value: unknown): void {
    if (path.startsWith(`${this.#paths.brokers}/`)) {
      if (value === undefined) this.#brokers.delete(path);
      else this.#brokers.set(path, value as BrokerRecord);
      return;
    }
    if (!path.startsWith(`${this.#paths.partitions}/`) || value == null) return;
    this.#check(path, this.#partitions.get(path), value as PartitionState);
    this.#partitions.set(path, value as PartitionState);
  }

  #check(path: string, before: PartitionState | undefined, now: PartitionState): void {
    this.changes += 1;
    const { leader, leaderEpoch, isr } = now;
    if (leader !== null) {
      const key = `${path} ${leaderEpoch}`;
      const other = this.#leaders.get(key);
      if (other !== undefined && other !== leader) this.#tell(path, now, `${other} has led in this epoch before`);
      this.#leaders.set(key, leader);
      if (!this.#brokers.has(this.#paths.broker(leader))) this.#tell(path, now, "the leader is not registered");
    }
    if (before === undefined) return;
    if (leaderEpoch < before.leaderEpoch) this.#tell(path, now, `the epoch was ${before.leaderEpoch} before`);
    if (leader === before.leader) return;
    this.elections += 1;
    if (leaderEpoch === before.leaderEpoch) this.#tell(path, now, `in this epoch ${before.leader} has led`);
    if (leader !== null && !before.isr.includes(leader)) this.#tell(path, now, `in sync were only ${before.isr}`);
    const stranger = isr.find((id) => !before.isr.includes(id));
    if (stranger !== undefined) this.#tell(path, now, `${stranger} was not in sync before the election`);
  }

  /** Nothing has changed for long enough: what must be true then, whoever is there. */
  checkRest(): void {
    const statusOf = (id: number): BrokerStatus | undefined => this.#brokers.get(this.#paths.broker(id))?.status;
    const isLive = (id: number): boolean => statusOf(id) === "active" || statusOf(id) === "draining";
    for (const [path, state] of this.#partitions) {
      const { leader, isr } = state;
      if (leader === null && isr.some((id) => statusOf(id) === "active")) {
        this.#tell(path, state, "nobody leads, and somebody could");
      }
      if (leader !== null && !isLive(leader)) this.#tell(path, state, "the leader is not there");
      if (leader !== null && !isr.every(isLive)) this.#tell(path, state, "in sync is who is not there");
      const isLeft = (id: number): boolean => statusOf(id) === "active" && id !== leader && isr.includes(id);
      if (leader !== null && statusOf(leader) === "draining" && state.replicas.some(isLeft)) {
        this.#tell(path, state, "the leader wants to leave, and another one could lead");
      }
      if (isReassigning(state) && targetOf(state).every((id) => isr.includes(id) && statusOf(id) === "active")) {
        this.#tell(path, state, "the reassignment could be complete");
      }
    }
  }

  #tell(path: string, state: PartitionState, what: string): void {
    if (this.wrong.length < TOLD_MAX) this.wrong.push(`${path} ${JSON.stringify(state)}: ${what}`);
  }
}

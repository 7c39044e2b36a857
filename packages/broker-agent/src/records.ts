/** What stands in the znodes of a cluster: JSON, so that people can read it. */
import { type Codec, json } from "@corral/client";
import type { PartitionState } from "./partition/state.ts";

export interface ClusterRecord {
  readonly format: 1;
  /** Drawn once: an agent that was started for another cluster refuses this one. Kafka's /cluster/id. */
  readonly clusterId: string;
  /** Finalized features: the level that all brokers act by. KIP-584. */
  readonly features: Readonly<Record<string, number>>;
}

export interface Endpoint {
  /** Name of the listener: `clients`, `replication` … */
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

/**
 * - `fenced`: registered, catching up: leads nothing and joins no in-sync replicas.
 * - `active`
 * - `draining`: wants to leave; the controller takes its leaderships away.
 */
export type BrokerStatus = "fenced" | "active" | "draining";

export interface BrokerRecord {
  readonly id: number;
  /** Drawn by the process: tells a lost reply from a second process of this id. */
  readonly incarnation: string;
  readonly endpoints: readonly Endpoint[];
  readonly rack: string | null;
  readonly features: Readonly<Record<string, { readonly min: number; readonly max: number }>>;
  readonly status: BrokerStatus;
  /** What it wants of replicas that it cannot keep (a failed disk): `<topicId>/<n>`. Such replicas count as not live. At most 10,000. */
  readonly failedReplicas: readonly string[];
  /** While some broker drains: up to which zxid this one has acted on the cluster's state; null otherwise. */
  readonly seenZxid: number | null;
}

/** How the replicas of partitions are to be chosen; stands in the record, so that whoever goes on chooses the same. */
export type PlacementPlan =
  | {
      readonly kind: "placed";
      readonly brokers: readonly { readonly id: number; readonly rack: string | null }[];
      readonly start: number;
      readonly shift: number;
      readonly replicationFactor: number;
    }
  /** For partitions `from`, `from` + 1 … */
  | { readonly kind: "manual"; readonly from: number; readonly replicas: readonly (readonly number[])[] };

/**
 * - `creating`: partitions are being made; brokers and clients do not see it.
 * - `live`
 * - `deleting`: gone for clients; brokers drop its data, then its partitions go, then this znode.
 */
export interface TopicRecord {
  readonly name: string;
  /** Never used again. */
  readonly id: string;
  readonly state: "creating" | "live" | "deleting";
  /** Those that clients see: 0 … partitions − 1. */
  readonly partitions: number;
  readonly replicationFactor: number;
  /** What is being made, of `creating` and of a live one that grows: partitions up to `to`. */
  readonly growth: { readonly to: number; readonly plan: PlacementPlan } | null;
}

export interface ConfigRecord {
  readonly values: Readonly<Record<string, string>>;
  /** Who changed it last, for people. */
  readonly by: string;
  readonly atMs: number;
}

/** What the controller is asked to do. `args` is checked by the operation that it names. */
export interface RequestRecord {
  readonly op: string;
  readonly args: unknown;
  /** Drawn by who asks: the same key asked twice is done once, and both get the one result. */
  readonly key: string;
  readonly by: string;
}

export type ResultRecord =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: { readonly code: string; readonly message: string } };

export const clusterCodec: Codec<ClusterRecord> = json<ClusterRecord>();
export const brokerCodec: Codec<BrokerRecord> = json<BrokerRecord>();
export const topicCodec: Codec<TopicRecord> = json<TopicRecord>();
export const partitionCodec: Codec<PartitionState> = json<PartitionState>();
export const configCodec: Codec<ConfigRecord> = json<ConfigRecord>();
export const requestCodec: Codec<RequestRecord> = json<RequestRecord>();
export const resultCodec: Codec<ResultRecord> = json<ResultRecord>();

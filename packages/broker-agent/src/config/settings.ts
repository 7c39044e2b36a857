/**
 * The settings that this package itself acts by, in Kafka's words where Kafka has them, and their defaults. A host adds its own by a
 * schema of the same form.
 */
import type { ClusterImage } from "../image/cluster-image.ts";
import { encodeName } from "../layout.ts";
import type { SettingSpec } from "./spec.ts";
import { faultOf } from "./value.ts";

export type { SettingSchema, SettingSpec } from "./spec.ts";

export type SettingName =
  | "unclean.leader.election.enable"
  | "min.insync.replicas"
  | "replica.lag.time.max.ms"
  | "auto.leader.rebalance.enable"
  | "leader.imbalance.per.broker.percentage"
  | "leader.imbalance.check.interval.seconds"
  | "auto.partition.rebalance.enable"
  | "auto.partition.rebalance.moves.max"
  | "delete.topic.enable"
  | "num.partitions"
  | "default.replication.factor"
  | "leader.replication.throttled.rate"
  | "leader.replication.throttled.replicas"
  | "follower.replication.throttled.rate"
  | "follower.replication.throttled.replicas";

/** No limit: 2^53 - 1. */
const UNLIMITED = "9007199254740991";

export const SETTINGS: Readonly<Record<SettingName, SettingSpec>> = {
  "unclean.leader.election.enable": {
    type: "boolean",
    default: "false",
    scope: "topic",
    doc: "May a replica that is not in sync lead when none in sync lives? Committed data may be lost then",
  },
  "min.insync.replicas": {
    type: "integer",
    default: "1",
    scope: "topic",
    min: 1,
    max: 64,
    doc: "Replicas in sync below which writes that want all are refused",
  },
  "replica.lag.time.max.ms": {
    type: "integer",
    default: "30000",
    scope: "cluster",
    min: 1,
    doc: "A follower that was not caught up for so long leaves the in-sync replicas",
  },
  "auto.leader.rebalance.enable": {
    type: "boolean",
    default: "true",
    scope: "cluster",
    doc: "Do leaderships go back to the preferred replicas by themselves?",
  },
  "leader.imbalance.per.broker.percentage": {
    type: "number",
    default: "10",
    scope: "cluster",
    min: 0,
    max: 100,
    doc: "Share of the partitions that a broker is the preferred leader of, and does not lead, above which they go back",
  },
  "leader.imbalance.check.interval.seconds": {
    type: "number",
    default: "300",
    scope: "cluster",
    min: 1,
    doc: "How often that is looked at",
  },
  "auto.partition.rebalance.enable": {
    type: "boolean",
    default: "false",
    scope: "cluster",
    doc: "Do replicas move to level brokers out by themselves, when a broker comes or this is switched on?",
  },
  "auto.partition.rebalance.moves.max": {
    type: "integer",
    default: "50",
    scope: "cluster",
    min: 1,
    max: 10_000,
    doc: "Partitions that are on the move at once for that",
  },
  "delete.topic.enable": {
    type: "boolean",
    default: "true",
    scope: "cluster",
    doc: "May topics be deleted?",
  },
  "num.partitions": { type: "integer", default: "1", scope: "cluster", min: 1, doc: "Of a topic that names no number" },
  "default.replication.factor": {
    type: "integer",
    default: "1",
    scope: "cluster",
    min: 1,
    max: 64,
    doc: "Of a topic that names none",
  },
  "leader.replication.throttled.rate": {
    type: "integer",
    default: UNLIMITED,
    scope: "broker",
    min: 1,
    doc: "Bytes a second that a broker sends as leader to replicas that are throttled. KIP-73",
  },
  "leader.replication.throttled.replicas": {
    type: "list",
    default: "",
    scope: "topic",
    doc: "Replicas whose leaders are held to that: <partition>:<broker>, …, or *",
  },
  "follower.replication.throttled.rate": {
    type: "integer",
    default: UNLIMITED,
    scope: "broker",
    min: 1,
    doc: "Bytes a second that a broker fetches for replicas that are throttled. KIP-73",
  },
  "follower.replication.throttled.replicas": {
    type: "list",
    default: "",
    scope: "topic",
    doc: "Replicas that are held to that: <partition>:<broker>, …, or *",
  },
};

/**
 * The value that counts: the topic's own, else that of all brokers, else the default. Of one broker: `broker` goes before all brokers. What
 * stands there and is against the rules does not count.
 */
export function settingOf(
  image: ClusterImage,
  name: SettingName,
  at: { readonly topic?: string | undefined; readonly broker?: number | undefined } = {},
): string {
  const spec = SETTINGS[name];
  const entities = [
    at.topic === undefined ? undefined : image.config("topics", encodeName(at.topic)),
    at.broker === undefined ? undefined : image.config("brokers", String(at.broker)),
    image.config("brokers", "<default>"),
  ];
  for (const entity of entities) {
    const text = entity?.values[name];
    if (text !== undefined && faultOf(spec, text) === undefined) return text;
  }
  return spec.default;
}

/** The commands for clusters of brokers and for consumer groups, in the order of the help. Loaded when called: the others start as fast without. */
import type { Family } from "./command.ts";

export const FAMILIES: readonly Family[] = [
  {
    name: "brokers",
    usage: "list|describe|unregister",
    summary: "the brokers of a cluster, and which of them is controller",
    load: async () => (await import("./cluster/brokers.ts")).BROKERS,
  },
  {
    name: "topics",
    usage: "list|describe|create|alter|delete",
    summary: "topics, with their replicas and who leads",
    load: async () => (await import("./cluster/topics.ts")).TOPICS,
  },
  {
    name: "partitions",
    usage: "[TOPIC...]",
    summary: "one partition a line; those that are under-replicated, or that nobody leads",
    load: async () => (await import("./cluster/partitions.ts")).partitions,
  },
  {
    name: "elect",
    usage: "[TOPIC[:PARTITION]...]",
    summary: "leaders anew: the preferred replicas, or whoever lives",
    load: async () => (await import("./cluster/elect.ts")).elect,
  },
  {
    name: "reassign",
    usage: "plan|execute|verify|list|cancel|throttle",
    summary: "replicas to other brokers",
    load: async () => (await import("./cluster/reassign.ts")).REASSIGN,
  },
  {
    name: "configs",
    usage: "list|describe|alter",
    summary: "settings of topics and brokers, quotas of users, clients and addresses",
    load: async () => (await import("./cluster/configs.ts")).CONFIGS,
  },
  {
    name: "groups",
    usage: "list|describe|state|members|reset-offsets|delete-offsets|delete",
    summary: "consumer groups: members, offsets, lag",
    load: async () => (await import("./cluster/groups.ts")).GROUPS,
  },
];

/** What can be limited, and for whom. Kafka's names. */
import type { SettingSpec } from "../config/spec.ts";

export type ClientQuotaKey =
  | "producer_byte_rate"
  | "consumer_byte_rate"
  | "request_percentage"
  | "controller_mutation_rate";
export type QuotaKey = ClientQuotaKey | "connection_creation_rate";

export interface QuotaSpec extends SettingSpec {
  /** `clients`: of users, of clients and of clients of users. */
  readonly of: "clients" | "ips";
  /** What counts in a second, for one of the quota's value. */
  readonly unitsPerSecond: number;
}

/** Below it nothing would ever get through. */
const LEAST = 0.001;

const shared = { default: "", scope: "cluster" } as const;

export const QUOTAS: Readonly<Record<QuotaKey, QuotaSpec>> = {
  producer_byte_rate: {
    ...shared,
    type: "integer",
    min: 1,
    of: "clients",
    unitsPerSecond: 1,
    doc: "Bytes a second that may be produced, at each broker",
  },
  consumer_byte_rate: {
    ...shared,
    type: "integer",
    min: 1,
    of: "clients",
    unitsPerSecond: 1,
    doc: "Bytes a second that may be fetched, at each broker",
  },
  request_percentage: {
    ...shared,
    type: "number",
    min: LEAST,
    of: "clients",
    // Of one thread: 100 is a thread that does nothing else. What counts is milliseconds.
    unitsPerSecond: 10,
    doc: "Share of the time of one thread that requests may take, at each broker; 200 is two threads",
  },
  controller_mutation_rate: {
    ...shared,
    type: "number",
    min: LEAST,
    of: "clients",
    unitsPerSecond: 1,
    doc: "Partitions a second that may be made or deleted. KIP-599",
  },
  connection_creation_rate: {
    ...shared,
    type: "integer",
    min: 1,
    of: "ips",
    unitsPerSecond: 1,
    doc: "Connections a second that may be opened from an address, at each broker. KIP-612",
  },
};

/** Undefined: such a quota there is not, or not for entities of this type. */
export function quotaOfType(type: "clients" | "users" | "ips", name: string): QuotaKey | undefined {
  if (!Object.hasOwn(QUOTAS, name)) return undefined;
  const key = name as QuotaKey;
  return (QUOTAS[key].of === "ips") === (type === "ips") ? key : undefined;
}

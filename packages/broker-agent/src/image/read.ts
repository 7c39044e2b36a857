/**
 * From the data of a znode to what its path says that it is. Whatever is wrong with it is a RangeError that says what.
 *
 * Owns the checks without which whoever reads an image could stumble; whether a value makes sense is checked by those who write it.
 */
import { type Codec, json, type Stat } from "@corral/client";
import { decodeName, encodeName } from "../layout.ts";
import { BROKER_ID_MAX, checkInteger } from "../check.ts";
import { checkPartition, type PartitionState } from "../partition/state.ts";
import { PARTITIONS_MAX } from "../placement/replicas.ts";
import type { BrokerRecord, ClusterRecord, ConfigRecord, RequestRecord, TopicRecord } from "../records.ts";
import type { BrokerView, ConfigView, PartitionView, RequestView, TopicView } from "./views.ts";

/** What the bytes are, if they are JSON. */
export type Parsed = { readonly value: unknown } | { readonly error: Error };

const parsed = json<unknown>({ empty: null });

/** Never refuses: what cannot be read is known to be there, with the reason. */
export const parsedCodec: Codec<Parsed> = {
  name: "json",
  encode: () => {
    throw new TypeError("an image never writes");
  },
  decode: (data) => {
    try {
      return { value: parsed.decode(data) };
    } catch (error) {
      return { error: error as Error };
    }
  },
};

type Fields = Readonly<Record<string, unknown>>;

export function readCluster(value: unknown): ClusterRecord {
  const record = fields(value);
  str(record, "clusterId");
  fields(record["features"], "features");
  return record as unknown as ClusterRecord;
}

export function readBroker(name: string, value: unknown, stat: Stat): BrokerView {
  const id = numberOf(name);
  checkInteger(id, `'${name}' in the path`, 0, BROKER_ID_MAX);
  const record = fields(value);
  if (record["id"] !== id) throw new RangeError(`id is ${String(record["id"])}, not ${id}`);
  oneOf(record, "status", ["fenced", "active", "draining"]);
  for (const endpoint of list(record, "endpoints")) fields(endpoint, "endpoints");
  for (const failed of list(record, "failedReplicas")) {
    if (typeof failed !== "string") throw new RangeError("failedReplicas has what is no string");
  }
  if (record["rack"] !== null) str(record, "rack");
  fields(record["features"], "features");
  return { ...(record as unknown as BrokerRecord), epoch: stat.czxid, mzxid: stat.mzxid };
}

/** `name`: decoded. */
export function readTopic(name: string, value: unknown, stat: Stat): TopicView {
  const record = fields(value);
  if (record["name"] !== name) throw new RangeError(`name is ${String(record["name"])}, not ${name}`);
  str(record, "id");
  oneOf(record, "state", ["creating", "live", "deleting"]);
  checkInteger(record["partitions"] as number, "partitions", 0, PARTITIONS_MAX);
  if (record["growth"] !== null) fields(record["growth"], "growth");
  return { ...(record as unknown as TopicRecord), version: stat.version, mzxid: stat.mzxid };
}

export function readPartition(topicId: string, name: string, value: unknown, stat: Stat): PartitionView {
  const partition = numberOf(name);
  checkInteger(partition, `'${name}' in the path`, 0, PARTITIONS_MAX);
  const record = fields(value);
  for (const ids of ["replicas", "adding", "removing", "isr"]) list(record, ids);
  const state = record as unknown as PartitionState;
  checkPartition(state);
  return { topicId, partition, state, version: stat.version, mzxid: stat.mzxid };
}

export function readConfig(type: string, entity: string, value: unknown, stat: Stat): ConfigView {
  const record = fields(value);
  for (const [key, one] of Object.entries(fields(record["values"], "values"))) {
    if (typeof one !== "string") throw new RangeError(`values.${key} is no string`);
  }
  return { ...(record as unknown as ConfigRecord), type, entity, version: stat.version, mzxid: stat.mzxid };
}

export function readRequest(path: string, value: unknown, stat: Stat): RequestView {
  const record = fields(value);
  for (const key of ["op", "key", "by"]) str(record, key);
  return { ...(record as unknown as RequestRecord), path, czxid: stat.czxid };
}

function fields(value: unknown, what = "the data"): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  throw new RangeError(`${what} is ${value === null ? "nothing" : `no object but ${JSON.stringify(value)}`}`);
}

function str(record: Fields, key: string): void {
  if (typeof record[key] !== "string") throw new RangeError(`${key} is no string`);
}

function list(record: Fields, key: string): readonly unknown[] {
  const value = record[key];
  if (!Array.isArray(value)) throw new RangeError(`${key} is no list`);
  return value;
}

function oneOf(record: Fields, key: string, allowed: readonly string[]): void {
  const value = record[key];
  if (typeof value !== "string" || !allowed.includes(value)) {
    throw new RangeError(`${key} is ${JSON.stringify(value)}, none of ${allowed.join(", ")}`);
  }
}

/** The number that a name in a path is: `7`, not `07` or `7.0`; NaN for any other name. */
export function numberOf(name: string): number {
  const value = Number(name);
  return String(value) === name ? value : Number.NaN;
}

/** The name of the topic of this znode; where no topic could be called so, what is no name of a topic either. */
export function topicNameOf(encoded: string): string {
  try {
    const name = decodeName(encoded);
    return encodeName(name) === encoded ? name : `/${encoded}`;
  } catch (error) {
    if (error instanceof URIError) return `/${encoded}`;
    throw error;
  }
}

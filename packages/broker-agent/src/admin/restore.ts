/**
 * Puts dumped metadata into a cluster. Nothing of a topic counts before its record is there, which is written last: so what was broken off can
 * be done again, and shows no half of a topic meanwhile.
 *
 * Where there is no cluster, its own record is the last of all: brokers that have data of it are refused until then, since they would miss their
 * topics, and delete what they have of them.
 *
 * Nobody leads what was restored, and leader epochs begin well above those of the dump: brokers that went on after the dump was taken may have
 * seen greater ones, and must not take the new leaders for old ones.
 */
import { type Client, CorralError, type Deadline, isCorralError, json, op, type Operation } from "@corral/client";
import { LEADER_EPOCH_MAX } from "../check.ts";
import { OPERATIONS_MAX } from "../controller/duty.ts";
import type { ClusterImage } from "../image/cluster-image.ts";
import { partsOf } from "../layout.ts";
import type { PartitionState } from "../partition/state.ts";
import {
  clusterCodec,
  type ClusterRecord,
  configCodec,
  type ConfigRecord,
  partitionCodec,
  topicCodec,
  type TopicRecord,
} from "../records.ts";
import { checkDump } from "./dump.ts";
import type { ClusterDump, DumpedTopic, Restored } from "./dump-api.ts";
import { drawName } from "../draw.ts";
import { AdminError } from "./error.ts";

/** More than any partition is likely to have had elections since the dump. */
export const EPOCHS_AHEAD = 1_000;
/** Partitions of one transaction: each may need two operations, and records have up to some kilobytes. */
const CHUNK = OPERATIONS_MAX / 2;

export interface RestoreInto {
  readonly client: Client;
  readonly image: ClusterImage;
  readonly by: string;
  readonly force: boolean;
  readonly deadline: Deadline;
}

export async function restoreInto(into: RestoreInto, dump: ClusterDump): Promise<Restored> {
  checkDump(dump);
  const { client, image, force, deadline } = into;
  const present = [...image.topics()].length + [...image.configs()].length;
  if (present > 0 && !force) {
    const why = `the cluster has ${present} topics and configurations: nothing is restored beside them unless forced`;
    throw new AdminError("INVALID_REQUEST", "restore", why);
  }
  const isNew = image.cluster === undefined;
  if (isNew) await beginCluster(into);
  const configs = dump.configs.map(({ type, entity, values }) => {
    const record: ConfigRecord = { values, by: into.by, atMs: client.clock.wallMs() };
    return { path: image.paths.configOf(type, entity), value: configCodec.encode(record) };
  });
  await putAll(client, configs, deadline);
  const kept = dump.topics.filter(({ name }) => image.topic(name) !== undefined);
  const missing = dump.topics.filter((topic) => !kept.includes(topic));
  for (const topic of missing) await restoreTopic(into, topic);
  if (isNew) await completeCluster(into, dump);
  return {
    topics: missing.map(({ name }) => name),
    kept: kept.map(({ name }) => name),
    partitions: missing.reduce((sum, { states }) => sum + Object.keys(states).length, 0),
    configs: configs.length,
  };
}

/** A cluster without a record: nobody is part of it. One that somebody began stays as it is. */
async function beginCluster({ client, image: { paths }, deadline }: RestoreInto): Promise<void> {
  for (const path of [paths.cluster, ...partsOf(paths)]) {
    await orThere(client.create(path, null, { parents: true, ...deadline.rest() }), path);
  }
}

/** `BAD_VERSION` if somebody else completes it at the same moment. */
async function completeCluster({ client, image, deadline }: RestoreInto, dump: ClusterDump): Promise<void> {
  const { cluster: path } = image.paths;
  const { value, stat } = await client.get(path, {
    codec: json<ClusterRecord | null>({ empty: null }),
    ...deadline.rest(),
  });
  // Somebody began another one meanwhile.
  if (value !== null) return;
  const clusterId = dump.clusterId ?? drawName(client.random);
  const record: ClusterRecord = { format: 1, clusterId, features: dump.features };
  await client.set(path, record, { codec: clusterCodec, ifMatch: { version: stat.version }, ...deadline.rest() });
}

async function restoreTopic({ client, image, deadline }: RestoreInto, dumped: DumpedTopic): Promise<void> {
  const { paths } = image;
  const { name, id, state, partitions, replicationFactor, growth, states } = dumped;
  const parent = paths.partitionsOf(id);
  await orThere(client.create(parent, null, { parents: true, ...deadline.rest() }), parent);
  const values = Object.entries(states).map(([partition, one]) => ({
    path: paths.partition(id, Number(partition)),
    value: partitionCodec.encode(leaderless(one)),
  }));
  await putAll(client, values, deadline);
  const record: TopicRecord = { name, id, state, partitions, replicationFactor, growth };
  const how = { codec: topicCodec, parents: true, ...deadline.rest() };
  await orThere(client.create(paths.topic(name), record, how), paths.topic(name));
}

function leaderless(state: PartitionState): PartitionState {
  return { ...state, leader: null, leaderEpoch: Math.min(state.leaderEpoch + EPOCHS_AHEAD, LEADER_EPOCH_MAX) };
}

interface Put {
  readonly path: string;
  readonly value: Uint8Array | null;
}

/** Each znode has this value then, whether it was there or not. */
async function putAll(client: Client, puts: readonly Put[], deadline: Deadline): Promise<void> {
  for (let from = 0; from < puts.length; from += CHUNK) {
    const chunk = puts.slice(from, from + CHUNK);
    const creates = chunk.map(({ path, value }): Operation<unknown> => op.create(path, value, { parents: true }));
    const results = await client.multiEach(creates, deadline.rest());
    const there: Operation<unknown>[] = [];
    for (const [at, result] of results.entries()) {
      if (result.ok) continue;
      if (result.error.code !== "NODE_EXISTS") throw result.error;
      const { path, value } = chunk[at] as Put;
      there.push(op.set(path, value));
    }
    if (there.length > 0) await client.multi(there, deadline.rest());
  }
}

/** Made by somebody else, or by a call that was broken off: as good. */
async function orThere(creating: Promise<unknown>, path: string): Promise<void> {
  try {
    await creating;
  } catch (error) {
    if (!(error instanceof CorralError) || !isCorralError(error, "NODE_EXISTS") || error.path !== path) throw error;
  }
}

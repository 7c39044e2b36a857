/** The metadata of a cluster as one value, and what makes one of two such values from the other. Reads an image; writes nothing. */
import type { ClusterImage } from "../image/cluster-image.ts";
import { checkPartition, type PartitionState } from "../partition/state.ts";
import { checkTopicName } from "../topic-name.ts";
import type { ClusterDump, DumpDifference, DumpedTopic } from "./dump-api.ts";

export function dumpOf(image: ClusterImage, cluster: string): ClusterDump {
  const topics = [...image.topics()].toSorted(byName).map((topic): DumpedTopic => {
    const { name, id, state, partitions, replicationFactor, growth } = topic;
    const views = [...image.partitionsOf(id)].toSorted((a, b) => a.partition - b.partition);
    const states = Object.fromEntries(views.map((view) => [view.partition, view.state]));
    return { name, id, state, partitions, replicationFactor, growth, states };
  });
  const configs = [...image.configs()]
    .map(({ type, entity, values }) => ({ type, entity, values }))
    .toSorted((a, b) => (`${a.type}/${a.entity}` < `${b.type}/${b.entity}` ? -1 : 1));
  const { clusterId = null, features = {} } = image.cluster ?? {};
  return { format: 1, cluster, clusterId, zxid: image.zxid, features, topics, configs };
}

/** RangeError that says where it is none, or what of it breaks an invariant. */
export function checkDump(dump: ClusterDump): void {
  if ((dump.format as number) !== 1) throw new RangeError(`dump: format is ${String(dump.format)}, not 1`);
  const ids = new Set<string>();
  for (const { name, id, states } of dump.topics) {
    checkTopicName(name);
    if (ids.has(id)) throw new RangeError(`dump: topic '${name}' has the id ${id} of another one`);
    ids.add(id);
    for (const [partition, state] of Object.entries(states)) {
      try {
        checkPartition(state);
      } catch (error) {
        throw new RangeError(`dump: partition ${partition} of topic '${name}'`, { cause: error });
      }
    }
  }
}

export function diffDumps(before: ClusterDump, now: ClusterDump): DumpDifference {
  // A topic that was made anew under its name is another one.
  const was = new Map(before.topics.map((topic) => [topic.id, topic]));
  const is = new Map(now.topics.map((topic) => [topic.id, topic]));
  const added = now.topics.filter(({ id }) => !was.has(id));
  const removed = before.topics.filter(({ id }) => !is.has(id));
  const both = now.topics.flatMap((topic) => {
    const old = was.get(topic.id);
    return old === undefined ? [] : [{ old, topic }];
  });
  return {
    topicsAdded: added.map(({ name }) => name),
    topicsRemoved: removed.map(({ name }) => name),
    topicsChanged: both
      .filter(({ old, topic }) => !isSame(shapeOf(old), shapeOf(topic)))
      .map(({ topic }) => topic.name),
    partitions: [
      ...removed.flatMap((topic) => partitionsBetween(topic, {}, topic.states)),
      ...added.flatMap((topic) => partitionsBetween(topic, topic.states, {})),
      ...both.flatMap(({ old, topic }) => partitionsBetween(topic, topic.states, old.states)),
    ],
    configs: configsBetween(before, now),
    features: entriesBetween(before.features, now.features).map(({ key, ...values }) => ({ name: key, ...values })),
  };
}

function shapeOf({ name, state, partitions, replicationFactor, growth }: DumpedTopic): unknown {
  return [name, state, partitions, replicationFactor, growth];
}

function partitionsBetween(
  { name }: DumpedTopic,
  now: Readonly<Record<string, PartitionState>>,
  before: Readonly<Record<string, PartitionState>>,
): DumpDifference["partitions"] {
  return entriesBetween(before, now).map(({ key, ...states }) => ({ topic: name, partition: Number(key), ...states }));
}

function configsBetween(before: ClusterDump, now: ClusterDump): DumpDifference["configs"] {
  const keyOf = ({ type, entity }: { readonly type: string; readonly entity: string }): string => `${type}/${entity}`;
  const was = new Map(before.configs.map((config) => [keyOf(config), config]));
  const is = new Map(now.configs.map((config) => [keyOf(config), config]));
  return [...new Set([...was.keys(), ...is.keys()])].toSorted().flatMap((at) => {
    const { type, entity } = (is.get(at) ?? was.get(at))!;
    const values = entriesBetween(was.get(at)?.values ?? {}, is.get(at)?.values ?? {});
    return values.map((one) => ({ type, entity, ...one }));
  });
}

interface Between<V> {
  readonly key: string;
  readonly before: V | undefined;
  readonly now: V | undefined;
}

function entriesBetween<V>(before: Readonly<Record<string, V>>, now: Readonly<Record<string, V>>): Between<V>[] {
  return [...new Set([...Object.keys(before), ...Object.keys(now)])]
    .map((key) => ({
      key,
      before: Object.hasOwn(before, key) ? before[key] : undefined,
      now: Object.hasOwn(now, key) ? now[key] : undefined,
    }))
    .filter((one) => !isSame(one.before, one.now));
}

/** Of values as JSON has them. */
function isSame(a: unknown, b: unknown): boolean {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return a === b;
  const [ofA, ofB] = [Object.entries(a), Object.entries(b)];
  return ofA.length === ofB.length && ofA.every(([key, value]) => isSame(value, (b as Record<string, unknown>)[key]));
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}

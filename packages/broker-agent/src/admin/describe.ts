/** A cluster as it is shown to people: all of it from an image, and nothing asked. */
import { entityName } from "../config/entity.ts";
import { settingOf } from "../config/settings.ts";
import type { ClusterImage } from "../image/cluster-image.ts";
import type { BrokerView, PartitionView, TopicView } from "../image/views.ts";
import { reassignmentProgress } from "../partition/reassignment.ts";
import type {
  BrokerDescription,
  ClusterDescription,
  DescribeTopicsOptions,
  PartitionDescription,
  RequestedElection,
  RunningReassignment,
  TopicDescription,
  TopicPartition,
} from "./api.ts";

/** Partitions that clients see, of all live topics: topics by name, partitions by number. */
export function* livePartitions(
  image: ClusterImage,
  names: readonly string[] = listTopics(image),
): Generator<{ readonly topic: TopicView; readonly view: PartitionView }, void, undefined> {
  for (const name of names) {
    const topic = image.topic(name);
    if (topic?.state !== "live") continue;
    for (const view of visible(image, topic)) yield { topic, view };
  }
}

export function listTopics(image: ClusterImage): string[] {
  return [...image.topics()]
    .filter(({ state }) => state === "live")
    .map(({ name }) => name)
    .toSorted();
}

/** Also those that are being made or deleted, where they are asked for by name. */
export function describeTopics(image: ClusterImage, options: DescribeTopicsOptions = {}): TopicDescription[] {
  const { topics = listTopics(image), only } = options;
  const described: TopicDescription[] = [];
  for (const name of topics) {
    const topic = image.topic(name);
    if (topic === undefined) continue;
    const minInSync = Number(settingOf(image, "min.insync.replicas", { topic: name }));
    let partitions = visible(image, topic).map((view) => describePartition(topic, view, minInSync, image));
    if (only !== undefined) {
      partitions = partitions.filter((one) => only.some((what) => one[what]));
      if (partitions.length === 0) continue;
    }
    described.push({
      name,
      id: topic.id,
      state: topic.state,
      replicationFactor: topic.replicationFactor,
      growsTo: topic.growth?.to,
      configs: image.config("topics", entityName({ type: "topics", name }))?.values ?? {},
      partitions,
    });
  }
  return described;
}

/** By number. */
function visible(image: ClusterImage, topic: TopicView): PartitionView[] {
  const views: PartitionView[] = [];
  for (let partition = 0; partition < topic.partitions; partition += 1) {
    const view = image.partition(topic.id, partition);
    if (view !== undefined) views.push(view);
  }
  return views;
}

function describePartition(
  { name }: TopicView,
  { partition, state }: PartitionView,
  minInSync: number,
  image: ClusterImage,
): PartitionDescription {
  const { replicas, isr, leader, leaderEpoch, adding, removing, recovering } = state;
  // While there is no controller, one that is gone stands there still.
  const isLed = leader !== null && image.broker(leader) !== undefined;
  // Without a leader nobody is in sync with it: what stands there is who was last.
  const inSync = isLed ? isr.length : 0;
  return {
    topic: name,
    partition,
    replicas,
    isr,
    leader,
    leaderEpoch,
    adding,
    removing,
    recovering,
    underReplicated: inSync < replicas.length - adding.length,
    underMinIsr: inSync < minInSync,
    atMinIsr: inSync === minInSync,
    unavailable: !isLed,
  };
}

export function describeBrokers(image: ClusterImage, controller: ClusterDescription["controller"]): ClusterDescription {
  const counts = countsOf(image);
  const brokers = [...image.brokers()].toSorted((a, b) => a.id - b.id);
  let partitions = 0;
  let topics = 0;
  for (const topic of image.topics()) {
    if (topic.state !== "live") continue;
    topics += 1;
    partitions += topic.partitions;
  }
  return {
    clusterId: image.cluster?.clusterId,
    controller,
    features: image.cluster?.features ?? {},
    brokers: brokers.map((broker) => describeBroker(broker, counts.get(broker.id))),
    missingBrokers: [...counts.keys()].filter((id) => image.broker(id) === undefined).toSorted((a, b) => a - b),
    topics,
    partitions,
    zxid: image.zxid,
  };
}

interface Counts {
  replicas: number;
  leads: number;
}

function countsOf(image: ClusterImage): Map<number, Counts> {
  const counts = new Map<number, Counts>();
  for (const id of image.keepers()) {
    const own = { replicas: 0, leads: 0 };
    for (const { state } of image.keptBy(id)) {
      own.replicas += 1;
      if (state.leader === id) own.leads += 1;
    }
    counts.set(id, own);
  }
  return counts;
}

function describeBroker(broker: BrokerView, counts: Counts = { replicas: 0, leads: 0 }): BrokerDescription {
  const { id, status, endpoints, rack, epoch, features, failedReplicas } = broker;
  return { id, status, endpoints, rack, epoch, features, ...counts, failed: failedReplicas.length };
}

/** In the order asked for; default: all, by topic and number. */
export function listReassignments(image: ClusterImage, partitions?: readonly TopicPartition[]): RunningReassignment[] {
  const running: RunningReassignment[] = [];
  const add = (topic: string, view: PartitionView | undefined): void => {
    const progress = view === undefined ? undefined : reassignmentProgress(view.state);
    if (view === undefined || progress === undefined) return;
    const { replicas, adding, removing } = view.state;
    running.push({ topic, partition: view.partition, replicas, adding, removing, ...progress });
  };
  if (partitions === undefined) {
    for (const { topic, view } of livePartitions(image)) add(topic.name, view);
    return running;
  }
  for (const { topic: name, partition } of partitions) {
    const topic = image.topic(name);
    if (topic?.state === "live") add(name, image.partition(topic.id, partition));
  }
  return running;
}

/** Those that the wrong one leads, or nobody: the first ones, at most so many. */
export function wantingElection(image: ClusterImage, kind: RequestedElection, max: number): TopicPartition[] {
  const wanting: TopicPartition[] = [];
  for (const { topic, view } of livePartitions(image)) {
    if (wanting.length === max) break;
    const { leader, replicas } = view.state;
    const wants = kind === "preferred" ? leader !== replicas[0] : leader === null;
    if (wants) wanting.push({ topic: topic.name, partition: view.partition });
  }
  return wanting;
}

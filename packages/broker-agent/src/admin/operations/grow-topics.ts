/** Adds partitions to topics, in the pattern that they have, at once or by way of `growth`. Kafka's CreatePartitions. */
import { op, type Operation } from "@corral/client";
import type { ClusterImage } from "../../image/cluster-image.ts";
import type { TopicView } from "../../image/views.ts";
import { isReassigning } from "../../partition/state.ts";
import { type PlacementPlan, topicCodec, type TopicRecord } from "../../records.ts";
import {
  ASSIGNED_MAX,
  flagAt,
  integerAt,
  listAt,
  optional,
  recordAt,
  replicasAt,
  textAt,
  TOPICS_PER_REQUEST,
} from "../arguments.ts";
import type { AdminOperation } from "../operation.ts";
import { planOn, promisedReplicas } from "../placement.ts";
import { Refused } from "../refusal.ts";
import { type ActiveBrokers, activeBrokers } from "../active.ts";
import type { OperationOptions } from "./options.ts";
import {
  bytesOf,
  checkAssignment,
  checkPartitionCount,
  checkReplicationFactor,
  Effects,
  itemOf,
  liveTopic,
  partitionsMade,
} from "./topic-items.ts";

interface Spec {
  readonly topic: string;
  readonly partitions: number;
  readonly replicas: readonly (readonly number[])[] | undefined;
}

export function createPartitions({ policy }: OperationOptions): AdminOperation {
  return {
    name: "createPartitions",
    decide({ image }, args) {
      const { topics, validateOnly } = recordAt(args, "args");
      const specs = listAt(topics, "topics", TOPICS_PER_REQUEST).map(specAt);
      const isTrial = flagAt(validateOnly, "validateOnly");
      const active = activeBrokers(image);
      const effects = new Effects();
      const seen = new Set<string>();
      let mutations = 0;
      const items = specs.map((spec, at) =>
        itemOf({ topic: spec.topic }, () => {
          if (seen.has(spec.topic)) throw new Refused("INVALID_REQUEST", `topic '${spec.topic}' is asked for twice`);
          seen.add(spec.topic);
          const topic = liveTopic(image, spec.topic);
          const plan = planOf(image, topic, spec, active);
          const why = policy?.({ op: "createPartitions", args: spec });
          if (why !== undefined) throw new Refused("POLICY_VIOLATION", why);
          if (!isTrial) {
            const left = specs.length - at - 1;
            write(image, topic, { to: spec.partitions, plan }, { active, effects, left });
            mutations += spec.partitions - topic.partitions;
          }
          return { partitions: spec.partitions, id: topic.id };
        }),
      );
      return { together: effects.operations, guards: effects.guards, result: { topics: items }, mutations };
    },
  };
}

function planOf(image: ClusterImage, topic: TopicView, spec: Spec, active: ActiveBrokers): PlacementPlan {
  const { name, partitions, growth } = topic;
  if (growth !== null) throw new Refused("INVALID_PARTITIONS", `topic '${name}' is growing to ${growth.to} already`);
  checkPartitionCount(spec.partitions);
  if (spec.partitions <= partitions) {
    throw new Refused(
      "INVALID_PARTITIONS",
      `topic '${name}' has ${partitions} partitions: ${spec.partitions} are not more`,
    );
  }
  for (const { partition, state } of image.partitionsOf(topic.id)) {
    if (isReassigning(state)) {
      throw new Refused("REASSIGNMENT_IN_PROGRESS", `partition ${partition} of '${name}' is being reassigned`);
    }
  }
  const pattern = image.partition(topic.id, 0)?.state.replicas;
  if (pattern === undefined)
    throw new Refused("INVALID_PARTITIONS", `topic '${name}' has no partition 0 to go on from`);
  const added = spec.partitions - partitions;
  if (spec.replicas !== undefined) {
    if (spec.replicas.length !== added) {
      throw new Refused(
        "INVALID_REPLICA_ASSIGNMENT",
        `replicas are given for ${spec.replicas.length} of ${added} new partitions`,
      );
    }
    checkAssignment(image, spec.replicas, pattern.length);
    return { kind: "manual", from: partitions, replicas: spec.replicas };
  }
  checkReplicationFactor(pattern.length, active);
  return planOn(active.brokers, pattern.length, pattern[0] as number);
}

function write(
  image: ClusterImage,
  topic: TopicView,
  growth: NonNullable<TopicRecord["growth"]>,
  { active, effects, left }: { readonly active: ActiveBrokers; readonly effects: Effects; readonly left: number },
): void {
  const { name, id, state, replicationFactor, partitions, version } = topic;
  const set = (record: TopicRecord): Operation<unknown> =>
    op.set(image.paths.topic(name), record, { codec: topicCodec, ifMatch: { version } });
  if (growth.to - partitions < effects.room) {
    const replicas = promisedReplicas({ partitions, growth });
    const made = partitionsMade(image, id, partitions, replicas, active);
    const whole: TopicRecord = { name, id, state, replicationFactor, partitions: growth.to, growth: null };
    const operations = [...made.operations, set(whole)];
    if (effects.tryAdd({ operations, bytes: made.bytes + bytesOf(topicCodec, whole), guards: made.guards }, left))
      return;
  }
  const record: TopicRecord = { name, id, state, replicationFactor, partitions, growth };
  effects.add({ operations: [set(record)], bytes: bytesOf(topicCodec, record) });
}

function specAt(value: unknown, at: number): Spec {
  const what = `topics[${at}]`;
  const spec = recordAt(value, what);
  return {
    topic: textAt(spec["topic"], `${what}.topic`),
    partitions: integerAt(spec["partitions"], `${what}.partitions`),
    replicas: optional(spec["replicas"], (list) => replicasAt(list, `${what}.replicas`, ASSIGNED_MAX)),
  };
}

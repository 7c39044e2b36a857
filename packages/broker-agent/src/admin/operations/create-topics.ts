/**
 * Makes topics: at once with all their partitions where the transaction has room for them, else as `creating`, for the topics duty to go on
 * with. Kafka's CreateTopics; F20 to F25 in Kafka's own words: manual assignment, validate only, names, ids, racks.
 */
import { op, type Operation } from "@corral/client";
import { valuesOfNewTopic } from "../../config/alter-operation.ts";
import { entityName } from "../../config/entity.ts";
import { settingOf } from "../../config/settings.ts";
import type { Term } from "../../controller/duty.ts";
import type { ClusterImage } from "../../image/cluster-image.ts";
import { configCodec, type ConfigRecord, type PlacementPlan, topicCodec, type TopicRecord } from "../../records.ts";
import { checkTopicName, collisionKey } from "../../topic-name.ts";
import {
  ASSIGNED_MAX,
  flagAt,
  integerAt,
  listAt,
  optional,
  recordAt,
  replicasAt,
  textAt,
  textsAt,
  TOPICS_PER_REQUEST,
} from "../arguments.ts";
import { drawBelow, drawName } from "../../draw.ts";
import type { AdminOperation } from "../operation.ts";
import { planAnew, promisedReplicas } from "../placement.ts";
import { Refused } from "../refusal.ts";
import { type ActiveBrokers, activeBrokers } from "../active.ts";
import type { OperationOptions } from "./options.ts";
import {
  checkAssignment,
  checkPartitionCount,
  checkReplicationFactor,
  bytesOf,
  Effects,
  itemOf,
  partitionsMade,
  type Sized,
} from "./topic-items.ts";

/** Effects of a topic whose partitions come later: its configuration, the parent of its partitions, itself. */
const EFFECTS_LEAST = 3;

interface Spec {
  readonly name: string;
  readonly partitions: number | undefined;
  readonly replicationFactor: number | undefined;
  readonly replicas: readonly (readonly number[])[] | undefined;
  readonly configs: Readonly<Record<string, string>>;
}

export function createTopics(options: OperationOptions): AdminOperation {
  return {
    name: "createTopics",
    decide(term, args, by) {
      const { topics, validateOnly } = recordAt(args, "args");
      const specs = listAt(topics, "topics", TOPICS_PER_REQUEST).map(specAt);
      const isTrial = flagAt(validateOnly, "validateOnly");
      const making = new Making(term, by, specs.length);
      const items = specs.map((spec) =>
        itemOf({ name: spec.name }, () => {
          making.checkName(spec.name);
          const values = valuesOfNewTopic(spec.name, spec.configs, options);
          const why = options.policy?.({ op: "createTopics", args: spec });
          if (why !== undefined) throw new Refused("POLICY_VIOLATION", why);
          return making.make({ ...spec, configs: values }, isTrial);
        }),
      );
      return {
        together: making.effects.operations,
        guards: making.effects.guards,
        result: { topics: items },
        mutations: isTrial ? 0 : items.reduce((sum, { partitions = 0 }) => sum + partitions, 0),
      };
    },
  };
}

class Making {
  readonly effects: Effects = new Effects();
  readonly #term: Term;
  readonly #image: ClusterImage;
  readonly #by: string;
  readonly #active: ActiveBrokers;
  /** Topics that are still to come. */
  #left: number;
  /** Names by what they collide in, those of this request too. */
  readonly #names = new Map<string, string>();

  constructor(term: Term, by: string, topics: number) {
    this.#left = topics;
    this.#term = term;
    this.#image = term.image;
    this.#by = by;
    this.#active = activeBrokers(term.image);
    for (const { name } of term.image.topics()) this.#names.set(collisionKey(name), name);
  }

  checkName(name: string): void {
    this.#left -= 1;
    try {
      checkTopicName(name);
    } catch (error) {
      if (error instanceof RangeError) throw new Refused("INVALID_TOPIC", error.message);
      throw error;
    }
    const there = this.#names.get(collisionKey(name));
    if (there === name) {
      const isGoing = this.#image.topic(name)?.state === "deleting";
      throw new Refused("TOPIC_ALREADY_EXISTS", `topic '${name}' ${isGoing ? "is still being deleted" : "exists"}`);
    }
    if (there !== undefined) throw new Refused("INVALID_TOPIC", `'${name}' collides with topic '${there}'`);
  }

  make(
    spec: Spec,
    isTrial: boolean,
  ): { readonly partitions: number; readonly replicationFactor: number; readonly id?: string } {
    const { plan, partitions, replicationFactor } = this.#planOf(spec);
    const made = { partitions, replicationFactor };
    const { name } = spec;
    const id = drawName(this.#term.client.random);
    const growth = { to: partitions, plan };
    if (!isTrial) this.#write({ name, id, state: "creating", partitions: 0, replicationFactor, growth }, spec);
    this.#names.set(collisionKey(name), name);
    return isTrial ? made : { ...made, id };
  }

  #planOf(spec: Spec): {
    readonly plan: PlacementPlan;
    readonly partitions: number;
    readonly replicationFactor: number;
  } {
    const { replicas } = spec;
    if (replicas !== undefined) {
      if (spec.partitions !== undefined || spec.replicationFactor !== undefined) {
        throw new Refused("INVALID_REQUEST", "replicas are given, and partitions or replicationFactor beside them");
      }
      checkPartitionCount(replicas.length);
      const replicationFactor = replicas[0]?.length ?? 0;
      checkAssignment(this.#image, replicas, replicationFactor);
      return { plan: { kind: "manual", from: 0, replicas }, partitions: replicas.length, replicationFactor };
    }
    const partitions = spec.partitions ?? Number(settingOf(this.#image, "num.partitions"));
    const replicationFactor = spec.replicationFactor ?? Number(settingOf(this.#image, "default.replication.factor"));
    checkPartitionCount(partitions);
    checkReplicationFactor(replicationFactor, this.#active);
    const plan = planAnew(this.#active.brokers, replicationFactor, (below) =>
      drawBelow(this.#term.client.random, below),
    );
    return { plan, partitions, replicationFactor };
  }

  #write(record: TopicRecord, { configs }: Spec): void {
    const { paths } = this.#image;
    const { id, name } = record;
    const { effects } = this;
    const config = this.#config(name, configs);
    const beside = [op.create(paths.partitionsOf(id), null, { parents: true }), ...config.operations];
    const topic = (written: TopicRecord): Operation<unknown> =>
      op.create(paths.topic(name), written, { codec: topicCodec, parents: true });
    const to = record.growth?.to ?? 0;
    const whole: TopicRecord = { ...record, state: "live", partitions: to, growth: null };
    const bytes = config.bytes + bytesOf(topicCodec, whole);
    const made =
      to < effects.room ? partitionsMade(this.#image, id, 0, promisedReplicas(record), this.#active) : undefined;
    const operations = [...beside, ...(made?.operations ?? []), topic(whole)];
    if (made !== undefined) {
      const all = { operations, bytes: bytes + made.bytes, guards: made.guards };
      if (effects.tryAdd(all, this.#left * EFFECTS_LEAST)) return;
    }
    effects.add({ operations: [...beside, topic(record)], bytes: config.bytes + bytesOf(topicCodec, record) });
  }

  /** What an earlier topic of this name has left behind is not this one's. */
  #config(name: string, values: Readonly<Record<string, string>>): Sized {
    const entity = entityName({ type: "topics", name });
    const path = this.#image.paths.configOf("topics", entity);
    const isThere = this.#image.config("topics", entity) !== undefined;
    if (Object.keys(values).length === 0) return { operations: isThere ? [op.delete(path)] : [], bytes: 0 };
    const record: ConfigRecord = { values, by: this.#by, atMs: this.#term.client.clock.wallMs() };
    const operation = isThere
      ? op.set(path, record, { codec: configCodec })
      : op.create(path, record, { codec: configCodec, parents: true });
    return { operations: [operation], bytes: bytesOf(configCodec, record) };
  }
}

function specAt(value: unknown, at: number): Spec {
  const what = `topics[${at}]`;
  const spec = recordAt(value, what);
  return {
    name: textAt(spec["name"], `${what}.name`),
    partitions: optional(spec["partitions"], (n) => integerAt(n, `${what}.partitions`)),
    replicationFactor: optional(spec["replicationFactor"], (n) => integerAt(n, `${what}.replicationFactor`)),
    replicas: optional(spec["replicas"], (list) => replicasAt(list, `${what}.replicas`, ASSIGNED_MAX)),
    configs: optional(spec["configs"], (texts) => textsAt(texts, `${what}.configs`)) ?? {},
  };
}

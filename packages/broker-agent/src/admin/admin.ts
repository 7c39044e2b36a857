/** `clusterAdmin`: puts together what shows a cluster and what asks its controller. No logic of its own but how answers are handed on. */
import type { CallOptions, Client } from "@corral/client";
import { election } from "@corral/recipes";
import type { AlteredConfig } from "../config/alter-operation.ts";
import { ALTERATIONS_MAX, type ConfigAlteration } from "../config/alteration.ts";
import { describeConfig, type DescribedConfig, type DescribeOptions } from "../config/describe.ts";
import type { ConfigEntity } from "../config/entity.ts";
import { ClusterImage } from "../image/cluster-image.ts";
import type { Delta } from "../image/views.ts";
import { pathsOf } from "../layout.ts";
import type {
  AdminOptions,
  ClusterAdmin,
  ClusterDescription,
  CreatedTopic,
  CreateOptions,
  DescribeTopicsOptions,
  FeatureUpdate,
  GrowthSpec,
  Item,
  PlanOptions,
  Reassignment,
  ReassignmentPlan,
  RequestedElection,
  RequestOptions,
  RunningReassignment,
  TopicDescription,
  TopicPartition,
  TopicSpec,
} from "./api.ts";
import { Asking } from "./asking.ts";
import { describeBrokers, describeTopics, listReassignments, listTopics, wantingElection } from "./describe.ts";
import { diffDumps, dumpOf } from "./dump.ts";
import type { ClusterDump, DumpDifference, Restored, RestoreOptions } from "./dump-api.ts";
import type { AdminError } from "./error.ts";
import { Items, ITEMS_MAX } from "./items.ts";
import { generatePlan } from "./plan.ts";
import { restoreInto } from "./restore.ts";
import { type Throttled, throttleWith, unthrottle } from "./throttle.ts";
import { type Asker, createPartitions, createTopics, deleteTopics } from "./topics.ts";
import { until } from "./until.ts";

/** Opens an image of the cluster: resolves when that is in sync. Whoever has one open already need not open another: `adminOf`. */
export async function clusterAdmin(client: Client, options: AdminOptions): Promise<ClusterAdmin> {
  const image = await ClusterImage.open(client, pathsOf(options.cluster, options.root), {
    signal: options.signal,
    timeoutMs: options.timeoutMs,
  });
  return new Admin(client, image, options, true);
}

/** By an image that is open, and stays open. */
export function adminOf(client: Client, image: ClusterImage, options: AdminOptions): ClusterAdmin {
  return new Admin(client, image, options, false);
}

class Admin implements ClusterAdmin {
  readonly image: ClusterImage;
  readonly #client: Client;
  readonly #options: AdminOptions;
  readonly #by: string;
  readonly #asking: Asking;
  readonly #items: Items;
  readonly #ownsImage: boolean;

  constructor(client: Client, image: ClusterImage, options: AdminOptions, ownsImage: boolean) {
    this.image = image;
    this.#client = client;
    this.#options = options;
    this.#by = options.by ?? "admin";
    this.#asking = new Asking(client, image.paths, this.#by);
    this.#items = new Items(this.#asking, image);
    this.#ownsImage = ownsImage;
  }

  async refresh(options?: CallOptions): Promise<void> {
    const deadline = this.#asking.deadline("refresh", options);
    await this.image.atLeast(await this.#client.sync(this.image.paths.cluster, deadline.rest()), deadline.rest());
  }

  async request(op: string, args: unknown, options: RequestOptions = {}): Promise<unknown> {
    const deadline = this.#asking.deadline(op, options);
    const answer = await this.#asking.ask(op, args, this.#asking.keyOf(options), deadline);
    await this.#items.shown([{ answer }], deadline);
    return answer.value;
  }

  async createTopic(spec: TopicSpec, options?: CreateOptions): Promise<CreatedTopic> {
    return only(await this.createTopics([spec], options));
  }

  createTopics(specs: readonly TopicSpec[], options: CreateOptions = {}): Promise<Item<CreatedTopic>[]> {
    return createTopics(this.#asker, specs, options);
  }

  createPartitions(
    specs: readonly GrowthSpec[],
    options: CreateOptions = {},
  ): Promise<Item<{ readonly topic: string; readonly partitions: number }>[]> {
    return createPartitions(this.#asker, specs, options);
  }

  async deleteTopic(name: string, options?: RequestOptions & { readonly wait?: boolean }): Promise<void> {
    only(await this.deleteTopics([name], options));
  }

  deleteTopics(
    names: readonly string[],
    options: RequestOptions & { readonly wait?: boolean } = {},
  ): Promise<Item<{ readonly name: string }>[]> {
    return deleteTopics(this.#asker, names, options);
  }

  electLeaders(
    kind: RequestedElection,
    partitions: readonly TopicPartition[] = wantingElection(this.image, kind, ITEMS_MAX),
    options: RequestOptions = {},
  ): Promise<Item<TopicPartition>[]> {
    return this.#eachPartition("electLeaders", partitions, (some) => ({ kind, partitions: some }), options);
  }

  reassign(reassignments: readonly Reassignment[], options: RequestOptions = {}): Promise<Item<TopicPartition>[]> {
    const argsOf = (partitions: readonly Reassignment[]): unknown => ({ partitions });
    return this.#eachPartition("alterPartitionReassignments", reassignments, argsOf, options);
  }

  cancelReassignment(
    partitions: readonly TopicPartition[] = listReassignments(this.image).slice(0, ITEMS_MAX),
    options?: RequestOptions,
  ): Promise<Item<TopicPartition>[]> {
    const cancelled = partitions.map(({ topic, partition }) => ({ topic, partition, replicas: null }));
    return this.reassign(cancelled, options);
  }

  listReassignments(partitions?: readonly TopicPartition[]): RunningReassignment[] {
    return listReassignments(this.image, partitions);
  }

  generatePlan(options: PlanOptions): ReassignmentPlan {
    return generatePlan(this.#client, this.image, options);
  }

  async waitForReassignments(partitions?: readonly TopicPartition[], options?: CallOptions): Promise<void> {
    const deadline = this.#asking.deadline("waitForReassignments", options);
    await until(this.image, deadline, () => listReassignments(this.image, partitions).length === 0);
  }

  async describeCluster(options?: CallOptions): Promise<ClusterDescription> {
    const leader = await election(this.#client, this.image.paths.controller).current(options);
    const controller = leader === undefined ? undefined : { broker: Number(leader.identity), epoch: leader.term };
    return describeBrokers(this.image, controller);
  }

  describeTopics(options?: DescribeTopicsOptions): TopicDescription[] {
    return describeTopics(this.image, options);
  }

  listTopics(): string[] {
    return listTopics(this.image);
  }

  async unregisterBroker(id: number, options: RequestOptions & { readonly force?: boolean } = {}): Promise<void> {
    await this.request("unregisterBroker", { broker: id, force: options.force ?? false }, options);
  }

  async updateFeatures(
    updates: Readonly<Record<string, FeatureUpdate>>,
    options?: RequestOptions,
  ): Promise<Readonly<Record<string, number>>> {
    const value = await this.request("updateFeatures", { updates }, options);
    return (value as { readonly features: Readonly<Record<string, number>> }).features;
  }

  async alterConfigs(
    alterations: readonly ConfigAlteration[],
    options: RequestOptions & { readonly validateOnly?: boolean } = {},
  ): Promise<AlteredConfig[]> {
    const { validateOnly = false } = options;
    return (await this.request("alterConfigs", { alterations, validateOnly }, options)) as AlteredConfig[];
  }

  describeConfig(entity: ConfigEntity, options?: DescribeOptions): DescribedConfig {
    return describeConfig(this.image, entity, { schema: this.#options.schema, ...options });
  }

  async setReplicationThrottle(
    bytesPerSecond: number | null,
    which: Throttled = {},
    options: RequestOptions = {},
  ): Promise<void> {
    const alterations =
      bytesPerSecond === null ? unthrottle(this.image, which) : throttleWith(this.image, bytesPerSecond, which);
    const deadline = this.#asking.deadline("alterConfigs", options);
    const argsOf = (some: readonly ConfigAlteration[]): unknown => ({ alterations: some });
    const key = this.#asking.keyOf(options);
    const parts = await this.#asking.askInParts("alterConfigs", alterations, ALTERATIONS_MAX, argsOf, key, deadline);
    await this.#items.shown(parts, deadline);
    for (const { refusal } of parts) if (refusal !== undefined) throw refusal;
  }

  dump(): ClusterDump {
    return dumpOf(this.image, this.#options.cluster);
  }

  diff(before: ClusterDump): DumpDifference {
    return diffDumps(before, this.dump());
  }

  async restore(dump: ClusterDump, options: RestoreOptions = {}): Promise<Restored> {
    const deadline = this.#asking.deadline("restore", options);
    await this.refresh(deadline.rest());
    const { force = false } = options;
    const restored = await restoreInto(
      { client: this.#client, image: this.image, by: this.#by, force, deadline },
      dump,
    );
    await this.refresh(deadline.rest());
    return restored;
  }

  watch(listener: (delta: Delta) => void): () => void {
    return this.image.on(listener);
  }

  async close(): Promise<void> {
    if (this.#ownsImage) await this.image.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #eachPartition<I extends TopicPartition>(
    op: string,
    items: readonly I[],
    argsOf: (part: readonly I[]) => unknown,
    options: RequestOptions,
  ): Promise<Item<TopicPartition>[]> {
    const nameOf = ({ topic, partition }: I): TopicPartition => ({ topic, partition });
    const deadline = this.#asking.deadline(op, options);
    return this.#items.each<I, TopicPartition, object>(
      { op, kind: "partitions", items, argsOf, nameOf },
      options,
      deadline,
    );
  }

  get #asker(): Asker {
    return { image: this.image, asking: this.#asking, items: this.#items };
  }
}

/** Of a call with one item. */
function only<T extends { readonly error: AdminError | undefined }>([item]: readonly T[]): T {
  if (item === undefined) throw new Error("one thing was asked for, and nothing answered");
  if (item.error !== undefined) throw item.error;
  return item;
}

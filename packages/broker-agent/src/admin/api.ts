/**
 * A cluster as those see it who administer it. Everything shown is read from an image in memory; everything changed is asked of the
 * controller, which does it once.
 *
 * Owns the words only.
 */
import type { CallOptions } from "@corral/client";
import type { AlteredConfig } from "../config/alter-operation.ts";
import type { ConfigAlteration } from "../config/alteration.ts";
import type { DescribedConfig, DescribeOptions } from "../config/describe.ts";
import type { ConfigEntity } from "../config/entity.ts";
import type { SettingSchema } from "../config/settings.ts";
import type { ClusterImage } from "../image/cluster-image.ts";
import type { Delta } from "../image/views.ts";
import type { ReassignmentProgress } from "../partition/reassignment.ts";
import type { BrokerStatus, Endpoint } from "../records.ts";
import type { ClusterDump, DumpDifference, RestoreOptions, Restored } from "./dump-api.ts";
import type { AdminError } from "./error.ts";

export interface AdminOptions extends CallOptions {
  readonly cluster: string;
  /** Where clusters stand. Default `/clusters`. */
  readonly root?: string | undefined;
  /** Who asks: for quotas, and kept with configurations. At most 200 characters. Default `admin`. */
  readonly by?: string | undefined;
  /** What `mergeSchema` makes of the host's settings, for `describeConfig`. Default: the settings of this package alone. */
  readonly schema?: SettingSchema | undefined;
}

/** The time limit (default: the client's) is for the answer, and what is waited for after it. A request that nobody answered in time is withdrawn. */
export interface RequestOptions extends CallOptions {
  /**
   * Names what is asked, for one who may ask it again, in another process even: what has this key is done once within an hour, and all who
   * ask get the same answer. At most 160 characters. Default: drawn.
   */
  readonly key?: string | undefined;
}

export interface TopicSpec {
  readonly name: string;
  /** Default: the setting `num.partitions`. */
  readonly partitions?: number | undefined;
  /** Default: the setting `default.replication.factor`. */
  readonly replicationFactor?: number | undefined;
  /** Replicas of partitions 0, 1 …, the preferred leader first; instead of the two numbers. */
  readonly replicas?: readonly (readonly number[])[] | undefined;
  readonly configs?: Readonly<Record<string, string>> | undefined;
}

export interface CreateOptions extends RequestOptions {
  /** Only say what would come of it. Default false. */
  readonly validateOnly?: boolean | undefined;
  /** Resolve when clients can see it; else as soon as it is certain to come. Default true. */
  readonly wait?: boolean | undefined;
}

/** What became of one of the things asked for; those beside it are not touched by its error. */
export type Item<T> = T & { readonly error: AdminError | undefined };

export interface CreatedTopic {
  readonly name: string;
  /** Undefined with an error, and of `validateOnly`. */
  readonly id: string | undefined;
  readonly partitions: number;
  readonly replicationFactor: number;
}

export interface GrowthSpec {
  readonly topic: string;
  /** That it is to have; more than it has. */
  readonly partitions: number;
  /** Replicas of the new ones, in order. Default: the pattern of the topic goes on. */
  readonly replicas?: readonly (readonly number[])[] | undefined;
}

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** `preferred`: back to the first replica. `unclean`: where nobody in sync lives, any replica that does; committed data may be lost. */
export type RequestedElection = "preferred" | "unclean";

export interface Reassignment extends TopicPartition {
  /** In order of preference; null cancels the one that runs. */
  readonly replicas: readonly number[] | null;
}

export interface RunningReassignment extends TopicPartition, ReassignmentProgress {
  readonly replicas: readonly number[];
  readonly adding: readonly number[];
  readonly removing: readonly number[];
}

export interface PlanOptions {
  /** Those that are to keep replicas from now on. All must be registered. */
  readonly brokers: readonly number[];
  /** Default: all. */
  readonly topics?: readonly string[] | undefined;
  /** `minimal` (default): as little moves as balance allows. `anew`: as if the topics were made now; nearly everything moves. */
  readonly kind?: "minimal" | "anew" | undefined;
  /** Default: racks count if all of the brokers have one. */
  readonly racks?: "safe" | "enforced" | "ignored" | undefined;
}

export interface ReassignmentPlan {
  /** For `reassign`: those partitions that change. */
  readonly reassignments: readonly (TopicPartition & { readonly replicas: readonly number[] })[];
  /** What they have now, to go back. */
  readonly before: readonly (TopicPartition & { readonly replicas: readonly number[] })[];
  /** Replicas that go to a broker where they are not. */
  readonly moves: number;
}

export interface BrokerDescription {
  readonly id: number;
  readonly status: BrokerStatus;
  readonly endpoints: readonly Endpoint[];
  readonly rack: string | null;
  readonly epoch: number;
  readonly features: Readonly<Record<string, { readonly min: number; readonly max: number }>>;
  /** Partitions that it keeps, and those of them that it leads. */
  readonly replicas: number;
  readonly leads: number;
  /** Kept replicas that its disk has lost. */
  readonly failed: number;
}

export interface ClusterDescription {
  /** Undefined before any broker was there. */
  readonly clusterId: string | undefined;
  readonly controller: { readonly broker: number; readonly epoch: number } | undefined;
  readonly features: Readonly<Record<string, number>>;
  /** By id. */
  readonly brokers: readonly BrokerDescription[];
  /** Brokers that keep replicas and are not registered. */
  readonly missingBrokers: readonly number[];
  readonly topics: number;
  readonly partitions: number;
  /** What it was read at. */
  readonly zxid: number;
}

export interface PartitionDescription extends TopicPartition {
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
  readonly leader: number | null;
  readonly leaderEpoch: number;
  readonly adding: readonly number[];
  readonly removing: readonly number[];
  readonly recovering: boolean;
  /** Fewer are in sync than it has replicas, those that are only being added not counted. */
  readonly underReplicated: boolean;
  /** Fewer, or just as many, are in sync as `min.insync.replicas` says. Where nobody leads, nobody is in sync. */
  readonly underMinIsr: boolean;
  readonly atMinIsr: boolean;
  /** Nobody leads, or one that is not registered now: there may be no controller to elect another. */
  readonly unavailable: boolean;
}

export interface TopicDescription {
  readonly name: string;
  readonly id: string;
  readonly state: "creating" | "live" | "deleting";
  readonly replicationFactor: number;
  /** Undefined unless partitions are being made: how many there will be. */
  readonly growsTo: number | undefined;
  /** Overrides of this topic. */
  readonly configs: Readonly<Record<string, string>>;
  /** In order. With filters: those that any of them is true of. */
  readonly partitions: readonly PartitionDescription[];
}

export interface DescribeTopicsOptions {
  /** Default: all that are live. A topic that is not there is left out. */
  readonly topics?: readonly string[] | undefined;
  /** Only partitions that one of these is true of, and topics that have any. */
  readonly only?: readonly ("underReplicated" | "underMinIsr" | "atMinIsr" | "unavailable")[] | undefined;
}

export interface FeatureUpdate {
  /** 0 takes it away. */
  readonly level: number;
  /** May the level fall? Default false. */
  readonly allowDowngrade?: boolean | undefined;
}

/** Refusals are `AdminError`s; those of single items stand in the items. Arguments that cannot be meant are RangeErrors. */
export interface ClusterAdmin extends AsyncDisposable {
  readonly image: ClusterImage;
  /** Resolves when everything that anybody was told of before is in what is shown. */
  refresh(options?: CallOptions): Promise<void>;
  /** Any operation by its name; for those that a host adds. Resolves with its result. */
  request(op: string, args: unknown, options?: RequestOptions): Promise<unknown>;

  createTopic(spec: TopicSpec, options?: CreateOptions): Promise<CreatedTopic>;
  /** At most 10,000. In the order given. */
  createTopics(specs: readonly TopicSpec[], options?: CreateOptions): Promise<Item<CreatedTopic>[]>;
  createPartitions(
    specs: readonly GrowthSpec[],
    options?: CreateOptions,
  ): Promise<Item<{ readonly topic: string; readonly partitions: number }>[]>;
  /** `wait` (default true): until the name is free again; for clients it is gone before. */
  deleteTopic(name: string, options?: RequestOptions & { readonly wait?: boolean }): Promise<void>;
  deleteTopics(
    names: readonly string[],
    options?: RequestOptions & { readonly wait?: boolean },
  ): Promise<Item<{ readonly name: string }>[]>;

  /** `partitions`: at most 10,000; default: those that want one, 10,000 of them at most. Where the right one leads already: `ELECTION_NOT_NEEDED`. */
  electLeaders(
    kind: RequestedElection,
    partitions?: readonly TopicPartition[],
    options?: RequestOptions,
  ): Promise<Item<TopicPartition>[]>;
  /** Starts, replaces or cancels, each partition for itself; at most 10,000. Resolves when that stands, not when replicas have moved. */
  reassign(reassignments: readonly Reassignment[], options?: RequestOptions): Promise<Item<TopicPartition>[]>;
  /** Default: all that run. */
  cancelReassignment(partitions?: readonly TopicPartition[], options?: RequestOptions): Promise<Item<TopicPartition>[]>;
  /** Default: all that run. */
  listReassignments(partitions?: readonly TopicPartition[]): RunningReassignment[];
  generatePlan(options: PlanOptions): ReassignmentPlan;
  /** Resolves when none of these (default: all) is moving any more. */
  waitForReassignments(partitions?: readonly TopicPartition[], options?: CallOptions): Promise<void>;

  /** Asks who the controller is; the rest is from the image. */
  describeCluster(options?: CallOptions): Promise<ClusterDescription>;
  describeTopics(options?: DescribeTopicsOptions): TopicDescription[];
  /** Names of the live ones, sorted. */
  listTopics(): string[];
  /** Of a broker that is not coming back. `BROKER_STILL_HAS_REPLICAS` unless it keeps none, or `force`. */
  unregisterBroker(id: number, options?: RequestOptions & { readonly force?: boolean }): Promise<void>;
  /** Resolves with all finalized levels. */
  updateFeatures(
    updates: Readonly<Record<string, FeatureUpdate>>,
    options?: RequestOptions,
  ): Promise<Readonly<Record<string, number>>>;

  /** All of it or nothing; at most 400 entities. In the order given. */
  alterConfigs(
    alterations: readonly ConfigAlteration[],
    options?: RequestOptions & { readonly validateOnly?: boolean },
  ): Promise<AlteredConfig[]>;
  /** Never shows a password. RangeError for what is no entity. */
  describeConfig(entity: ConfigEntity, options?: DescribeOptions): DescribedConfig;
  /**
   * How fast replicas may be copied, bytes a second, and whose: as settings, by which hosts act. KIP-73. `brokers`: default all that are
   * registered. Null takes both away.
   */
  setReplicationThrottle(
    bytesPerSecond: number | null,
    which?: { readonly brokers?: readonly number[]; readonly topics?: readonly string[] },
    options?: RequestOptions,
  ): Promise<void>;

  /** All metadata as JSON; brokers' registrations and requests are not part of it. */
  dump(): ClusterDump;
  /** What would have to happen to `before` to become what there is now. */
  diff(before: ClusterDump): DumpDifference;
  /** Into a cluster without topics and configs, unless `force`; brokers may be there. */
  restore(dump: ClusterDump, options?: RestoreOptions): Promise<Restored>;

  /** Called with each transaction's changes. The function returned ends it. */
  watch(listener: (delta: Delta) => void): () => void;
  close(): Promise<void>;
}

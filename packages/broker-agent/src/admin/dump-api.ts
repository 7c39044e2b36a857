/** The metadata of a cluster outside of it: for backups, for looking at, and for comparing two moments. */
import type { CallOptions } from "@corral/client";
import type { PartitionState } from "../partition/state.ts";
import type { TopicRecord } from "../records.ts";

export interface DumpedTopic extends TopicRecord {
  /** By number. */
  readonly states: Readonly<Record<string, PartitionState>>;
}

export interface DumpedConfig {
  readonly type: string;
  /** As in the path. */
  readonly entity: string;
  readonly values: Readonly<Record<string, string>>;
}

export interface ClusterDump {
  readonly format: 1;
  readonly cluster: string;
  readonly clusterId: string | null;
  readonly zxid: number;
  readonly features: Readonly<Record<string, number>>;
  /** By name. */
  readonly topics: readonly DumpedTopic[];
  readonly configs: readonly DumpedConfig[];
}

export interface RestoreOptions extends CallOptions {
  /** Also beside what is there: topics of the same name are kept as they are, configs overwritten. Default false. */
  readonly force?: boolean | undefined;
}

export interface Restored {
  readonly topics: readonly string[];
  /** Already there, and left as they were. */
  readonly kept: readonly string[];
  readonly partitions: number;
  readonly configs: number;
}

export interface DumpDifference {
  readonly topicsAdded: readonly string[];
  readonly topicsRemoved: readonly string[];
  /** Other state, number of partitions, replication factor or growth. A name with another id is removed and added. */
  readonly topicsChanged: readonly string[];
  readonly partitions: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly before: PartitionState | undefined;
    readonly now: PartitionState | undefined;
  }[];
  /** Key by key; undefined where there is or was none. */
  readonly configs: readonly {
    readonly type: string;
    readonly entity: string;
    readonly key: string;
    readonly before: string | undefined;
    readonly now: string | undefined;
  }[];
  readonly features: readonly {
    readonly name: string;
    readonly before: number | undefined;
    readonly now: number | undefined;
  }[];
}

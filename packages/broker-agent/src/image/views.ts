/** The cluster as its image shows it: each view is one znode at one moment, and is never changed. */
import type { PartitionState } from "../partition/state.ts";
import type { BrokerRecord, ConfigRecord, RequestRecord, TopicRecord } from "../records.ts";

export interface BrokerView extends BrokerRecord {
  /** The czxid of its registration. */
  readonly epoch: number;
  /** Of its latest change: a guard by it holds while nothing of the broker has changed. */
  readonly mzxid: number;
}

export interface TopicView extends TopicRecord {
  readonly version: number;
  readonly mzxid: number;
}

export interface PartitionView {
  readonly topicId: string;
  readonly partition: number;
  readonly state: PartitionState;
  /** Of the znode: tells two states of one leader epoch apart, and is what a change is conditional on. Kafka's partition epoch. */
  readonly version: number;
  readonly mzxid: number;
}

export interface ConfigView extends ConfigRecord {
  readonly type: string;
  /** As in the path. */
  readonly entity: string;
  readonly version: number;
  readonly mzxid: number;
}

export interface RequestView extends RequestRecord {
  readonly path: string;
  readonly czxid: number;
}

/** What became of one thing in one transaction: `before` undefined where it came, `now` undefined where it went. */
export interface Changed<V> {
  readonly before: V | undefined;
  readonly now: V | undefined;
}

/** All that one transaction changed. */
export interface Delta {
  readonly zxid: number;
  /** A broker that went and came back in one transaction, or while nobody looked, has another epoch. */
  readonly brokers: readonly Changed<BrokerView>[];
  readonly topics: readonly Changed<TopicView>[];
  readonly partitions: readonly Changed<PartitionView>[];
  readonly configs: readonly Changed<ConfigView>[];
  readonly requests: readonly Changed<RequestView>[];
}

/** The words in which administrators see groups, and ask for changes. */
import type { CallOptions } from "@corral/client";
import type { OffsetRecord, PartitionsRecord } from "../records.ts";
import type { Source, TopicPartition } from "../source.ts";

/**
 * As KIP-848 has them. `dead`: there is no such group. `empty`: no members. `assigning`: the leader has not computed the targets for the present
 * members yet. `reconciling`: members are on their way to their targets. `stable`.
 */
export type GroupState = "dead" | "empty" | "assigning" | "reconciling" | "stable";

export interface GroupSummary {
  readonly group: string;
  readonly members: number;
  /** KIP-848's group epoch; 0 if no leader has computed any target yet. */
  readonly epoch: number;
}

export interface MemberDescription {
  readonly member: string;
  readonly clientId: string;
  readonly instance: string | null;
  readonly rack: string | null;
  /** Names, or a pattern. */
  readonly subscription: { readonly topics: readonly string[] } | { readonly pattern: string };
  readonly assignors: readonly string[];
  /** The assignment epoch that it has reached; 0 at first. */
  readonly epoch: number;
  readonly rebalanceTimeoutMs: number;
  /** What it is to have. */
  readonly target: PartitionsRecord;
  readonly targetEpoch: number | null;
  /** What it has. */
  readonly owned: PartitionsRecord;
  /** Why the leader gives it nothing. */
  readonly refused: string | null;
}

export interface GroupDescription {
  readonly group: string;
  readonly state: GroupState;
  readonly epoch: number;
  readonly assignmentEpoch: number;
  readonly assignor: string | null;
  /** The member that computes the targets. */
  readonly leader: string | null;
  /** Null while there are members, and where the last one died without having left. */
  readonly emptySinceMs: number | null;
  readonly members: readonly MemberDescription[];
  /** Claims of consumers that are no members: those that named their partitions by hand, and what is left of members that are gone. */
  readonly others: readonly { readonly owner: string; readonly owned: PartitionsRecord }[];
  /** Of everything above. */
  readonly zxid: number;
}

export interface CommittedOffset extends TopicPartition, OffsetRecord {}

export interface PartitionLag extends TopicPartition {
  /** Undefined: nothing is committed. */
  readonly committed: number | undefined;
  readonly earliest: number;
  readonly latest: number;
  /** Offsets up to the end of the partition; from its beginning where nothing is committed. */
  readonly lag: number;
  /** Who has it now. */
  readonly owner: string | undefined;
}

/** Where offsets are to be set. `shift`: relative to what is committed. Results are kept within what the source has. */
export type ResetTo =
  | "earliest"
  | "latest"
  | { readonly offset: number }
  | { readonly atMs: number }
  | { readonly shift: number };

export interface ResetOptions extends CallOptions {
  readonly to: ResetTo;
  /** Default: all that the group has offsets for. */
  readonly partitions?: readonly TopicPartition[] | undefined;
  readonly source: Pick<Source<never>, "bounds" | "offsetAt">;
  /** Only tells what it would do. */
  readonly dryRun?: boolean | undefined;
}

export interface OffsetChange extends TopicPartition {
  readonly before: number | undefined;
  readonly after: number;
}

export interface RetentionOptions extends CallOptions {
  /** Default 7 days. */
  readonly retentionMs?: number | undefined;
}

/** Every call takes `signal` and `timeoutMs`. */
export interface GroupAdmin {
  /** In the order of their names. */
  list(options?: CallOptions): Promise<readonly GroupSummary[]>;
  /** The state `dead` if there is none. */
  describe(group: string, options?: CallOptions): Promise<GroupDescription>;
  /** What is committed, in the order of topics and partitions. */
  offsets(group: string, options?: CallOptions): Promise<readonly CommittedOffset[]>;
  /** Of what is committed, targeted or owned. The source is asked for the bounds of each. */
  lag(group: string, source: Pick<Source<never>, "bounds">, options?: CallOptions): Promise<readonly PartitionLag[]>;
  /**
   * Sets offsets of partitions that nobody has claimed. `NODE_EXISTS`, with the path of the claim, if somebody has: stop the consumers, or pause
   * until they have given it back. `BAD_ARGUMENTS` where the source knows no times. Changed are none or all of 200 partitions at a time.
   */
  resetOffsets(group: string, options: ResetOptions): Promise<readonly OffsetChange[]>;
  /** Of all partitions of these topics, or of these partitions. `NODE_EXISTS` if one is claimed. Resolves with how many there were. */
  deleteOffsets(
    group: string,
    what: { readonly topics: readonly string[] } | { readonly partitions: readonly TopicPartition[] },
    options?: CallOptions,
  ): Promise<number>;
  /** With its offsets. `NOT_EMPTY` while it has members or anything is claimed; `NO_NODE` if there is none. */
  deleteGroup(group: string, options?: CallOptions): Promise<void>;
  /**
   * Deletes the offsets of a group that has had no members for so long. Of a group with members its leader does the same for topics that nobody
   * subscribes to. Resolves with how many there were.
   */
  expireOffsets(group: string, options?: RetentionOptions): Promise<number>;
}

/** What stands in the znodes of a group: JSON, so that people can read it. Versions of a znode tell two states apart. */
import { type Codec, json } from "@corral/client";

/** Partition numbers by topic name, as JSON has it. */
export type PartitionsRecord = Readonly<Record<string, readonly number[]>>;

export interface GroupRecord {
  readonly format: 1;
  /** Rises with each change of members, subscriptions or topics that the leader took in; from 1. KIP-848's group epoch. */
  readonly epoch: number;
  /** The epoch that the targets were computed for. KIP-848's assignment epoch. */
  readonly assignmentEpoch: number;
  /** Of the assignor that computed them. */
  readonly assignor: string | null;
  /**
   * When the last member had left, by its wall clock: for people. Null while there are members, and where the last one died without a word. What
   * decides is the znode's `mtime`, which is the server's: a leader writes it anew at least every hour.
   */
  readonly emptySinceMs: number | null;
}

export interface MemberRecord {
  /** Topics by name, or by a regular expression in the notation of JavaScript with the flag `u`. */
  readonly subscription: { readonly topics: readonly string[] } | { readonly pattern: string };
  /** Names of assignors, best first: the members vote. */
  readonly assignors: readonly string[];
  readonly rack: string | null;
  /** Of a static member: the name of the member too. */
  readonly instance: string | null;
  /** For people: host and process. */
  readonly clientId: string;
  /** How long it may take to give a partition back before the leader fences it, milliseconds. */
  readonly rebalanceTimeoutMs: number;
  /** The assignment epoch that it has reached; 0 at first. KIP-848's member epoch. */
  readonly memberEpoch: number;
  readonly sinceMs: number;
}

export interface InstanceRecord {
  /** `away`: left for a while; its target waits. */
  readonly state: "in" | "away";
  /** When that began, by the member's clock, for people: the leader goes by the znode's `mtime`, which is the server's. */
  readonly sinceMs: number;
  /** How long its target waits while it is away, milliseconds. */
  readonly graceMs: number;
}

export interface TargetRecord {
  readonly epoch: number;
  readonly partitions: PartitionsRecord;
  /** Why the leader gives this member nothing: no assignor in common with those before it, or a pattern that is none. */
  readonly refused?: string | undefined;
}

export interface ClaimRecord {
  readonly member: string;
  /** Made by a consumer that was told its partitions by hand, and is no member of the group: nobody takes it away. */
  readonly alone?: true | undefined;
}

export interface OffsetRecord {
  /** The next message to be handled. */
  readonly offset: number;
  /** As the one who committed gave it. At most 4,096 bytes as JSON. */
  readonly metadata: string;
  /** The leader epoch of the last message handled, where the source has one. KIP-320. */
  readonly leaderEpoch: number | null;
  /** The claim by which it was committed; 0 for an administrator. */
  readonly claim: number;
  readonly member: string;
  readonly atMs: number;
}

export const groupCodec: Codec<GroupRecord> = json<GroupRecord>();
export const memberCodec: Codec<MemberRecord> = json<MemberRecord>();
export const instanceCodec: Codec<InstanceRecord> = json<InstanceRecord>();
export const targetCodec: Codec<TargetRecord> = json<TargetRecord>();
export const claimCodec: Codec<ClaimRecord> = json<ClaimRecord>();
export const offsetCodec: Codec<OffsetRecord> = json<OffsetRecord>();

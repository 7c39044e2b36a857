/**
 * The contract of an assignor: a pure function from who is there and what there is to who consumes what.
 *
 * Owns the words of that contract and its bounds. The order in which members, topics, subscriptions and owned
 * partitions are given never matters: members go by instance, then id, topics by name, partitions by number.
 */

/** Partition numbers by topic name. */
export type Partitions = ReadonlyMap<string, readonly number[]>;

/** What a member says it consumes already. */
export interface Owned {
  /** The generation in which it was given: a whole number. The greatest is believed where two claim one partition. */
  readonly generation: number;
  readonly partitions: Partitions;
}

/** A member of the group, as an assignor sees it. */
export interface GroupMember {
  readonly id: string;
  /** The name that stays when the process starts again under another id. Members with one go before those without. */
  readonly instance?: string | undefined;
  /** The topics it subscribes to; each must be among the topics given. */
  readonly topics: readonly string[];
  /** What it owns from before; partitions that do not exist any more, or that it no longer subscribes to, are dropped. */
  readonly owned?: Owned | undefined;
  readonly rack?: string | undefined;
}

/** A topic whose partitions are numbered from 0. */
export interface Topic {
  readonly name: string;
  /** How many partitions it has. */
  readonly partitions: number;
  /** The racks that have a replica, for each partition. */
  readonly racks?: readonly (readonly string[])[] | undefined;
}

/** What each member is to consume, by member id: every member is there, numbers ascend, no topic is empty. */
export type Assignment = ReadonlyMap<string, Partitions>;

/** A way to divide partitions among members. */
export interface Assignor {
  /** What members vote by. */
  readonly name: string;
  /**
   * Whether all stop and give back everything before anybody takes what is new ("eager"), or each only gives back what
   * it loses (see `twoPhase`).
   */
  readonly protocol: "eager" | "cooperative";
  /**
   * Gives every partition of every topic that has subscribers to exactly one of them.
   *
   * @throws TypeError for what is no name or no whole number, RangeError for what is unknown, twice there or beyond a
   * bound; the message says where.
   */
  assign(this: void, members: readonly GroupMember[], topics: readonly Topic[]): Assignment;
}

/** The most members of one group. */
export const MAX_MEMBERS = 10_000;
/** The most topics that one call may name. */
export const MAX_TOPICS = 100_000;
/** The most partitions of all topics together. */
export const MAX_PARTITIONS = 10_000_000;
/** The most subscriptions of all members together. */
export const MAX_SUBSCRIPTIONS = 20_000_000;

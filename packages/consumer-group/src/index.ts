/** Consumer groups: who consumes what, with claims that fence. */
export { groupAdmin } from "./admin.ts";
export type {
  CommittedOffset,
  GroupAdmin,
  GroupDescription,
  GroupState,
  GroupSummary,
  MemberDescription,
  OffsetChange,
  PartitionLag,
  ResetOptions,
  ResetTo,
  RetentionOptions,
} from "./admin/api.ts";
export { MAX_MEMBERS, MAX_PARTITIONS, MAX_SUBSCRIPTIONS, MAX_TOPICS } from "./assignor.ts";
export type { Assignment, Assignor, GroupMember, Owned, Partitions, Topic } from "./assignor.ts";
export { cooperativeSticky, twoPhase } from "./assignors/cooperative-sticky.ts";
export type { Handover } from "./assignors/cooperative-sticky.ts";
export { range } from "./assignors/range.ts";
export { roundRobin } from "./assignors/round-robin.ts";
export { sticky } from "./assignors/sticky.ts";
export { consume } from "./consume.ts";
export { GROUPS_ROOT, type GroupPaths, pathsOf } from "./layout.ts";
export type {
  Claim,
  ConsumeOptions,
  Consumer,
  ConsumerStatus,
  HandlerContext,
  Mode,
  PartitionStatus,
  RebalanceListener,
  Reset,
} from "./consumer.ts";
export { joinGroup } from "./membership.ts";
export type { GroupView, JoinOptions, LeaderDuty, Leading, Membership, Target } from "./membership.ts";
export { checkHistory } from "./history.ts";
export type { TraceEvent } from "./history.ts";
export { OffsetOutOfRange } from "./source.ts";
export type { Bounds, Message, Source, TopicPartition } from "./source.ts";

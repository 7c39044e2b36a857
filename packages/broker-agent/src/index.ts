/** What decides about partitions: pure functions, without a clock, a client or a disk. */
export { BROKER_ID_MAX, LEADER_EPOCH_MAX, REPLICAS_MAX } from "./check.ts";
export { electLeader, firstState } from "./partition/election.ts";
export type { Election, ElectionKind, ElectionOptions } from "./partition/election.ts";
export { dropBefore, dropFrom, endOffsetFor, EPOCHS_MAX, truncationFor, withEpoch } from "./partition/epochs.ts";
export type { EpochEnd, Epochs, EpochStart, Truncation } from "./partition/epochs.ts";
export {
  acknowledgement,
  afterFetch,
  hasEnoughInSync,
  judgeJoin,
  laggards,
  maximalIsr,
  nextHighWatermark,
  REPLICA_LAG_TIME_MS,
  startProgress,
} from "./partition/isr.ts";
export type {
  BrokerStanding,
  FollowerFetch,
  FollowerProgress,
  JoinVerdict,
  LeaderView,
  Watermark,
} from "./partition/isr.ts";
export {
  cancelReassignment,
  completeReassignment,
  reassignmentProgress,
  startReassignment,
} from "./partition/reassignment.ts";
export type { Reassigned, ReassignmentProgress, ReassignOptions } from "./partition/reassignment.ts";
export { checkPartition, isReassigning, targetOf, withIsr, withoutBrokers, withRecovered } from "./partition/state.ts";
export type { PartitionState } from "./partition/state.ts";
export { preferredImbalance } from "./placement/imbalance.ts";
export type { PreferredImbalance } from "./placement/imbalance.ts";
export { planMinimalMoves } from "./placement/minimal-moves.ts";
export type { MovePlan } from "./placement/minimal-moves.ts";
export {
  alternatingRacks,
  BROKERS_MAX,
  continuePlacement,
  PARTITIONS_MAX,
  placeReplicas,
} from "./placement/replicas.ts";
export type { Placement, PlacementBroker, RackMode } from "./placement/replicas.ts";
export { checkTopicName, collidingTopic, collisionKey, TOPIC_NAME_MAX } from "./topic-name.ts";

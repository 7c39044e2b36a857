/** A broker's place in its cluster: what a broker embeds, what administers a cluster, and what decides about partitions. */

// ---- a broker -----------------------------------------------------------------------------------------------------------
export { startBroker } from "./broker-agent.ts";
export type {
  BrokerAgent,
  BrokerAgentOptions,
  BrokerHost,
  ConfigChange,
  Following,
  LeaderToken,
  Leading,
  PartitionId,
} from "./host/api.ts";
export type { Commitment } from "./host/commit-waiters.ts";
export {
  ENDPOINTS_MAX,
  FAILED_REPLICAS_MAX,
  FEATURES_MAX,
  LISTENERS_MAX,
  ON_DISK_MAX,
  WAITERS_MAX,
} from "./host/limits.ts";

// ---- who administers a cluster ------------------------------------------------------------------------------------------
export { adminOf, clusterAdmin } from "./admin/admin.ts";
export type {
  AdminOptions,
  BrokerDescription,
  ClusterAdmin,
  ClusterDescription,
  CreatedTopic,
  CreateOptions,
  DescribeTopicsOptions,
  FeatureUpdate,
  GrowthSpec,
  Item,
  PartitionDescription,
  PlanOptions,
  Reassignment,
  ReassignmentPlan,
  RequestedElection,
  RequestOptions,
  RunningReassignment,
  TopicDescription,
  TopicPartition,
  TopicSpec,
} from "./admin/api.ts";
export { PARTITIONS_PER_REQUEST, TOPICS_PER_REQUEST } from "./admin/arguments.ts";
export { diffDumps } from "./admin/dump.ts";
export type {
  ClusterDump,
  DumpDifference,
  DumpedConfig,
  DumpedTopic,
  Restored,
  RestoreOptions,
} from "./admin/dump-api.ts";
export { AdminError, isAdminError } from "./admin/error.ts";
export { ITEMS_MAX } from "./admin/items.ts";
export type { RefusalCode } from "./admin/refusal.ts";

// ---- what a cluster is --------------------------------------------------------------------------------------------------
export { ClusterImage, IMAGE_BYTES_MAX, IMAGE_ENTRIES_MAX } from "./image/cluster-image.ts";
export type { BrokerView, Changed, ConfigView, Delta, PartitionView, RequestView, TopicView } from "./image/views.ts";
export { CLUSTERS_ROOT, type ClusterPaths, decodeName, encodeName, pathsOf } from "./layout.ts";
export type {
  BrokerRecord,
  BrokerStatus,
  ClusterRecord,
  ConfigRecord,
  Endpoint,
  PlacementPlan,
  RequestRecord,
  ResultRecord,
  TopicRecord,
} from "./records.ts";

// ---- settings and quotas ------------------------------------------------------------------------------------------------
export { alterConfigs, ENTITY_BYTES_MAX, ENTITY_SETTINGS_MAX, valuesOfNewTopic } from "./config/alter-operation.ts";
export type { AlterConfigsOptions, AlteredConfig } from "./config/alter-operation.ts";
export { ALTERATIONS_MAX, CHANGES_MAX } from "./config/alteration.ts";
export type { AlterConfigs, ConfigAlteration, ConfigOp } from "./config/alteration.ts";
export { describeConfig } from "./config/describe.ts";
export type { DescribedConfig, DescribedSetting, DescribeOptions, Synonym } from "./config/describe.ts";
export { ALL_BROKERS, CONFIG_TYPES, entityName, entityText, parseEntity } from "./config/entity.ts";
export type { ConfigEntity, ConfigType } from "./config/entity.ts";
export { LiveSettings, SETTING_WATCHES_MAX } from "./config/live-settings.ts";
export type { LiveSettingsOptions, SettingChange, SettingScope } from "./config/live-settings.ts";
export type { ConfigSource, StaticSettings } from "./config/resolve.ts";
export { mergeSchema } from "./config/schema.ts";
export type { MergedSchema } from "./config/schema.ts";
export { sealPasswords } from "./config/secret.ts";
export type { Sealer } from "./config/secret.ts";
export { SETTINGS } from "./config/settings.ts";
export type { SettingName } from "./config/settings.ts";
export type { SettingSchema, SettingSpec, SettingType } from "./config/spec.ts";
export { VALUE_CHARACTERS_MAX } from "./config/value.ts";
export type { SettingValue, ValueOf } from "./config/value.ts";
export { QUOTAS } from "./quotas/keys.ts";
export type { ClientQuotaKey, QuotaKey, QuotaSpec } from "./quotas/keys.ts";
export { connectionQuotaOf, quotaOf } from "./quotas/lookup.ts";
export type { Quota, QuotaClient } from "./quotas/lookup.ts";
export { BUCKETS_MAX, Quotas } from "./quotas/quotas.ts";
export { BURST_SECONDS, TokenBucket } from "./quotas/token-bucket.ts";

// ---- what decides about partitions: pure functions, without a clock, a client or a disk -----------------------------------
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
export { levelLeaders } from "./placement/level-leaders.ts";
export type { LeaderPlan } from "./placement/level-leaders.ts";
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

/** Why an administrative request was refused, in Kafka's words where it has one. */

export type RefusalCode =
  | "TOPIC_ALREADY_EXISTS"
  | "UNKNOWN_TOPIC_OR_PARTITION"
  | "INVALID_TOPIC"
  | "TOPIC_DELETION_DISABLED"
  | "INVALID_PARTITIONS"
  | "INVALID_REPLICATION_FACTOR"
  | "INVALID_REPLICA_ASSIGNMENT"
  | "NO_REASSIGNMENT_IN_PROGRESS"
  | "REASSIGNMENT_IN_PROGRESS"
  | "ELECTION_NOT_NEEDED"
  | "PREFERRED_LEADER_NOT_AVAILABLE"
  | "ELIGIBLE_LEADERS_NOT_AVAILABLE"
  | "INVALID_CONFIG"
  | "INVALID_REQUEST"
  | "INVALID_UPDATE_VERSION"
  | "POLICY_VIOLATION"
  | "THROTTLING_QUOTA_EXCEEDED"
  | "UNKNOWN_BROKER"
  | "BROKER_STILL_HAS_REPLICAS"
  | "FEATURE_UPDATE_FAILED"
  | "LIMIT_EXCEEDED"
  /** The controller could not, through no fault of the request: the message says why. */
  | "UNKNOWN_SERVER_ERROR";

/** What the controller answers to a request that it does not carry out. Nothing was changed, unless the message says what. */
export class Refused extends Error {
  readonly code: RefusalCode;

  constructor(code: RefusalCode, message: string) {
    super(message);
    this.name = "Refused";
    this.code = code;
  }
}

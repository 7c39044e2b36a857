/** Why a broker does not do what it is asked, in Kafka's words where Kafka has them. */

export type BrokerErrorCode =
  /** Another broker leads; the hint says which, if that is known. */
  | "NOT_LEADER"
  | "UNKNOWN_TOPIC_OR_PARTITION"
  /** The one who asks has an older leader epoch than this broker: its view is out of date. */
  | "FENCED_LEADER_EPOCH"
  /** It has a newer one: this broker's view is out of date. */
  | "UNKNOWN_LEADER_EPOCH"
  /** The follower's broker has been registered anew since. */
  | "STALE_BROKER_EPOCH"
  | "NOT_ENOUGH_REPLICAS"
  /** Appended, but it may be on too few: the same batch, sent again, is recognised. */
  | "NOT_ENOUGH_REPLICAS_AFTER_APPEND"
  | "REQUEST_TIMED_OUT"
  | "OFFSET_OUT_OF_RANGE"
  | "OUT_OF_ORDER_SEQUENCE"
  | "LOG_FULL"
  | "MESSAGE_TOO_LARGE"
  | "INVALID_REQUEST"
  /** The disk or the process failed. */
  | "INTERNAL"
  /** The connection broke, or could not be made: whether it was done is not known. */
  | "DISCONNECTED"
  /** Of the producer itself: too much waits to be sent. */
  | "QUEUE_FULL"
  /** Of the sink: a newer claim of the partition was here. */
  | "FENCED_TOKEN";

/** Where the partition is led, as far as the one who answers knows. */
export interface LeaderHint {
  readonly broker: number;
  readonly leaderEpoch: number;
  readonly host: string;
  readonly port: number;
}

const RETRIABLE: ReadonlySet<BrokerErrorCode> = new Set([
  "NOT_LEADER",
  "UNKNOWN_TOPIC_OR_PARTITION",
  "FENCED_LEADER_EPOCH",
  "UNKNOWN_LEADER_EPOCH",
  "STALE_BROKER_EPOCH",
  "NOT_ENOUGH_REPLICAS",
  "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
  "REQUEST_TIMED_OUT",
  "INTERNAL",
  "DISCONNECTED",
]);

export class BrokerError extends Error {
  readonly code: BrokerErrorCode;
  readonly hint: LeaderHint | undefined;

  constructor(code: BrokerErrorCode, message: string, hint?: LeaderHint) {
    super(`${code}: ${message}`);
    this.name = "BrokerError";
    this.code = code;
    this.hint = hint;
  }

  /** May the same request succeed later, perhaps elsewhere? */
  get isRetriable(): boolean {
    return RETRIABLE.has(this.code);
  }
}

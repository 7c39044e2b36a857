/**
 * Every error that Corral knows: its number on the wire, its name in the API, and what it says of the request.
 *
 * Numbers are ZooKeeper's (KeeperException.Code) where ZooKeeper has the error; ours begin at -200, and those that
 * only a client makes at -300. A number, once released, never changes its meaning.
 */

/** Did the refused operation happen? `no`: it changed nothing. `unknown`: it may have been applied. */
export type Outcome = "no" | "unknown";

interface ErrorRow {
  readonly code: number;
  readonly outcome: Outcome;
  /** Could the very same call succeed later without anybody changing the tree? */
  readonly retryable: boolean;
  readonly means: string;
}

const row = (code: number, outcome: Outcome, retryable: boolean, means: string): ErrorRow => ({
  code,
  outcome,
  retryable,
  means,
});

/** The table. Keys are the names that users see. */
export const ERRORS: Readonly<Record<ErrorName, ErrorRow>> = {
  RUNTIME_INCONSISTENCY: row(
    -2,
    "no",
    false,
    "an operation of a multi that was not tried because an earlier one was refused",
  ),
  UNIMPLEMENTED: row(-6, "no", false, "the server does not know this operation"),
  BAD_ARGUMENTS: row(-8, "no", false, "an argument is not valid: a path, a mode, a time to live"),
  NO_NODE: row(-101, "no", false, "the znode, or the parent of the one to create, does not exist"),
  NO_AUTH: row(-102, "no", false, "the session's identities lack the permission"),
  BAD_VERSION: row(-103, "no", false, "the version given is not the znode's"),
  NO_CHILDREN_FOR_EPHEMERALS: row(-108, "no", false, "an ephemeral znode cannot have children"),
  NODE_EXISTS: row(-110, "no", false, "the znode exists already"),
  NOT_EMPTY: row(-111, "no", false, "the znode has children"),
  SESSION_EXPIRED: row(-112, "no", false, "the session is gone, and its ephemerals with it"),
  INVALID_ACL: row(-114, "no", false, "the ACL is empty, of an unknown scheme, or names no identity"),
  AUTH_FAILED: row(-115, "no", false, "the credential was refused"),
  SESSION_MOVED: row(-118, "no", false, "the session has been attached to another connection"),
  NO_WATCHER: row(-121, "no", false, "no such watch is set"),
  QUOTA_EXCEEDED: row(-125, "no", false, "a hard quota would be exceeded"),
  OVERLOADED: row(-127, "no", true, "the server sheds load or wants disk space; the detail names the reason"),
  LIMIT_EXCEEDED: row(-200, "no", false, "a limit would be exceeded; the detail names it"),
  GUARD_FAILED: row(-201, "no", false, "a guard of the write does not hold"),
  SEQUENCE_EXHAUSTED: row(-202, "no", false, "the parent has given out its last sequence number, 2147483647"),
  SERVER_WENT_BACK: row(-203, "no", false, "the server's history is behind, or other than, what this client has seen"),
  PROTOCOL_ERROR: row(-204, "no", false, "the message breaks the protocol; the connection is closed"),
  VERSION_UNSUPPORTED: row(-205, "no", false, "no protocol version in common"),
  SLOW_CONSUMER: row(-206, "no", true, "the client did not read what was sent to it; the connection is closed"),
  DRAINING: row(-207, "no", true, "the server is stopping; the session stays alive for its timeout"),
  NO_SUBSCRIPTION: row(-208, "no", false, "no such subscription on this session"),
  SUSPENDED: row(-300, "unknown", true, "not connected, and asked not to wait"),
  TIMEOUT: row(-301, "unknown", true, "no answer within the time allowed"),
  ABORTED: row(-302, "unknown", false, "the caller's signal was aborted"),
  CLOSED: row(-303, "unknown", false, "the client has been closed"),
  OUTCOME_UNKNOWN: row(-304, "unknown", false, "the session ended with this write unanswered"),
  CODEC: row(-305, "no", false, "a value could not be decoded"),
};

export type ErrorName =
  | "RUNTIME_INCONSISTENCY"
  | "UNIMPLEMENTED"
  | "BAD_ARGUMENTS"
  | "NO_NODE"
  | "NO_AUTH"
  | "BAD_VERSION"
  | "NO_CHILDREN_FOR_EPHEMERALS"
  | "NODE_EXISTS"
  | "NOT_EMPTY"
  | "SESSION_EXPIRED"
  | "INVALID_ACL"
  | "AUTH_FAILED"
  | "SESSION_MOVED"
  | "NO_WATCHER"
  | "QUOTA_EXCEEDED"
  | "OVERLOADED"
  | "LIMIT_EXCEEDED"
  | "GUARD_FAILED"
  | "SEQUENCE_EXHAUSTED"
  | "SERVER_WENT_BACK"
  | "PROTOCOL_ERROR"
  | "VERSION_UNSUPPORTED"
  | "SLOW_CONSUMER"
  | "DRAINING"
  | "NO_SUBSCRIPTION"
  | "SUSPENDED"
  | "TIMEOUT"
  | "ABORTED"
  | "CLOSED"
  | "OUTCOME_UNKNOWN"
  | "CODEC";

/** The number that stands for success in a reply. */
export const OK = 0;

const names = new Map<number, ErrorName>(Object.entries(ERRORS).map(([name, { code }]) => [code, name as ErrorName]));

/** The name of an error number, or undefined for one that this release does not know. */
export const errorName = (code: number): ErrorName | undefined => names.get(code);

/** The number of an error. */
export const errorCode = (name: ErrorName): number => ERRORS[name].code;

/** What a refusal says beside its code. Absent parts are undefined. */
export interface ErrorDetail {
  /** The path concerned. */
  readonly path?: string | undefined;
  /** Index of the operation within a multi, or of the guard that does not hold. */
  readonly index?: number | undefined;
  /** Name of the limit, of the bad argument, or the reason of an overload. */
  readonly name?: string | undefined;
  /** The limit's value, or the version expected. */
  readonly limit?: number | undefined;
  /** What was found instead. */
  readonly actual?: number | undefined;
}

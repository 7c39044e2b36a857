/** With what a corral ends: the contract with scripts. The README and the help have the same table. */

export const ExitCode = {
  ok: 0,
  /** Refused for another reason than those below: the message has it. */
  failed: 1,
  usage: 2,
  notFound: 3,
  versionConflict: 4,
  notAuthorised: 5,
  cannotConnect: 6,
  timedOut: 7,
  sessionExpired: 8,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

const OF_CODE: Readonly<Record<string, ExitCode>> = {
  BAD_ARGUMENTS: ExitCode.usage,
  NO_NODE: ExitCode.notFound,
  BAD_VERSION: ExitCode.versionConflict,
  GUARD_FAILED: ExitCode.versionConflict,
  NO_AUTH: ExitCode.notAuthorised,
  AUTH_FAILED: ExitCode.notAuthorised,
  SUSPENDED: ExitCode.cannotConnect,
  TIMEOUT: ExitCode.timedOut,
  SESSION_EXPIRED: ExitCode.sessionExpired,
  SESSION_MOVED: ExitCode.sessionExpired,
  OUTCOME_UNKNOWN: ExitCode.sessionExpired,
  // What the controller of a cluster refuses.
  UNKNOWN_TOPIC_OR_PARTITION: ExitCode.notFound,
  UNKNOWN_BROKER: ExitCode.notFound,
  INVALID_REQUEST: ExitCode.usage,
  INVALID_UPDATE_VERSION: ExitCode.versionConflict,
  INVALID_TOPIC: ExitCode.usage,
  INVALID_PARTITIONS: ExitCode.usage,
  INVALID_REPLICATION_FACTOR: ExitCode.usage,
  INVALID_REPLICA_ASSIGNMENT: ExitCode.usage,
  INVALID_CONFIG: ExitCode.usage,
};

/** For an error of the client or the controller, by its code. */
export const exitCodeOf = (code: string | undefined): ExitCode =>
  (code === undefined ? undefined : OF_CODE[code]) ?? ExitCode.failed;

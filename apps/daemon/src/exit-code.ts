/** With what a corrald ends: the contract with supervisors. The README has the same table. */
import { LogError } from "@corral/log";

export const ExitCode = {
  ok: 0,
  /** It could not start: port taken, address unknown, no room, an invalid combination of settings. */
  startFailed: 1,
  /** The command line or an environment variable is wrong. */
  usage: 2,
  /** What is stored is damaged, or not a log of this release. A restart does not help. */
  badData: 65,
  /** A bug: an error that nobody expected. */
  internal: 70,
  /** A read, write or sync of the log failed. The next start writes again what the disk may not have. */
  logFailed: 74,
  /** Another process has the data directory. */
  locked: 75,
  /** Ended at once by a second signal: 128 and its number. */
  interrupted: 130,
  terminated: 143,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** For an error that kept the daemon from starting, or an offline command from its end. */
export function exitCodeOfStart(error: unknown): ExitCode {
  if (!(error instanceof LogError)) return ExitCode.startFailed;
  switch (error.code) {
    case "IO_FAILED":
      return ExitCode.logFailed;
    case "LOCKED":
      return ExitCode.locked;
    case "DAMAGED":
    case "FOREIGN":
      return ExitCode.badData;
    case "NO_SPACE":
      return ExitCode.startFailed;
  }
}

/** For an error that ended a daemon that was serving. */
export const exitCodeOfFatal = (error: Error): ExitCode =>
  error instanceof LogError ? ExitCode.logFailed : ExitCode.internal;

/** The bytes that a sweep works on. */
import type { FileLogLimits } from "@corral/log";

/** Name to bytes. */
export type Files = Readonly<Record<string, Uint8Array>>;

export interface SweepSource {
  readonly files: Files;
  /** The same directory at an earlier time. */
  readonly older: Files;
  /** Another cluster's. */
  readonly foreign: Files;
  readonly limits: Partial<FileLogLimits>;
}

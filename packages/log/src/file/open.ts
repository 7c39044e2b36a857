/** The file log on the disk, clock and randomness of this machine. */

import { randomBytes } from "node:crypto";
import { FileLog, type FileLogOptions } from "./file-log.ts";
import { nodeDisk } from "./node-disk.ts";
import { nodeDirectoryLock } from "./node-lock.ts";
import { nodeTimers } from "./node-timers.ts";

export interface OpenFileLogOptions extends FileLogOptions {
  /** Made if it is missing; an empty one becomes a new log. */
  readonly directory: string;
}

/** A log in `directory`. Nothing is touched before `recover`. Throws RangeError when the limits do not fit together. */
export function openFileLog(options: OpenFileLogOptions): FileLog {
  const { directory } = options;
  return new FileLog(
    { disk: nodeDisk(directory), lock: nodeDirectoryLock(directory), timers: nodeTimers, random: randomBytes },
    options,
  );
}

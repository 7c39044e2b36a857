export { LogError } from "./log.ts";
export type {
  Batch,
  CommittedBatch,
  Log,
  LogErrorCode,
  LogListener,
  Recovered,
  RecoveryListener,
  SnapshotSource,
  SnapshotWriter,
} from "./log.ts";
export { MemoryLog, MemoryLogStore } from "./memory/memory-log.ts";
export type { MemoryLogOptions } from "./memory/memory-log.ts";
export { FileLog } from "./file/file-log.ts";
export type { FileLogOptions, FileLogWorld } from "./file/file-log.ts";
export { openFileLog } from "./file/open.ts";
export type { OpenFileLogOptions } from "./file/open.ts";
export { defaultLimits, fileLogSimulate } from "./file/limits.ts";
export type { FileLogLimits } from "./file/limits.ts";
export type { Disk, DiskFile, OpenMode } from "./file/disk.ts";
export { nodeDisk } from "./file/node-disk.ts";
export type { DirectoryLock } from "./file/lock.ts";
export { nodeDirectoryLock } from "./file/node-lock.ts";
export type { Timers } from "./file/timers.ts";
export { nodeTimers } from "./file/node-timers.ts";
export type { LogWarning } from "./file/warning.ts";
export type { SnapshotChoice } from "./file/replay.ts";
export { restoreFileLog } from "./file/restore.ts";
export type { Restored, RestoreOptions } from "./file/restore.ts";

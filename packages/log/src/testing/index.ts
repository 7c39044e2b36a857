export { MemoryDisk, diskError } from "./memory-disk.ts";
export type { DiskOperation, Draw, Fate, Torn, Unsynced, WriteLie } from "./memory-disk.ts";
export { restore } from "../file/restore.ts";
export { logSuite } from "./log-suite.ts";
export type { LogSubject, TestFunction } from "./log-suite.ts";
export type { MemoryDiskOptions } from "./memory-disk.ts";
export { VirtualTimers } from "./virtual-timers.ts";

export { MemoryDisk, diskError } from "./memory-disk.ts";
export type { DiskOperation, Draw, WriteLie } from "./memory-disk.ts";
export { logSuite } from "./log-suite.ts";
export type { LogSubject, TestFunction } from "./log-suite.ts";
export type { MemoryDiskOptions } from "./memory-disk.ts";

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, test } from "vitest";
import { MemoryLog, MemoryLogStore, openFileLog } from "../src/index.ts";
import { logSuite } from "../src/testing/log-suite.ts";
import { lyingSubject } from "./lying.ts";

describe("MemoryLog", () => {
  logSuite(test, async () => {
    const store = new MemoryLogStore();
    return { start: () => new MemoryLog({ store }), dispose: async () => {} };
  });
});

describe("FileLog in a directory", () => {
  logSuite(test, async () => {
    const directory = await mkdtemp(path.join(tmpdir(), "corral-log-"));
    const limits = { segmentBytes: 64 << 10, maxRecordBytes: 32 << 10, reserveBytes: 64 << 10, softMarkBytes: 0 };
    return { start: () => openFileLog({ directory, limits }), dispose: () => rm(directory, { recursive: true }) };
  });
});

describe("FileLog on a disk that loses, tears and reorders", () => {
  logSuite(test, async () => lyingSubject(1));
});

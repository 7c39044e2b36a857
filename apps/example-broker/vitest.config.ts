import { defineConfig } from "vitest/config";

// Each test has a folder, a server and ports of its own.
export default defineConfig({ test: { include: ["test/*.test.ts"], isolate: false, testTimeout: 30_000 } });

import { defineConfig } from "vitest/config";

// Processes are started by the dozen: on a busy machine that takes its time.
export default defineConfig({ test: { include: ["test/**/*.test.ts"], testTimeout: 30_000 } });

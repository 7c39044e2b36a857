import { defineConfig } from "vitest/config";

// One file after the other: each has the machine for itself, and figures mean something.
export default defineConfig({
  test: { include: ["test/**/*.test.ts"], fileParallelism: false, testTimeout: 60_000, hookTimeout: 60_000 },
});

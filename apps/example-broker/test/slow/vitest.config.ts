import { defineConfig } from "vitest/config";

// Real processes, killed and stopped: minutes.
export default defineConfig({
  test: { include: ["test/slow/*.test.ts"], testTimeout: 240_000, fileParallelism: false },
});

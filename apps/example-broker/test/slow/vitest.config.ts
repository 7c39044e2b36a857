import { defineConfig } from "vitest/config";
import { TEST_BOUNDS } from "../../../../tooling/dev/src/test-bounds.ts";

// Real processes, killed and stopped: minutes.
export default defineConfig({
  test: { ...TEST_BOUNDS, include: ["test/slow/*.test.ts"], testTimeout: 240_000, fileParallelism: false },
});

import { defineConfig } from "vitest/config";
import { TEST_BOUNDS } from "../../tooling/dev/src/test-bounds.ts";

// One file after the other: each has the machine for itself, and figures mean something.
export default defineConfig({
  test: {
    ...TEST_BOUNDS,
    include: ["test/**/*.test.ts"],
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});

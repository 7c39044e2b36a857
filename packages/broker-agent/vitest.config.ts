import { defineConfig } from "vitest/config";
import { TEST_BOUNDS } from "../../tooling/dev/src/test-bounds.ts";

// Each test has a world of its own, and shares nothing with another one: to load server and client anew for each file would cost more than
// many of the files take.
export default defineConfig({ test: { ...TEST_BOUNDS, include: ["test/**/*.test.ts"], isolate: false } });

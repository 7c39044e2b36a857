import { defineConfig } from "vitest/config";
import { TEST_BOUNDS } from "../../tooling/dev/src/test-bounds.ts";

// Each test has a folder, a server and ports of its own.
export default defineConfig({ test: { ...TEST_BOUNDS, include: ["test/*.test.ts"], isolate: false } });

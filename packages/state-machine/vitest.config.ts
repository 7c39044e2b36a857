import { defineConfig } from "vitest/config";
import { TEST_BOUNDS } from "../../tooling/dev/src/test-bounds.ts";

export default defineConfig({ test: { ...TEST_BOUNDS, include: ["test/**/*.test.ts"] } });

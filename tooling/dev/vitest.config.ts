import { defineConfig } from "vitest/config";
import { TEST_BOUNDS } from "./src/test-bounds.ts";

export default defineConfig({ test: { ...TEST_BOUNDS, include: ["test/**/*.test.ts"] } });

import { defineConfig } from "vitest/config";

// Each test has a world of its own, and shares nothing with another one: to load server and client anew for each file would cost more than
// many of the files take.
export default defineConfig({ test: { include: ["test/**/*.test.ts"], isolate: false } });

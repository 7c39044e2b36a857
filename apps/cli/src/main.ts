#!/usr/bin/env node
/** The bin `corral`. */
import { run } from "./run.ts";

// `corral ls | head`: whoever reads has read enough.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});
process.exitCode = await run(process.argv.slice(2), process.env);

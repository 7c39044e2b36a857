#!/usr/bin/env node
/** The bin `corrald`. */
import { run } from "./run.ts";

// Whoever read the start-up lines may be gone; the daemon stays.
process.stdout.on("error", () => {});
process.exit(await run(process.argv.slice(2), process.env));

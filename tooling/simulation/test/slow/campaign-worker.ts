/** A thread that does what its task's seed says: answers, dies, or never comes back. */
import { parentPort } from "node:worker_threads";
import type { Task } from "../../src/campaign/perform.ts";

parentPort!.on("message", ({ wanted: { seed } }: Task) => {
  if (seed === 1) throw new Error("dies of 1");
  if (seed === 2) process.exit(3);
  while (seed === 3);
  parentPort!.postMessage({ violations: [], hash: String(seed), figures: {}, marks: [], steps: [] });
});

// etcd #14370: a single member acknowledged a write that stood in the page cache only, and a power failure took it back.
import { expect, test } from "vitest";
import { judge } from "../../src/judge.ts";
import { limitsOf, momentsOf } from "../../src/matrix/workload.ts";
import { WORKLOADS } from "../../src/matrix/workloads/index.ts";
import { readBack } from "./lives.ts";

test("at every operation of the disk in every workload: lose all that is not synced, and all that was acknowledged is there", async () => {
  let acknowledged = 0;
  for (const workload of WORKLOADS) {
    for (const { disk, known } of await momentsOf(workload)) {
      if (known.isRestore) continue;
      const after = disk.fork();
      after.crashWith(() => "lost");
      after.capacity = Number.POSITIVE_INFINITY;
      expect(judge(known, await readBack(after, limitsOf(workload)))).toEqual([]);
      acknowledged += known.certain.length;
    }
  }
  expect(acknowledged).toBeGreaterThan(5_000);
}, 60_000);

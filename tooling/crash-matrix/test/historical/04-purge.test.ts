// ZOOKEEPER-2574, 1797: a log file is named by its first record, and by that name alone one was removed that also held records
// which the kept snapshot still needed; or it was removed while the log rolled to the next.
import { expect, test } from "vitest";
import { judge } from "../../src/judge.ts";
import { momentsOf } from "../../src/matrix/workload.ts";
import { retention, snapshots, snapshotWhileWriting } from "../../src/matrix/workloads/snapshots.ts";
import { limitsOf } from "../../src/matrix/workload.ts";
import { named, readBack } from "./lives.ts";

test.each([snapshots, retention, snapshotWhileWriting])(
  "at every moment, whatever the crash keeps, each of the kept snapshots alone leads to what was acknowledged: $name",
  async (workload) => {
    const { snapshotsKept } = limitsOf(workload);
    let tried = 0;
    for (const { disk, known } of await momentsOf(workload)) {
      for (const fate of ["lost", "kept"] as const) {
        const after = disk.fork();
        after.crashWith(() => fate);
        const newestFirst = named(after, "snapshot-")
          .filter((name) => !name.endsWith(".tmp"))
          .toReversed();
        for (const alone of newestFirst.slice(0, snapshotsKept)) {
          const copy = after.fork();
          for (const name of newestFirst) if (name !== alone) copy.put(name, undefined);
          expect(judge(known, await readBack(copy, limitsOf(workload)))).toEqual([]);
          tried += 1;
        }
      }
    }
    expect(tried).toBeGreaterThan(50);
  },
  60_000,
);

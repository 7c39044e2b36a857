/** All workloads of the matrix. */
import type { Workload } from "../workload.ts";
import { epochs, failedSync, ghosts, reopen, tornRestart, tornRoll } from "./restarts.ts";
import { retention, snapshotFails, snapshots, snapshotWhileWriting, snapshotWithinBatch } from "./snapshots.ts";
import { fullDisk, fullToTheEnd, restored } from "./space.ts";
import { bursts, idleMarks, manyEntries, preallocation, roll, sectors } from "./writing.ts";

export const WORKLOADS: readonly Workload[] = [
  bursts,
  idleMarks,
  manyEntries,
  sectors,
  preallocation,
  roll,
  snapshots,
  retention,
  snapshotWhileWriting,
  snapshotFails,
  snapshotWithinBatch,
  reopen,
  epochs,
  tornRestart,
  tornRoll,
  ghosts,
  failedSync,
  fullDisk,
  fullToTheEnd,
  restored,
];

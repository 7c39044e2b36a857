/** A thread: does one task after the other, and answers each. */
import { parentPort } from "node:worker_threads";
import { type ShareResult, tryShare } from "./matrix/share.ts";
import { WORKLOADS } from "./matrix/workloads/index.ts";
import { PLANTS } from "./plant.ts";
import type { SweepSource } from "./sweep/files.ts";
import { type SweepResult, sweepShare } from "./sweep/sweep.ts";

export type Task =
  | {
      readonly kind: "matrix";
      readonly workload: string;
      readonly index: number;
      readonly of: number;
      readonly plant: string | undefined;
    }
  | {
      readonly kind: "sweep";
      readonly source: SweepSource;
      readonly index: number;
      readonly of: number;
      readonly sampleEvery: number;
    };

export type Answer =
  | { readonly kind: "matrix"; readonly task: Task; readonly result: ShareResult }
  | { readonly kind: "sweep"; readonly task: Task; readonly result: SweepResult }
  | { readonly kind: "broken"; readonly task: Task; readonly what: string };

parentPort!.on("message", (task: Task) => {
  void done(task).then((answer) => parentPort!.postMessage(answer));
});

async function done(task: Task): Promise<Answer> {
  try {
    if (task.kind === "sweep")
      return { kind: "sweep", task, result: await sweepShare(task.source, task.index, task.of, task.sampleEvery) };
    const workload = WORKLOADS.find(({ name }) => name === task.workload)!;
    const wrapDisk = task.plant === undefined ? undefined : PLANTS[task.plant];
    return { kind: "matrix", task, result: await tryShare(workload, task.index, task.of, wrapDisk) };
  } catch (error) {
    return { kind: "broken", task, what: String((error as Error).stack ?? error) };
  }
}

/** What a workload is to the matrix: a name for `--workload`, limits of its log, and what it does. */
import type { FileLogLimits } from "@corral/log";
import { SMALL_LIMITS, type WrapDisk } from "../world.ts";
import { type Moment, Stage } from "./stage.ts";

export interface Workload {
  /** Lower case, with dashes. */
  readonly name: string;
  readonly limits?: Partial<FileLogLimits>;
  readonly play: (stage: Stage) => Promise<void>;
}

export function limitsOf({ limits }: Workload): FileLogLimits {
  return { ...SMALL_LIMITS, ...limits };
}

/** The disk before each operation, and at the end. The same every time. */
export async function momentsOf(workload: Workload, wrapDisk?: WrapDisk): Promise<readonly Moment[]> {
  const stage = new Stage(limitsOf(workload), wrapDisk);
  await workload.play(stage);
  stage.finish();
  return stage.moments;
}

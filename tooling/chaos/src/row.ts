/** What a row is: one kind of fault against real processes, with a bound of time, and what must hold. */
import type { Violation } from "@corral/simulation";
import type { Draw } from "@corral/testing/world";
import type { Plant } from "./plants/plants.ts";
import type { ToolName } from "./tools.ts";

export type Figures = Record<string, number | string>;

export interface Outcome {
  readonly figures: Figures;
  readonly violations: readonly Violation[];
}

export interface RowStage {
  readonly seed: number;
  /** A bounded share, for every commit. */
  readonly isQuick: boolean;
  /** A bug that is built in; the row that it is meant for has to find it. */
  readonly plant: Plant | undefined;
  /** An empty directory, removed after the row. */
  readonly directory: (name: string) => Promise<string>;
  /** Called after the row, whatever became of it, in reverse order: mounts, servers, processes. */
  readonly atEnd: (undo: () => void | Promise<void>) => void;
  /** What the seed decides, each by its name. */
  readonly draw: (name: string) => Draw;
  /** A line for whoever watches: the plan above all. */
  readonly say: (line: string) => void;
}

export interface Row {
  readonly name: string;
  readonly title: string;
  /** Over this, the row has failed; milliseconds. */
  readonly boundMs: number;
  readonly needs?: readonly ToolName[];
  run(stage: RowStage): Promise<Outcome>;
}

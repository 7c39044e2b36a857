/**
 * Bugs built in on purpose, so that each kind of row can be seen to find one: a line of the built product changed as it is
 * loaded, a limit taken away, or a history forged before it is judged.
 */
import { pathToFileURL } from "node:url";
import path from "node:path";

interface Patch {
  /** End of the path of the built file. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

interface PlantSpec {
  /** The row that has to find it. */
  readonly row: string;
  readonly what: string;
  readonly patch?: Patch;
}

export type Plant =
  | "early-reply"
  | "unsynced-log"
  | "deaf-to-errors"
  | "own-stall"
  | "wall-clock"
  | "forged-log"
  | "unfenced"
  | "patient";

export const PLANTS: Readonly<Record<Plant, PlantSpec>> = {
  "early-reply": {
    row: "R2",
    what: "answers before the write is on the disk",
    patch: {
      file: "/log/dist/file/appender.js",
      from: "durable = (await writing) ? taken : [];",
      to: "this.#deliver(taken); await writing; durable = [];",
    },
  },
  "unsynced-log": {
    row: "R6",
    what: "the log is open without O_DSYNC: on the disk some time later",
    patch: {
      file: "/log/dist/file/node-disk.js",
      from: "durableByOpenFlag ? fs.constants.O_DSYNC : 0",
      to: "0",
    },
  },
  "deaf-to-errors": {
    row: "R3",
    what: "a failed write of the log is taken for done",
    patch: { file: "/log/dist/file/appender.js", from: "this.#fail(error);\n            return false;", to: "" },
  },
  "own-stall": {
    row: "R14",
    what: "time during which the daemon stood still counts as the clients' silence",
    patch: {
      file: "/server/dist/engine/tables/session-clock.js",
      from: "Math.min(passed, this.#stepMs)",
      to: "passed",
    },
  },
  "wall-clock": {
    row: "R10",
    what: "sessions live by the wall clock",
    patch: { file: "/server/dist/node/node-world.js", from: "performance.now()", to: "Date.now()" },
  },
  "forged-log": { row: "R1", what: "an acknowledged write is taken out of the log before it is judged" },
  unfenced: { row: "R7", what: "the store takes every token" },
  patient: { row: "R11", what: "whoever does not read is never cut off" },
};

/** For corrald's environment: with it the planted line stands in what is loaded. */
export function plantedEnv(plant: Plant | undefined): Readonly<Record<string, string>> {
  const patch = plant === undefined ? undefined : PLANTS[plant].patch;
  if (patch === undefined) return {};
  const hook = pathToFileURL(path.join(import.meta.dirname, "register.js")).href;
  return { NODE_OPTIONS: `--import ${hook}`, CORRAL_PLANT: JSON.stringify(patch) };
}

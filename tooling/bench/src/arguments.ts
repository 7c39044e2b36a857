/** The command line of the bench: what it may say, and one clear line for what it may not. Touches nothing. */
import { SYSTEM_NAMES, type SystemName } from "./report/results.ts";
import { PARTS, type Part } from "./run/scale.ts";

export const USAGE: string = `Usage: npm run bench -- [flags]
  --systems NAMES   of ${SYSTEM_NAMES.join(",")} (all)
  --only PARTS      of ${PARTS.join(",")} (all)
  --rounds N        of throughput, 1 to 20 (3)
  --quick           seconds instead of minutes: shows that every part works, measures nothing that counts
  --out FILE.md     the page; its chart and raw results stand beside it (docs/benchmarks.md, if the run is a whole one)
  --require         a system that is missing here is a failure
  --report FILE     makes the page again from raw results (benchmarks.json), without measuring`;

const ROUNDS_MAX = 20;

export interface Arguments {
  readonly systems: readonly SystemName[];
  readonly only: readonly Part[];
  /** Undefined: as the scale says. */
  readonly rounds: number | undefined;
  readonly quick: boolean;
  readonly out: string | undefined;
  readonly require: boolean;
  readonly report: string | undefined;
  readonly help: boolean;
}

/** Wrong use, in one line. */
export class UsageError extends Error {}

export function parseArguments(given: readonly string[]): Arguments {
  const values = new Map<string, string>();
  const queue = given[0] === "--" ? given.slice(1) : [...given];
  for (let at = 0; at < queue.length; at++) {
    const [flag, inline] = split(queue[at]!);
    const takesValue = ["--systems", "--only", "--rounds", "--out", "--report"].includes(flag);
    if (!takesValue && !["--quick", "--require", "--help"].includes(flag)) {
      throw new UsageError(`unknown flag ${flag}; --help lists those that exist`);
    }
    if (values.has(flag)) throw new UsageError(`${flag} is given twice`);
    if (!takesValue && inline !== undefined) throw new UsageError(`${flag} takes no value`);
    const value = takesValue ? (inline ?? queue[++at]) : "";
    if (value === undefined || (takesValue && (value === "" || value.startsWith("--")))) {
      throw new UsageError(`${flag} needs a value`);
    }
    values.set(flag, value);
  }
  const out = values.get("--out");
  if (out !== undefined && !out.endsWith(".md")) throw new UsageError(`--out ${out}: a page ends in .md`);
  return {
    systems: list("--systems", values.get("--systems"), SYSTEM_NAMES),
    only: list("--only", values.get("--only"), PARTS),
    rounds: rounds(values.get("--rounds")),
    quick: values.has("--quick"),
    out,
    require: values.has("--require"),
    report: values.get("--report"),
    help: values.has("--help"),
  };
}

function split(word: string): [flag: string, value: string | undefined] {
  const equals = word.startsWith("--") ? word.indexOf("=") : -1;
  return equals < 0 ? [word, undefined] : [word.slice(0, equals), word.slice(equals + 1)];
}

/** In the order of `all`, whatever the order given. */
function list<T extends string>(flag: string, value: string | undefined, all: readonly T[]): readonly T[] {
  if (value === undefined) return all;
  const names = value.split(",");
  const unknown = names.find((name) => !all.includes(name as T));
  if (unknown !== undefined) throw new UsageError(`${flag}: no '${unknown}'; there are ${all.join(", ")}`);
  return all.filter((name) => names.includes(name));
}

function rounds(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const count = Number(value);
  if (!Number.isInteger(count) || count < 1 || count > ROUNDS_MAX) {
    throw new UsageError(`--rounds ${value}: a whole number from 1 to ${ROUNDS_MAX}`);
  }
  return count;
}

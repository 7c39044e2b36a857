/**
 * Which scenarios, faults and steps are meant: all, or those of a text such as `lock: acquire and release|drop reply|3`. Fault and step
 * may be left out; a scenario may be named by a part of its name.
 */
import { readdir } from "node:fs/promises";
import { type FaultCase, FAULTS } from "./faults.ts";
import type { Scenario } from "./scenario.ts";

const FOLDER = new URL("scenarios/", import.meta.url);

export interface Selection {
  readonly scenarios: readonly Scenario[];
  readonly faults: readonly FaultCase[];
  /** Undefined: all. */
  readonly step: number | undefined;
}

/** Whatever the files in `scenarios/` export, in the order of their names. */
export async function allScenarios(): Promise<readonly Scenario[]> {
  const files = (await readdir(FOLDER)).filter((file) => file.endsWith(".ts"));
  const found: Scenario[] = [];
  for (const file of files.sort((a, b) => (a < b ? -1 : 1))) {
    found.push(...(await load(file)));
  }
  return found;
}

/** One file that cannot be loaded is a failure of its own, and not of all others. */
async function load(file: string): Promise<readonly Scenario[]> {
  try {
    const { scenarios } = (await import(new URL(file, FOLDER).href)) as { readonly scenarios: readonly Scenario[] };
    return scenarios;
  } catch (error) {
    const name = `${file.slice(0, -".ts".length)}: can be loaded`;
    const act = async (): Promise<never> => {
      throw error;
    };
    return [{ name, act, settled: async () => {} }];
  }
}

/** Throws a RangeError for a text that nothing answers to. */
export function select(all: readonly Scenario[], text: string | undefined): Selection {
  const [scenario = "", fault = "", step = ""] = (text ?? "").split("|").map((part) => part.trim());
  const exact = all.filter(({ name }) => name === scenario);
  const scenarios = exact.length > 0 ? exact : all.filter(({ name }) => name.includes(scenario));
  const faults = FAULTS.filter(({ name }) => fault === "" || fault === name);
  if (scenarios.length === 0) throw new RangeError(`no scenario is called "${scenario}"`);
  if (faults.length === 0 && fault !== NONE)
    throw new RangeError(`no fault is called "${fault}": ${FAULTS.map(({ name }) => name).join(", ")}`);
  if (step !== "" && !/^\d+$/.test(step)) throw new RangeError(`"${step}" is not the number of a step`);
  return { scenarios, faults, step: step === "" || fault === NONE ? undefined : Number(step) };
}

/** The run without faults. */
export const NONE = "none";

/** What {@link select} takes. */
export const selectionText = (scenario: string, fault: string, step: number): string =>
  fault === NONE ? `${scenario}|${NONE}` : `${scenario}|${fault}|${step}`;

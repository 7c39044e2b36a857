/** All scenarios: whatever the files in `scenarios/` export, in the order of their names. */
import { readdir } from "node:fs/promises";
import type { Scenario } from "./scenario.ts";

const FOLDER = new URL("scenarios/", import.meta.url);

export async function allScenarios(): Promise<readonly Scenario[]> {
  const files = (await readdir(FOLDER)).filter((file) => file.endsWith(".ts")).toSorted();
  const found: Scenario[] = [];
  for (const file of files) {
    const { scenarios } = (await import(new URL(file, FOLDER).href)) as { readonly scenarios: readonly Scenario[] };
    found.push(...scenarios);
  }
  return found;
}

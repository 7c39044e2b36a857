/** Raw results from their file. Trusts what it has written itself, and refuses what is of another make. */
import { RESULTS_FORMAT, type Results } from "./results.ts";

/** Undefined: not results, or those of another version of the bench. */
export function readResults(text: string): Results | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  return (value as Partial<Results>).format === RESULTS_FORMAT ? (value as Results) : undefined;
}

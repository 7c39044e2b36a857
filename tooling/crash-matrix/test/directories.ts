/** What stands in a data directory, by the names of its files. */
import type { Files } from "../src/sweep/files.ts";

export function segmentsOf(files: Files): string[] {
  return Object.keys(files)
    .filter((name) => /^log-\d+$/.test(name))
    .toSorted();
}

/** The one that ends with the log's end; behind it there may be a blank one. */
export function lastInUse(files: Files): string {
  return segmentsOf(files).findLast((name) => files[name]![0] !== 0)!;
}

/** Puts the page, its chart and the raw results beside each other on the disk. */
import { mkdirSync, writeFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { chart } from "./chart.ts";
import { page } from "./page.ts";
import type { Results } from "./results.ts";

/** `file`: of the page, ends in `.md`. Returns the files. */
export function writePage(results: Results, file: string): readonly string[] {
  const stem = file.replace(/\.md$/, "");
  const svg = `${stem}.svg`;
  const json = `${stem}.json`;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, page(results, { svg: basename(svg), json: basename(json) }));
  writeFileSync(svg, chart(results));
  writeFileSync(json, `${JSON.stringify(results)}\n`);
  return [file, svg, json];
}

/** Pieces of the page in Markdown: tables from rows, and ratios and verdicts in words. */
import type { OtherClient, Ratio } from "./ratios.ts";
import { times } from "./numbers.ts";
import type { SystemName } from "./results.ts";
import type { Judged } from "./targets.ts";

export const TITLES: Readonly<Record<SystemName | OtherClient, string>> = {
  corral: "Corral",
  zookeeper: "ZooKeeper",
  etcd: "etcd",
  "etcd-serializable": "etcd, serializable reads",
};

/** Nothing stands where nothing was measured. */
export const NOTHING = "–";

export function clientTitle(system: SystemName, variant: string): string {
  return variant in TITLES ? TITLES[variant as OtherClient] : `${TITLES[system]}, ${variant}`;
}

/** First column to the left, all others to the right. No table without rows. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "Not measured.\n";
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |\n`;
  return line(head) + `|${head.map((_, at) => (at === 0 ? "---" : "---:")).join("|")}|\n` + rows.map(line).join("");
}

/** `6.1 × (5.8–6.3)`, with what it is worth. */
export function ratioText(ratio: Ratio | undefined): string {
  if (ratio === undefined) return NOTHING;
  const sign = { exact: "", "at least": "≥ ", "at most": "≤ ", "no claim": "(" }[ratio.worth];
  const range = ratio.min === ratio.max ? "" : ` (${times(ratio.min).slice(0, -2)}–${times(ratio.max).slice(0, -2)})`;
  const end = ratio.worth === "no claim" ? ")†" : "";
  return `${sign}${times(ratio.median)}${range}${end}`;
}

export function targetText({ atLeast, bound }: Judged): string {
  return `${atLeast ? "≥" : "≤"} ${bound} ×`;
}

export function verdictLine(judged: Judged): string {
  const against = judged.other === undefined ? "" : ` against ${TITLES[judged.other]}`;
  return `${judged.measure}${against}, ${judged.variant}: ${ratioText(judged.ratio)}, aimed at ${targetText(judged)}`;
}

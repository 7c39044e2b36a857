/**
 * The chart: small panels of horizontal bars, one scale in each, drawn by hand as SVG. Readable on light and dark ground: its
 * colours follow the reader's, and it has no ground of its own. Never shows what was not measured.
 */
import { BULK, type Shape } from "../run/scale.ts";
import type { Workload } from "../generator/job.ts";
import { median, megabytes, micros, rate, seconds } from "./numbers.ts";
import { type Results, SYSTEM_NAMES, type SystemName, type Throughput } from "./results.ts";
import { clientTitle } from "./tables.ts";
import { biggest } from "./targets.ts";
import { medianOf } from "./throughput-section.ts";

export interface Bar {
  readonly label: string;
  /** Of the colour. */
  readonly kind: "corral" | "corral-light" | "zookeeper" | "etcd";
  readonly value: number;
  readonly text: string;
}
export interface Panel {
  readonly title: string;
  readonly isMoreBetter: boolean;
  readonly bars: readonly Bar[];
}

const COLUMNS = 3;
const PANEL_WIDTH = 320;
const BAR_HEIGHT = 18;
const BAR_STEP = 24;
const LABEL_WIDTH = 92;
const VALUE_WIDTH = 70;
const TITLE_HEIGHT = 46;
const PANEL_GAP = 22;
const BAR_MAX = PANEL_WIDTH - LABEL_WIDTH - VALUE_WIDTH - PANEL_GAP;

const STYLE = `text{font:13px system-ui,sans-serif;fill:#1f2328}.title{font-weight:600}.hint{font-size:11px;fill:#59636e}.label,.value{font-size:12px}
.corral{fill:#0969da}.corral-light{fill:#54aeff}.zookeeper{fill:#bc6c25}.etcd{fill:#7d8590}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.hint{fill:#9198a1}.corral{fill:#388bfd}.corral-light{fill:#79c0ff}.zookeeper{fill:#d4843e}.etcd{fill:#8b949e}}`;

export function chart(results: Results): string {
  return draw(panelsOf(results));
}

export function panelsOf(results: Results): readonly Panel[] {
  const panels: Panel[] = [];
  const add = (title: string, isMoreBetter: boolean, bars: readonly Bar[]): void => {
    if (bars.length > 0) panels.push({ title, isMoreBetter, bars });
  };
  const loads = (workload: Workload, shape: Shape, value: (row: Throughput) => number | undefined, text: Text): Bar[] =>
    (
      [
        ["corral", "sdk"],
        ["corral", "wire"],
        ["zookeeper", "zookeeper"],
        ["etcd", "etcd"],
      ] as const
    ).flatMap(([system, variant]) => {
      const found = medianOf(results, system, variant, workload, value, shape);
      return found === undefined ? [] : [bar(system, variant, found, text)];
    });
  for (const workload of ["get", "set", "mix", "ephemeral", "multi"] as const) {
    const bars = loads(workload, BULK, ({ operations, seconds: time }) => operations / time, rate);
    add(`${workload}, 32 × 64, ops/s`, true, bars);
  }
  for (const workload of ["get", "set"] as const) {
    add(
      `${workload}, 1 × 1, p50`,
      false,
      loads(workload, [1, 1], ({ latencies }) => latencies?.p50, micros),
    );
  }
  const parts = <T extends { readonly system: SystemName; readonly variant: string }>(
    rows: readonly T[],
    value: (row: T) => number,
    text: Text,
  ): Bar[] =>
    SYSTEM_NAMES.flatMap((name) => rows.filter(({ system }) => system === name)).map((row) =>
      bar(row.system, row.variant, value(row), text),
    );
  const largest = results.sizes.filter(({ znodes }) => znodes === biggest(results));
  const watched = results.fanOut.filter(({ znodes }) => znodes === 1);
  const znodes = biggest(results).toLocaleString("en");
  const watchers = (watched[0]?.watchers ?? 0).toLocaleString("en");
  add(
    `${watchers} watchers told`,
    false,
    parts(watched, ({ rounds }) => median(rounds), seconds),
  );
  add(
    `resident, ${znodes} znodes`,
    false,
    parts(largest, ({ rss }) => rss, megabytes),
  );
  add(
    `restart, ${znodes} znodes`,
    false,
    parts(results.restarts, (row) => median(row.seconds), seconds),
  );
  const sessions = (results.sessions[0]?.count ?? 0).toLocaleString("en");
  add(
    `resident, ${sessions} sessions`,
    false,
    parts(results.sessions, ({ rssAfter }) => rssAfter, megabytes),
  );
  return panels;
}

type Text = (value: number) => string;

function bar(system: SystemName, variant: string, value: number, text: Text): Bar {
  const kind = system === "corral" && variant === "sdk" ? "corral-light" : system;
  return { label: clientTitle(system, variant), kind, value, text: text(value) };
}

export function draw(panels: readonly Panel[]): string {
  const rows: Panel[][] = [];
  for (let at = 0; at < panels.length; at += COLUMNS) rows.push(panels.slice(at, at + COLUMNS));
  const pieces: string[] = [];
  let y = 4;
  for (const row of rows) {
    row.forEach((panel, column) => pieces.push(drawPanel(panel, column * PANEL_WIDTH, y)));
    y += TITLE_HEIGHT + Math.max(...row.map(({ bars }) => bars.length)) * BAR_STEP + PANEL_GAP;
  }
  const [width, height] = [COLUMNS * PANEL_WIDTH, Math.max(y, 1)];
  const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`;
  return `${head}\n<title>Corral, ZooKeeper and etcd side by side</title>\n<style>${STYLE}</style>\n${pieces.join("\n")}\n</svg>\n`;
}

function drawPanel({ title, isMoreBetter, bars }: Panel, x: number, y: number): string {
  const largest = Math.max(...bars.map(({ value }) => value));
  const lines = bars.map(({ label, kind, value, text }, at) => {
    const top = TITLE_HEIGHT + at * BAR_STEP;
    // Something is seen of the least of them; what is below nothing has no length.
    const length = Math.max(2, largest > 0 ? (Math.max(value, 0) / largest) * BAR_MAX : 0).toFixed(1);
    const middle = top + BAR_HEIGHT / 2 + 4;
    return (
      `<text class="label" x="0" y="${middle}">${escaped(label)}</text>` +
      `<rect class="${kind}" x="${LABEL_WIDTH}" y="${top}" width="${length}" height="${BAR_HEIGHT}" rx="2"/>` +
      `<text class="value" x="${(LABEL_WIDTH + Number(length) + 6).toFixed(1)}" y="${middle}">${escaped(text)}</text>`
    );
  });
  const hint = isMoreBetter ? "more is better" : "less is better";
  return `<g transform="translate(${x} ${y})"><text class="title" x="0" y="16">${escaped(title)}</text><text class="hint" x="0" y="33">${hint}</text>${lines.join("")}</g>`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

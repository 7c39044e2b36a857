import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { chart, draw, panelsOf } from "../src/report/chart.ts";
import { page } from "../src/report/page.ts";
import { readResults } from "../src/report/read.ts";
import { summary } from "../src/report/summary.ts";
import { table } from "../src/report/tables.ts";
import { writePage } from "../src/report/write.ts";
import { emptyResults, row } from "./fakes.ts";

const beside = { svg: "b.svg", json: "b.json" };
const measured = emptyResults({
  throughput: [1, 2, 3].flatMap((round) => [
    row({ system: "corral", variant: "sdk", round, perSecond: 200_000, generator: 0.99 }),
    row({ system: "corral", variant: "wire", round, perSecond: 400_000 }),
    row({ system: "zookeeper", variant: "zookeeper", round, perSecond: 50_000 }),
  ]),
  failures: [{ system: "zookeeper", what: "restart", why: "it did not come back\n  at some line" }],
  warnings: ["others used 30 % of the machine"],
});

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

describe("the page", () => {
  test("says what is missing, what failed and what was to be wondered at", () => {
    const text = page(measured, beside);
    expect(text).toContain("**Without etcd: apt-get install etcd-server.**");
    expect(text).toContain("**Failed: zookeeper, restart: it did not come back.**");
    expect(text).toContain("**Warning: others used 30 % of the machine.**");
    expect(text).toContain("With the bare client (`wire`): 1 of 1 reached, 0 missed, 0 without a claim.");
    expect(text).toContain("With the library (`sdk`), throughput and lone latency: 0 of 1 reached, 1 missed");
    expect(text).toContain("![Throughput, latency, memory and restart of the three systems](b.svg)");
  });

  test("has a row for each client, and marks a generator that was the limit", () => {
    const lines = page(measured, beside).split("\n");
    const sdk = lines.find((line) => line.startsWith("| Corral, sdk | 32 × 64"));
    expect(sdk).toBe("| Corral, sdk | 32 × 64 | 200 k | 100 µs | 200 µs | 300 µs | 0.50 | 0.99* | 2.50 µs | 4.95 µs |");
    expect(lines.filter((line) => line.startsWith("| ZooKeeper | 32 × 64"))).toHaveLength(1);
    expect(lines).toContain("| get, 32 × 64, sdk | ≥ 4.00 × | 0.25 × | – | – | – | – |");
    expect(lines).toContain("| get, 32 × 64, throughput | ZooKeeper | wire | ≥ 6 × | 8.00 × | 0.13 × | reached |");
  });

  test("has the lone operation on one core beside the one on all, and says why", () => {
    const lone = (place: "one core" | undefined, p50: number) =>
      row({
        system: "corral",
        variant: "wire",
        round: 1,
        perSecond: 10,
        p50,
        shape: place === undefined ? [1, 1] : [1, 1, place],
      });
    const results = emptyResults({ throughput: [lone(undefined, 97), lone("one core", 17)] });
    const text = page(results, beside);
    const rows = text.split("\n").filter((line) => line.startsWith("| Corral, wire | 1 × 1"));
    expect(rows.map((line) => line.split(" | ").slice(1, 4))).toEqual([
      ["1 × 1", "10", "97 µs"],
      ["1 × 1, one core", "10", "17 µs"],
    ]);
    expect(text).toContain('In "1 × 1, one core" all threads of server and client share one core');
    // A chart of lone latency is of all cores.
    expect(panelsOf(results).map(({ title, bars }) => [title, bars.map(({ text: of }) => of)])).toEqual([
      ["get, 1 × 1, p50", ["97 µs"]],
    ]);
  });

  test("has etcd's two kinds of reads in rows of their own; the chart has its default", () => {
    const results = emptyResults({
      throughput: [
        row({ system: "corral", variant: "wire", round: 1, perSecond: 400_000 }),
        row({ system: "etcd", variant: "etcd", round: 1, perSecond: 10_000 }),
        row({ system: "etcd", variant: "etcd-serializable", round: 1, perSecond: 20_000 }),
      ],
    });
    const lines = page(results, beside).split("\n");
    expect(lines.filter((line) => line.startsWith("| etcd | 32 × 64 | 10.0 k"))).toHaveLength(1);
    expect(lines.filter((line) => line.startsWith("| etcd, serializable reads | 32 × 64 | 20.0 k"))).toHaveLength(1);
    expect(lines.find((line) => line.startsWith("| get, 32 × 64, wire"))).toBe(
      "| get, 32 × 64, wire | – | – | 40.0 × | 0.03 × | 20.0 × | 0.05 × |",
    );
    expect(panelsOf(results)[0]!.bars.map(({ label, text }) => [label, text])).toEqual([
      ["Corral, wire", "400 k"],
      ["etcd", "10.0 k"],
    ]);
  });

  test("every table has as many cells in each row as in its head", () => {
    let cells: number | undefined;
    for (const line of page(measured, beside).split("\n")) {
      if (!line.startsWith("|")) {
        cells = undefined;
        continue;
      }
      const count = line.split("|").length;
      cells ??= count;
      expect(count, line).toBe(cells);
    }
  });

  test("without anything measured is a page that says so", () => {
    const text = page(emptyResults(), beside);
    expect(text).toContain("Not measured.");
    expect(text).not.toContain("NaN");
    expect(text).not.toContain("undefined");
    expect(text).not.toContain("Infinity");
    expect(table(["a"], [])).toBe("Not measured.\n");
  });

  test("is made again from the raw results, to the byte", () => {
    const directory = mkdtempSync(join(tmpdir(), "corral-bench-page-"));
    directories.push(directory);
    writePage(measured, join(directory, "deep", "bench.md"));
    expect(readdirSync(join(directory, "deep")).toSorted()).toEqual(["bench.json", "bench.md", "bench.svg"]);
    const raw = readFileSync(join(directory, "deep", "bench.json"), "utf8");
    const again = readResults(raw);
    expect(page(again!, { svg: "bench.svg", json: "bench.json" })).toBe(
      readFileSync(join(directory, "deep", "bench.md"), "utf8"),
    );
  });

  test("results of another make are refused", () => {
    expect(readResults("{")).toBeUndefined();
    expect(readResults("null")).toBeUndefined();
    expect(readResults(JSON.stringify({ ...measured, format: 99 }))).toBeUndefined();
  });

  test("on a terminal: verdicts, failures, and what is missing", () => {
    const text = summary(measured);
    expect(text).toMatch(/^reached +get, 32 × 64, throughput against ZooKeeper, wire: 8\.00 ×, aimed at ≥ 6 ×$/m);
    expect(text).toMatch(/^FAILED +zookeeper, restart: it did not come back$/m);
    expect(text).toMatch(/^WITHOUT +etcd: apt-get install etcd-server$/m);
  });
});

describe("the chart", () => {
  test("has a panel for what was measured, and none for what was not", () => {
    expect(panelsOf(measured).map(({ title }) => title)).toEqual(["get, 32 × 64, ops/s"]);
    expect(panelsOf(measured)[0]!.bars.map(({ label, text }) => [label, text])).toEqual([
      ["Corral, sdk", "200 k"],
      ["Corral, wire", "400 k"],
      ["ZooKeeper", "50.0 k"],
    ]);
    expect(panelsOf(emptyResults())).toEqual([]);
    expect(chart(emptyResults())).toMatch(/^<svg [^]*<\/svg>\n$/);
  });

  test("bars are as long as their values, in each panel by its own scale", () => {
    const widths = [...chart(measured).matchAll(/<rect [^>]*width="([\d.]+)"/g)].map(([, width]) => Number(width));
    expect(widths).toHaveLength(3);
    expect(widths[0]! / widths[1]!).toBeCloseTo(0.5);
    expect(widths[2]! / widths[1]!).toBeCloseTo(0.125, 1);
  });

  test("is readable on dark ground too, and text cannot break out of it", () => {
    const bars = [{ label: "<a&b>", kind: "etcd", value: -1, text: "x" }] as const;
    const svg = draw([{ title: "t", isMoreBetter: false, bars }]);
    expect(svg).toContain("prefers-color-scheme:dark");
    expect(svg).toContain("&lt;a&amp;b&gt;");
    expect(svg).toContain('width="2.0"');
  });
});

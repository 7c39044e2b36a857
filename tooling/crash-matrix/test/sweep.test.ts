/** A bounded share of the sweep over a data directory that a real corrald has written, and what its oracle says. */
import { beforeAll, expect, test } from "vitest";
import { faultsOf } from "../src/sweep/faults.ts";
import { Oracle } from "../src/sweep/oracle.ts";
import { makeSource } from "../src/sweep/source.ts";
import type { SweepSource } from "../src/sweep/files.ts";
import { Sweep, sweepLines, sweepShare } from "../src/sweep/sweep.ts";
import { lastInUse, segmentsOf } from "./directories.ts";

let source: SweepSource;
beforeAll(async () => {
  source = await makeSource();
}, 120_000);

test("the directory is one worth spoiling: several segments, two snapshots, a stale copy and another cluster's", () => {
  const names = Object.keys(source.files);
  expect(segmentsOf(source.files).length).toBeGreaterThanOrEqual(3);
  expect(names.filter((name) => /^snapshot-\d+$/.test(name)).length).toBeGreaterThanOrEqual(2);
  expect(
    Object.keys(source.older).some(
      (name) => !Buffer.from(source.older[name]!).equals(source.files[name] ?? new Uint8Array()),
    ),
  ).toBe(true);
  expect(Object.keys(source.foreign).length).toBeGreaterThan(1);
  expect(new Oracle(source.files).records).toBeGreaterThan(150);
});

test("each fault in a share of all comes to a verdict that is allowed: the same, refused by name, or cut where nothing says otherwise", async () => {
  const result = await sweepShare(source, 7, 40, 1);
  expect(result.failures).toEqual([]);
  expect(result.passed).toBeGreaterThan(50);
  expect(sweepLines(result).join("\n")).toMatch(/same +refused +unread +cut +WRONG/);
}, 120_000);

test("there is every fault for every block, and each changes something or fails a reading", () => {
  const { blocks, whole } = faultsOf(source);
  const bytes = Object.values(source.files).reduce((sum, file) => sum + Math.ceil(file.length / 512), 0);
  expect(blocks.filter(({ kind }) => kind === "bit flipped")).toHaveLength(bytes);
  expect(blocks.filter(({ kind }) => kind === "read error")).toHaveLength(bytes);
  expect(new Set([...blocks, ...whole].map(({ kind }) => kind)).size).toBe(12);
});

test("the oracle lets a log be cut only before what nothing else proves", () => {
  const oracle = new Oracle(source.files);
  const [first] = segmentsOf(source.files);
  expect(oracle.mayCutTo({ file: first!, from: 5_000, to: 5_001 })).toBeUndefined();
  expect(oracle.mayCutTo({ file: "snapshot-0000000000000001", from: 0, to: 100 })).toBeUndefined();
  // Nothing behind the last record says that it was durable.
  expect(oracle.mayCutTo({ file: lastInUse(source.files), from: 0, to: 1 << 20 })).toBeGreaterThan(0);
});

test("a verdict is wrong when another state comes out, when nothing says what is damaged, and when an error is none of the log's", async () => {
  const sweep = new Sweep(source);
  const [first] = segmentsOf(source.files);
  const fault = { ...faultsOf(source).blocks[0]!, damage: { file: first!, from: 0, to: 1 } };
  const nothing = await sweep.verdictOn({ ...fault, apply: () => {} });
  expect(nothing).toEqual({ verdict: "same", why: "" });
  const foreign = await sweep.verdictOn({
    ...fault,
    apply: (disk) => {
      for (const name of disk.names()) disk.put(name, undefined);
      for (const [name, bytes] of Object.entries(source.foreign)) disk.put(name, bytes);
    },
  });
  expect(foreign.verdict).toBe("WRONG");
  const unnamed = await sweep.verdictOn({
    ...fault,
    damage: { file: "snapshot-7", from: 0, to: 1 },
    apply: (disk) => disk.put(lastInUse(source.files), disk.contents(first!)),
  });
  expect(unnamed).toMatchObject({ verdict: "WRONG", why: expect.stringContaining("without naming") });
  const broken = await sweep.verdictOn({
    ...fault,
    wrapDisk: () => {
      throw new TypeError("broken");
    },
  });
  expect(broken).toMatchObject({ verdict: "WRONG", why: expect.stringContaining("TypeError: broken") });
});

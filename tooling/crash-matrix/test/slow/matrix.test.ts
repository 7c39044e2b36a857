/** A bounded share of the matrix, and defects that it has to find. All of it: `npm run crash-matrix`. */
import { describe, expect, test } from "vitest";
import { crashAt, crashesAt } from "../../src/matrix/crashes.ts";
import { tryShare } from "../../src/matrix/share.ts";
import { trial } from "../../src/matrix/trial.ts";
import { limitsOf, momentsOf, type Workload } from "../../src/matrix/workload.ts";
import { WORKLOADS } from "../../src/matrix/workloads/index.ts";
import { PLANTS } from "../../src/plant.ts";

const workload = (name: string): Workload => WORKLOADS.find((each) => each.name === name)!;

test("every workload plays to its end, and names its file operations the same way twice", async () => {
  for (const each of WORKLOADS) {
    const [first, second] = [await momentsOf(each), await momentsOf(each)];
    expect(first.length).toBeGreaterThan(20);
    expect(second.map(({ next }) => next)).toEqual(first.map(({ next }) => next));
  }
});

test("no crash in a share of all workloads takes what was acknowledged, or leaves a log that will not start", async () => {
  let passed = 0;
  for (const [index, each] of WORKLOADS.entries()) {
    const result = await tryShare(each, index % 60, 60);
    expect(result.failures).toEqual([]);
    passed += result.passed;
  }
  expect(passed).toBeGreaterThan(300);
}, 120_000);

describe("is found:", () => {
  test.each<[string, string, number]>([
    ["no-directory-sync", "idle-marks", 1],
    ["ack-before-sync", "bursts", 1],
    ["sync-again", "failed-sync", 1],
    ["no-rewrite", "failed-sync", 1],
    ["rename-before-sync", "retention", 40],
    ["greedy-removal", "snapshots", 1],
  ])(
    "a log with the defect %s, by the workload %s",
    async (plant, name, of) => {
      const found = await tryShare(workload(name), 0, of, PLANTS[plant], 1).then(
        ({ failed, failures }) => ({ failed, first: failures[0] }),
        (error: unknown) => ({ failed: 1, first: String(error) }),
      );
      expect(found.failed).toBeGreaterThan(0);
      expect(found.first).toMatch(/lost|refused|changed|a sync failed, and the log goes on/);
    },
    60_000,
  );

  test("a planted defect is a defect: the same workloads pass without it", async () => {
    const result = await tryShare(workload("failed-sync"), 1, 16);
    expect(result).toMatchObject({ failed: 0 });
    expect(result.passed).toBeGreaterThan(0);
  });
});

test("a crash is found again by its address, also a second one", async () => {
  const ghosts = workload("ghosts");
  const moments = await momentsOf(ghosts);
  const seen: string[] = [];
  for (const moment of moments.slice(20, 32))
    for await (const { address } of crashesAt(ghosts, moment)) seen.push(address);
  const second = seen.find((address) => address.split(":").length === 5);
  expect(second).toBeDefined();
  for (const address of [seen[0]!, seen.at(-1)!, second!]) {
    const crash = await crashAt(ghosts, address.split(":").slice(1));
    expect(crash.address).toBe(address);
    expect(await trial(crash.moment.known, crash.disk, limitsOf(ghosts))).toMatchObject({ wrong: [] });
  }
  await expect(crashAt(ghosts, ["999999", "-"])).rejects.toThrow("operation 999999");
});

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { parseArguments } from "../src/arguments.ts";
import { campaign } from "../src/run/campaign.ts";
import { Lab } from "../src/run/lab.ts";
import { coresOfThreads, missingForOneCore, onOneCore } from "../src/run/one-core.ts";
import { QUICK } from "../src/run/scale.ts";
import { throughput } from "../src/run/throughput.ts";
import { emptyResults, fakeSystem } from "./fakes.ts";

const children: ChildProcess[] = [];
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "corral-bench-one-core-"));
  vi.spyOn(console, "log").mockImplementation(() => {});
  vi.spyOn(console, "error").mockImplementation(() => {});
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true, force: true });
});

/** Node has several threads. */
async function processOfThreads(): Promise<number> {
  const child = spawn(process.execPath, ["-e", "console.log(1); setInterval(() => {}, 1000)"]);
  children.push(child);
  await once(child.stdout, "data");
  return child.pid!;
}

describe("on one core", () => {
  test("every thread is kept there for as long as the work takes, and let go again", async () => {
    const pids = [await processOfThreads(), await processOfThreads()];
    const before = pids.map(coresOfThreads);
    const during = await onOneCore(pids, async () => pids.map(coresOfThreads));
    expect(before[0]!.length).toBeGreaterThan(1);
    // The same one for both, and one it is.
    expect(new Set(during.flat()).size).toBe(1);
    expect(during.flat()[0]).toMatch(/^\d+$/);
    expect(during.map(({ length }) => length)).toEqual(before.map(({ length }) => length));
    expect(pids.map(coresOfThreads)).toEqual(before);
  });

  test("they are let go also when the work fails, or one has ended meanwhile", async () => {
    const [stays, ends] = [await processOfThreads(), await processOfThreads()];
    const before = coresOfThreads(stays);
    const work = onOneCore([ends, stays], async () => {
      const gone = once(children[1]!, "exit");
      children[1]!.kill("SIGKILL");
      await gone;
      throw new Error("the load failed");
    });
    await expect(work).rejects.toThrow("the load failed");
    expect(coresOfThreads(stays)).toEqual(before);
    expect(coresOfThreads(ends)).toEqual([]);
  });

  // On a machine of one core they are where they should be.
  test.skipIf(availableParallelism() === 1)(
    "processes that cannot be kept there are an error, not a measurement",
    async () => {
      const pid = await processOfThreads();
      vi.stubEnv("PATH", directory);
      const hasWorked = vi.fn<() => Promise<void>>();
      await expect(onOneCore([pid], hasWorked)).rejects.toThrow(`process ${pid} cannot be kept on core`);
      expect(hasWorked).not.toHaveBeenCalled();
    },
  );
});

describe("without taskset", () => {
  beforeEach(() => {
    vi.stubEnv("PATH", directory);
  });

  test("it is said what is missing, in the results too", async () => {
    expect(missingForOneCore()).toBe("apt-get install util-linux");
    const args = { ...parseArguments(["--quick", "--only", "throughput"]), systems: [] };
    const { warnings } = await campaign(args, [], directory, "npm run bench");
    expect(warnings).toContain("without 1 × 1 on one core, because taskset is missing: apt-get install util-linux");
  });

  test("this shape is left out, and all others are measured", async () => {
    const facts = [{ name: "zookeeper" as const, clients: [] }];
    const system = fakeSystem("zookeeper", { zookeeper: "quick" }, children);
    const lab = new Lab([system], QUICK, directory, emptyResults({ systems: facts }), "/root");
    await throughput(lab);
    expect(lab.results.failures).toEqual([]);
    expect(lab.results.throughput).toHaveLength(15);
    expect(lab.results.throughput.filter(({ place }) => place !== undefined)).toEqual([]);
  });
});

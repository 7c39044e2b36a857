import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { parseArguments } from "../src/arguments.ts";
import { MissingSystem, campaign } from "../src/run/campaign.ts";
import type { System } from "../src/systems/system.ts";
import { fakeSystem } from "./fakes.ts";

let root: string;
const said: string[] = [];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "corral-bench-campaign-"));
  said.length = 0;
  vi.spyOn(console, "log").mockImplementation(() => {});
  vi.spyOn(console, "error").mockImplementation((text: string) => void said.push(text));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(root, { recursive: true });
});

const servers: ChildProcess[] = [];
const here: System = fakeSystem("corral", { wire: "quick" }, servers);
const absent: System = { ...fakeSystem("zookeeper", {}, servers), missing: () => "apt-get install zookeeper" };
const broken: System = {
  ...fakeSystem("etcd", {}, servers),
  prepare: () => Promise.reject(new Error("no compiler")),
};
/** No part: only what comes before the first. */
const nothing = { ...parseArguments(["--quick"]), only: [] };

describe("a system that is not on this machine", () => {
  test("is told of loudly and left out; one that cannot be built is a failure", async () => {
    const results = await campaign(nothing, [here, absent, broken], root, "npm run bench");
    expect(results.systems).toEqual([
      { name: "corral", version: "corral 0", clients: [] },
      { name: "zookeeper", missing: "apt-get install zookeeper", clients: [] },
      { name: "etcd", clients: [] },
    ]);
    expect(results.failures).toEqual([{ system: "etcd", what: "preparing", why: "no compiler" }]);
    expect(said.join("")).toContain("WITHOUT ZOOKEEPER: apt-get install zookeeper");
    expect(said.join("")).toContain("WITHOUT ETCD: it could not be prepared: no compiler");
    expect(results.machine.cores).toBeGreaterThan(0);
  });

  test("ends the run when all are required", async () => {
    const required = campaign({ ...nothing, require: true }, [here, absent], root, "npm run bench");
    await expect(required).rejects.toThrow(MissingSystem);
    await expect(required).rejects.toThrow("zookeeper is missing: apt-get install zookeeper");
  });

  test("does not matter when it is not asked for", async () => {
    const args = { ...nothing, require: true, systems: ["corral"] as const };
    const { systems } = await campaign(args, [here, absent], root, "npm run bench");
    expect(systems.map(({ name }) => name)).toEqual(["corral"]);
  });
});

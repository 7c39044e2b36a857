import type { ChildProcess } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { SystemName } from "../src/report/results.ts";
import { fanOut } from "../src/run/connections.ts";
import { Lab } from "../src/run/lab.ts";
import { planText, stepsOf } from "../src/run/plan.ts";
import { FULL, PARTS, QUICK, type Scale } from "../src/run/scale.ts";
import { bigTree } from "../src/run/size.ts";
import { SnapshotWatch } from "../src/run/snapshot.ts";
import { Stage } from "../src/run/stage.ts";
import { throughput } from "../src/run/throughput.ts";
import { emptyResults, fakeSystem } from "./fakes.ts";

let directory: string;
let servers: ChildProcess[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "corral-bench-lab-"));
  servers = [];
  vi.spyOn(console, "log").mockImplementation(() => {});
});
afterEach(() => {
  vi.restoreAllMocks();
  for (const server of servers) server.kill("SIGKILL");
  rmSync(directory, { recursive: true, force: true });
});

function labOf(
  systems: readonly (readonly [SystemName, Readonly<Record<string, string>>])[],
  change: Partial<Scale> = {},
): Lab {
  const list = systems.map(([name, hows]) => fakeSystem(name, hows, servers));
  const facts = systems.map(([name]) => ({ name, clients: [] }));
  return new Lab(list, { ...QUICK, rounds: 2, ...change }, directory, emptyResults({ systems: facts }), "/root");
}

describe("a run", () => {
  test("each round has every system, and begins with another; nothing stays", async () => {
    const lab = labOf([
      ["corral", { "wire-single": "quick" }],
      ["zookeeper", { zookeeper: "quick" }],
    ]);
    await throughput(lab);
    expect(lab.results.failures).toEqual([]);
    const order = lab.results.throughput.map(({ round, system }) => `${round} ${system}`);
    expect([...new Set(order)]).toEqual(["1 corral", "1 zookeeper", "2 zookeeper", "2 corral"]);
    // With one request a frame: gets, sets and both, in bulk.
    expect(order.filter((one) => one === "1 corral")).toHaveLength(3);
    // Fifteen, and gets and sets on one core.
    expect(order.filter((one) => one === "1 zookeeper")).toHaveLength(17);
    expect(servers).toHaveLength(4);
    expect(servers.every(({ signalCode }) => signalCode === "SIGKILL")).toBe(true);
    expect(readdirSync(directory)).toEqual([]);
    expect(lab.results.systems[1]).toMatchObject({
      commandLine: "fake server",
      clients: [{ variant: "zookeeper", client: "fake 1.0", processorsMax: 1 }],
    });
  });

  test("a system that fails is noted with its reason, and the others are measured", async () => {
    const lab = labOf([
      ["corral", { wire: "fails" }],
      ["etcd", { etcd: "quick" }],
    ]);
    await fanOut(lab);
    expect(lab.results.failures).toEqual([
      { system: "corral", what: "fan-out", why: "generator wire failed: the znode is not there" },
      ...[1, 10].map((znodes) => ({
        system: "etcd",
        what: `fan-out, 100 watchers of ${znodes} znodes`,
        why: "0 rounds were told of instead of 2",
      })),
    ]);
    expect(servers.every(({ signalCode }) => signalCode === "SIGKILL")).toBe(true);
  });

  test("at each size of the tree the loads come several times in turn, and then it is restarted", async () => {
    const lab = labOf([["corral", { wire: "quick" }]], { costLoads: 3 });
    await bigTree(lab, { size: true, snapshot: false });
    expect(lab.results.failures).toEqual([]);
    expect(lab.results.sizes.map(({ znodes }) => znodes)).toEqual(QUICK.sizes);
    const inTurn = ["get", "set", "get", "set", "get", "set"];
    for (const { loads } of lab.results.sizes) expect(loads.map(({ workload }) => workload)).toEqual(inTurn);
    expect(lab.results.restarts.map(({ seconds }) => seconds)).toEqual([[0.25]]);
  });

  test("a load in which nothing ended is no measurement", async () => {
    const lab = labOf([["corral", { wire: "nothing" }]]);
    const stage = await Stage.open(lab, lab.systems[0]!, directory);
    try {
      await stage.start("wire");
      const job = { workload: "get", connections: 1, inFlight: 1, warmUpMs: 0, measureMs: 5, keys: 0 } as const;
      await expect(stage.measure({ job: "load", ...job })).rejects.toThrow("no operation ended within 20 ms");
      expect(await stage.restart("wire", 0)).toBe(0.25);
      expect(stage.rss).toBeGreaterThan(0);
    } finally {
      await stage.close();
    }
    expect(servers).toHaveLength(2);
  });

  test("its plan at defaults fits into seventeen minutes, a quick one into a minute and a half", () => {
    const hows = { sdk: "quick", wire: "quick", "wire-single": "quick" };
    const { systems } = labOf([
      ["corral", hows],
      ["zookeeper", { zookeeper: "quick" }],
      ["etcd", { etcd: "quick", "etcd-serializable": "quick" }],
    ]);
    const secondsOf = (scale: typeof FULL): number =>
      stepsOf(scale, systems, PARTS).reduce((sum, step) => sum + step.seconds, 0);
    expect(secondsOf(FULL)).toBeLessThan(17 * 60);
    expect(secondsOf(QUICK)).toBeLessThan(90);
    expect(planText(stepsOf(FULL, systems, ["floors"]))).toMatch(
      /^plan, minutes about: floors 0\.\d · together 0\.\d$/,
    );
    expect(stepsOf(FULL, systems, ["snapshot"]).map(({ name }) => name)).toEqual(["snapshots"]);
  });
});

describe("whether there was a snapshot", () => {
  test("new files of its name are counted, also when they are gone again; others are not", () => {
    writeFileSync(join(directory, "snapshot-0000000000000001"), "");
    const watch = new SnapshotWatch(directory);
    try {
      expect(watch.count()).toBe(0);
      writeFileSync(join(directory, "snapshot-0000000000000002"), "");
      writeFileSync(join(directory, "snapshot-0000000000000003.tmp"), "");
      writeFileSync(join(directory, "log-0000000000000001"), "");
      expect(watch.count()).toBe(1);
      rmSync(join(directory, "snapshot-0000000000000002"));
      writeFileSync(join(directory, "snapshot.1f"), "");
      expect(watch.count()).toBe(2);
    } finally {
      watch.end();
    }
  });
});

/**
 * What the size of the tree costs: it is filled step by step, and at each step the same loads draw from all of it, several
 * times, because a snapshot may come in one of them: the servers run with their defaults, as a user's do. At the last one: memory, and kill -9 with a restart until the first answered read. Then, on the same data, latency with and
 * without snapshots.
 */
import type { System } from "../systems/system.ts";
import { median } from "../report/numbers.ts";
import type { Measurement } from "../report/results.ts";
import type { Workload } from "../generator/job.ts";
import type { Lab } from "./lab.ts";
import { BULK, BULK_WORKLOADS } from "./scale.ts";
import { Stage, plainVariant } from "./stage.ts";
import { snapshotLatency } from "./snapshot.ts";

export interface SizeParts {
  readonly size: boolean;
  readonly snapshot: boolean;
}

export async function bigTree(lab: Lab, parts: SizeParts): Promise<void> {
  for (const system of lab.systems) {
    const withSnapshot = parts.snapshot && takesSnapshots(system);
    if (!parts.size && !withSnapshot) continue;
    lab.say(`size: ${system.name}`);
    await lab.attempt(system.name, "size", async () => {
      const directory = lab.freshDirectory(system.name);
      const stage = await Stage.open(lab, system, directory);
      try {
        await stage.start(plainVariant(system));
        if (parts.size) await grow(lab, stage);
        else await fill(stage, 0, lab.scale.sizes.at(-1)!);
        if (parts.size) await lab.attempt(system.name, "restart", () => restart(lab, stage));
        if (withSnapshot) await lab.attempt(system.name, "snapshot", () => snapshotLatency(lab, stage));
      } finally {
        await stage.close();
        lab.drop(directory);
      }
    });
  }
}

/** etcd writes its data as it goes: its snapshots are of its log only, and no read waits for them. */
export function takesSnapshots(system: System): boolean {
  return system.name !== "etcd";
}

async function grow(lab: Lab, stage: Stage): Promise<void> {
  const variant = plainVariant(stage.system);
  const [connections, inFlight] = BULK;
  const { firstWarmUpMs, warmUpMs, costMs, costLoads, sizes, settleMsMax } = lab.scale;
  let from = 0;
  for (const znodes of sizes) {
    const fillSeconds = await fill(stage, from, znodes);
    // Once, at the first size: what comes after is as warm.
    if (from === 0) await stage.warmUp(firstWarmUpMs, znodes);
    // Only the last is compared; the others show how it grows.
    const rss = znodes === sizes.at(-1) ? await stage.settledRss(settleMsMax) : stage.rss;
    const loads: (Measurement & { workload: Workload })[] = [];
    for (const workload of Array.from({ length: costLoads }, () => BULK_WORKLOADS).flat()) {
      const job = { job: "load", workload, connections, inFlight, warmUpMs, measureMs: costMs, keys: znodes } as const;
      const { end: _, ...measured } = await stage.measure(job);
      loads.push({ workload, ...measured });
    }
    lab.results.sizes.push({ system: stage.system.name, variant, znodes, fillSeconds, rss, loads });
    const costs = BULK_WORKLOADS.map((workload) => {
      const own = loads.filter((load) => load.workload === workload);
      return `${workload} ${median(own.map((load) => (load.serverCpu * 1e6) / load.operations)).toFixed(1)} µs CPU`;
    });
    lab.say(
      `  ${znodes} znodes: filled in ${fillSeconds.toFixed(1)} s, ${Math.round(rss / 1e6)} MB, ${costs.join(", ")}`,
    );
    from = znodes;
  }
}

async function fill(stage: Stage, from: number, to: number): Promise<number> {
  const [connections, inFlight] = BULK;
  return (await stage.run({ job: "fill", from, to, connections, inFlight: connections * inFlight })).seconds;
}

async function restart(lab: Lab, stage: Stage): Promise<void> {
  const variant = plainVariant(stage.system);
  const znodes = lab.scale.sizes.at(-1)!;
  const seconds: number[] = [];
  for (let n = 0; n < lab.scale.restarts; n++) seconds.push(await stage.restart(variant, znodes));
  const rss = await stage.settledRss(lab.scale.settleMsMax);
  lab.results.restarts.push({ system: stage.system.name, variant, znodes, seconds, rss });
  const times = seconds.map((s) => `${s.toFixed(2)} s`).join(", ");
  lab.say(`  kill -9 and restart: ${times}; ${Math.round(rss / 1e6)} MB`);
}

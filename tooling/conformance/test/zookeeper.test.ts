import { describe, expect, it } from "vitest";
import { runCampaign } from "../src/campaign.ts";
import { lies, lyingTarget } from "../src/plant.ts";
import { startZooKeeper, zookeeperMissing } from "../src/zookeeper-process.ts";
import { zookeeperTarget } from "../src/zookeeper-target.ts";

const budget = { sequences: 10, ops: 30, seed: 77, parallel: 5, stopAfter: 1 };

describe.skipIf(zookeeperMissing() !== undefined)("a real ZooKeeper", () => {
  it(
    "agrees with itself, does what the model foretells, and is told from one that lies",
    { timeout: 60_000 },
    async () => {
      const zookeeper = zookeeperTarget(await startZooKeeper());
      try {
        const same = await runCampaign({ zookeeper, other: zookeeper }, budget, () => {});
        expect(same.failures.map(({ verdict }) => verdict)).toEqual([]);
        expect(same.comparisons).toBeGreaterThan(budget.sequences * budget.ops * 0.9);
        const lie = lies["an event is lost"];
        if (lie === undefined) throw new Error("no such lie");
        const lying = await runCampaign({ zookeeper, other: lyingTarget(zookeeper, lie) }, budget, () => {});
        expect(lying.failures).not.toEqual([]);
      } finally {
        await zookeeper.stop();
      }
    },
  );
});

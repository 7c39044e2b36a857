/** Leaderships and replicas that go where they ought to be, by themselves. */
import { describe, expect, test } from "vitest";
import { elections } from "../src/controller/duties/elections.ts";
import { preferred } from "../src/controller/duties/preferred.ts";
import { reassignments } from "../src/controller/duties/reassignments.ts";
import { rebalance } from "../src/controller/duties/rebalance.ts";
import { startCluster, type TestCluster } from "./cluster.ts";
import { standAll } from "./controllers.ts";
import { loads, moving, quiet, statesOf } from "./replicas.ts";

const POLICY = { "auto.partition.rebalance.enable": "true" };
const DUTIES = [elections, reassignments, rebalance, preferred];

/** So many partitions on brokers 1 and 2, half of which each leads. */
async function onTwo(partitions: number): Promise<{ cluster: TestCluster; id: string }> {
  const cluster = await startCluster({ brokers: 2 });
  const replicas = Array.from({ length: partitions }, (_, at) => (at % 2 === 0 ? [1, 2] : [2, 1]));
  return { cluster, id: await cluster.topic("orders", { replicas }) };
}

describe("adding a broker or changing a watched configuration rebalances partitions and moves leaders by itself when the policy says so", () => {
  test("a broker that comes gets its share of replicas and of leaderships", async () => {
    const { cluster, id } = await onTwo(12);
    await using _ = cluster;
    await cluster.configureAll(POLICY);
    await standAll(cluster, DUTIES);
    await quiet(cluster);
    const before = statesOf(cluster, id);
    expect(loads(before)).toEqual({ 1: [12, 6, 6], 2: [12, 6, 6] });
    await cluster.start(3);
    await quiet(cluster);
    const after = statesOf(cluster, id);
    expect(loads(after)).toEqual({ 1: [8, 4, 4], 2: [8, 4, 4], 3: [8, 4, 4] });
    expect(after.every(({ replicas, leader, isr }) => leader === replicas[0] && isr.length === 2)).toBe(true);
    expect(moving(after)).toBe(0);
  });

  test("without the policy a broker that comes gets nothing, until the setting is switched on", async () => {
    const { cluster, id } = await onTwo(12);
    await using _ = cluster;
    await standAll(cluster, DUTIES);
    await cluster.start(3);
    await quiet(cluster);
    expect(loads(statesOf(cluster, id))).toEqual({ 1: [12, 6, 6], 2: [12, 6, 6] });
    await cluster.configureAll(POLICY);
    await quiet(cluster);
    expect(loads(statesOf(cluster, id))).toEqual({ 1: [8, 4, 4], 2: [8, 4, 4], 3: [8, 4, 4] });
  });
});

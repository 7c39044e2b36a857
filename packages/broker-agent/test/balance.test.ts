/** The policy that levels brokers out. */
import { describe, expect, test } from "vitest";
import { elections } from "../src/controller/duties/elections.ts";
import { preferred } from "../src/controller/duties/preferred.ts";
import { reassignments } from "../src/controller/duties/reassignments.ts";
import { rebalance } from "../src/controller/duties/rebalance.ts";
import { startReassignment } from "../src/partition/reassignment.ts";
import { fresh, startCluster, type TestCluster } from "./cluster.ts";
import { standAll } from "./controllers.ts";
import { catchUp, loads, moving, quiet, statesOf } from "./replicas.ts";

const ON = "auto.partition.rebalance.enable";
const AT_ONCE = "auto.partition.rebalance.moves.max";
const POLICY = { [ON]: "true" };
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
    expect(loads(statesOf(cluster, id))).toEqual({ 1: [12, 6, 6], 2: [12, 6, 6] });
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

  test("a fenced broker gets its share when it is active, and not before", async () => {
    const { cluster, id } = await onTwo(6);
    await using _ = cluster;
    await cluster.configureAll(POLICY);
    await standAll(cluster, DUTIES);
    await cluster.start({ id: 3, status: "fenced" });
    await quiet(cluster);
    expect(loads(statesOf(cluster, id))).toEqual({ 1: [6, 3, 3], 2: [6, 3, 3] });
    await cluster.change(3, { status: "active" });
    await quiet(cluster);
    expect(loads(statesOf(cluster, id))).toEqual({ 1: [4, 2, 2], 2: [4, 2, 2], 3: [4, 2, 2] });
  });

  test("racks are spanned as before, by brokers that come with racks of their own", async () => {
    await using cluster = await startCluster({
      brokers: [
        { id: 1, rack: "a" },
        { id: 2, rack: "b" },
      ],
    });
    const id = await cluster.topic("orders", { replicas: Array.from({ length: 12 }, () => [1, 2]) });
    await cluster.configureAll(POLICY);
    await standAll(cluster, DUTIES);
    await cluster.start({ id: 3, rack: "a" });
    await cluster.start({ id: 4, rack: "b" });
    await quiet(cluster);
    const after = statesOf(cluster, id);
    expect(loads(after)).toEqual({ 1: [6, 3, 3], 2: [6, 3, 3], 3: [6, 3, 3], 4: [6, 3, 3] });
    expect(after.every(({ replicas: [a, b] }) => ((a as number) + (b as number)) % 2 === 1)).toBe(true);
  });
});

describe("a rebalance", () => {
  test("has no more partitions on the move at once than the setting says, and goes on as they arrive", async () => {
    const { cluster, id } = await onTwo(30);
    await using _ = cluster;
    await cluster.configureAll({ ...POLICY, [AT_ONCE]: "4" });
    await standAll(cluster, DUTIES);
    await cluster.start(3);
    const seen: number[] = [];
    do {
      await cluster.settle(100);
      seen.push(moving(statesOf(cluster, id)));
    } while ((await catchUp(cluster)) > 0);
    // 20 replicas go to the third broker, 4 at a time.
    expect(seen).toEqual([4, 4, 4, 4, 4, 0]);
    expect(loads(statesOf(cluster, id))).toEqual({ 1: [20, 10, 10], 2: [20, 10, 10], 3: [20, 10, 10] });
  });

  test("begins nothing more when the policy is switched off, and what is on the move arrives", async () => {
    const { cluster, id } = await onTwo(30);
    await using _ = cluster;
    await cluster.configureAll({ ...POLICY, [AT_ONCE]: "4" });
    await standAll(cluster, DUTIES);
    await cluster.start(3);
    await cluster.settle(100);
    await cluster.configureAll({ [ON]: "false", [AT_ONCE]: "4" });
    await quiet(cluster);
    expect(loads(statesOf(cluster, id))[3]?.[0]).toBe(4);
    expect(moving(statesOf(cluster, id))).toBe(0);
  });

  test("waits while a broker that keeps replicas is away, since it may come back", async () => {
    const { cluster, id } = await onTwo(6);
    await using _ = cluster;
    await cluster.configureAll(POLICY);
    await standAll(cluster, DUTIES);
    await cluster.kill(2);
    await cluster.settle();
    await cluster.start(3);
    await quiet(cluster);
    expect(Object.keys(loads(statesOf(cluster, id)))).toEqual(["1", "2"]);
    await cluster.start(2);
    await quiet(cluster);
    expect(loads(statesOf(cluster, id))).toEqual({ 1: [4, 2, 2], 2: [4, 2, 2], 3: [4, 2, 2] });
  });

  test("replaces no reassignment that somebody began, and waits until that is done", async () => {
    const { cluster, id } = await onTwo(6);
    await using _ = cluster;
    await cluster.configureAll(POLICY);
    const moved = startReassignment(fresh([1, 2]), [3, 4], new Set([1, 2, 3, 4]));
    if (moved.outcome !== "changed") throw new Error("it must move");
    await cluster.write(id, 0, moved.state);
    await standAll(cluster, DUTIES);
    await cluster.start(3);
    await cluster.start(4);
    await cluster.settle(10_000);
    expect(cluster.partition(id, 0)).toEqual(moved.state);
    expect(moving(statesOf(cluster, id))).toBe(1);
    await quiet(cluster);
    expect(Object.values(loads(statesOf(cluster, id)))).toEqual(
      Array(4).fill([3, expect.any(Number), expect.any(Number)]),
    );
  });

  test("leaves topics alone that are being deleted", async () => {
    const { cluster, id } = await onTwo(6);
    await using _ = cluster;
    const old = await cluster.topic("old", { replicas: Array.from({ length: 6 }, () => [1, 2]), state: "deleting" });
    await cluster.configureAll(POLICY);
    await standAll(cluster, DUTIES);
    await cluster.start(3);
    await quiet(cluster);
    expect([...cluster.storedAll(old).values()].map(({ version }) => version)).toEqual(Array(6).fill(0));
    expect(loads(statesOf(cluster, id))).toEqual({ 1: [4, 2, 2], 2: [4, 2, 2], 3: [4, 2, 2] });
  });
});

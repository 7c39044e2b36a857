/** Leaderships that go back to the preferred replicas, and reassignments that come to their end. */
import { describe, expect, test } from "vitest";
import { elections } from "../src/controller/duties/elections.ts";
import { preferred } from "../src/controller/duties/preferred.ts";
import { reassignments } from "../src/controller/duties/reassignments.ts";
import { startReassignment } from "../src/partition/reassignment.ts";
import type { PartitionState } from "../src/partition/state.ts";
import { fresh, startCluster } from "./cluster.ts";
import { stand } from "./controllers.ts";

const FIRST_LOOK_MS = 5_000;
const INTERVAL_MS = 300_000;

describe("leaderships go back to the preferred replicas by themselves", () => {
  /** Of ten partitions that prefer broker 2, so many are led by broker 3. */
  const elsewhere = (count: number): PartitionState[] =>
    Array.from({ length: 10 }, (_, at) => (at < count ? fresh([2, 3], { leader: 3 }) : fresh([2, 3])));
  const leaders = (states: Iterable<{ readonly state: PartitionState }>): (number | null)[] =>
    Array.from(states, ({ state }) => state.leader);

  test("five seconds after a term began, in a new epoch, with nobody leaving the in-sync replicas", async () => {
    await using cluster = await startCluster();
    const id = await cluster.topic("orders", { states: elsewhere(2) });
    await stand(cluster, 1, [elections, preferred]);
    await cluster.settle(FIRST_LOOK_MS - 100);
    expect(cluster.partition(id, 0).leader).toBe(3);
    await cluster.settle(200);
    expect(cluster.partition(id, 0)).toEqual(fresh([2, 3], { leaderEpoch: 1 }));
    expect(cluster.stored(id, 2).version).toBe(0);
  });

  test("and every interval from then on, if more than the percentage is led elsewhere", async () => {
    await using cluster = await startCluster();
    const id = await cluster.topic("orders", { states: elsewhere(1) });
    await stand(cluster, 1, [elections, preferred]);
    await cluster.settle(2 * FIRST_LOOK_MS);
    // One of ten is ten percent, and not more.
    expect(leaders(cluster.storedAll(id).values()).filter((leader) => leader === 3)).toHaveLength(1);
    await cluster.write(id, 5, fresh([2, 3], { leader: 3, leaderEpoch: 1 }));
    await cluster.settle(INTERVAL_MS - 2 * FIRST_LOOK_MS);
    expect(leaders(cluster.storedAll(id).values()).filter((leader) => leader === 3)).toHaveLength(2);
    await cluster.settle(2 * FIRST_LOOK_MS);
    expect(new Set(leaders(cluster.storedAll(id).values()))).toEqual(new Set([2]));
  });

  test("as far as the settings say: percentage, interval, and whether at all, from the moment of their change", async () => {
    await using cluster = await startCluster();
    const id = await cluster.topic("orders", { states: elsewhere(3) });
    await cluster.configureAll({ "auto.leader.rebalance.enable": "false" });
    await stand(cluster, 1, [elections, preferred]);
    await cluster.settle(2 * INTERVAL_MS);
    expect(cluster.partition(id, 0).leader).toBe(3);
    await cluster.configureAll({ "leader.imbalance.per.broker.percentage": "50" });
    await cluster.settle(2 * INTERVAL_MS);
    expect(cluster.partition(id, 0).leader).toBe(3);
    await cluster.configureAll({ "leader.imbalance.check.interval.seconds": "2" });
    await cluster.settle(2_500);
    expect(cluster.partition(id, 0).leader).toBe(2);
  });

  test("but not to who is dead, fenced, draining, out of sync, or of a partition on the move or of a topic that goes", async () => {
    await using cluster = await startCluster({
      brokers: [{ id: 1 }, { id: 2 }, { id: 3 }, { id: 4, status: "draining" }, { id: 5, status: "fenced" }],
    });
    const moving = startReassignment(fresh([2, 3], { leader: 3 }), [2, 1], new Set([1, 2, 3]));
    if (moving.outcome !== "changed") throw new Error("it must move");
    const states = [
      fresh([6, 3], { leader: 3, isr: [3] }),
      fresh([5, 3], { leader: 3, isr: [3] }),
      fresh([4, 3], { leader: 3 }),
      fresh([2, 3], { leader: 3, isr: [3] }),
      moving.state,
      fresh([2, 3], { leader: 3 }),
    ];
    const id = await cluster.topic("orders", { states });
    const going = await cluster.topic("old", { states: [fresh([2, 3], { leader: 3 })], state: "deleting" });
    await stand(cluster, 1, [elections, preferred]);
    await cluster.settle(2 * FIRST_LOOK_MS);
    expect([...cluster.storedAll(id).values()].map(({ version }) => version)).toEqual([0, 0, 0, 0, 0, 1]);
    expect(cluster.stored(going, 0).version).toBe(0);
  });

  test("a thousand at a time, and the rest at once after them", async () => {
    await using cluster = await startCluster();
    const states = Array.from({ length: 1_200 }, () => fresh([2, 3], { leader: 3 }));
    const id = await cluster.topic("orders", { states });
    await stand(cluster, 1, [elections, preferred]);
    await cluster.settle(2 * FIRST_LOOK_MS);
    expect(new Set(leaders(cluster.storedAll(id).values()))).toEqual(new Set([2]));
    expect(cluster.server.requests({ op: "multiEach" })).toHaveLength(3);
  });
});

describe("a reassignment", () => {
  const started = (target: readonly number[], from: PartitionState = fresh([1, 2])): PartitionState => {
    const moved = startReassignment(from, target, new Set([1, 2, 3, 4]));
    if (moved.outcome !== "changed") throw new Error("it must move");
    return moved.state;
  };

  test("is complete when the whole target is in sync, and not before", async () => {
    await using cluster = await startCluster({ brokers: 4 });
    const state = started([3, 4]);
    const id = await cluster.topic("orders", { states: [state] });
    await stand(cluster, 1, [elections, reassignments]);
    await cluster.write(id, 0, { ...state, isr: [1, 2, 3] });
    await cluster.settle(1_000);
    expect(cluster.stored(id, 0).version).toBe(1);
    await cluster.write(id, 0, { ...state, isr: [1, 2, 3, 4] });
    await cluster.settle(1_000);
    expect(cluster.partition(id, 0)).toEqual(fresh([3, 4], { leaderEpoch: 1 }));
  });

  test("whose controller is gone is completed by the next one", async () => {
    await using cluster = await startCluster({ brokers: 5 });
    const state = started([3, 4], fresh([3, 2]));
    const id = await cluster.topic("orders", { states: [state] });
    await stand(cluster, 1, [elections, reassignments]);
    await stand(cluster, 5, [elections, reassignments]);
    await cluster.kill(1);
    await cluster.write(id, 0, { ...state, isr: [3, 2, 4] });
    await cluster.settle();
    expect(cluster.partition(id, 0)).toEqual(fresh([3, 4], { leaderEpoch: 1 }));
  });

  test("that was complete while nobody was controller is completed when a term begins", async () => {
    await using cluster = await startCluster({ brokers: 4 });
    const id = await cluster.topic("orders", { states: [{ ...started([3, 4]), isr: [1, 2, 3, 4] }] });
    await stand(cluster, 1, [elections, reassignments]);
    await cluster.settle(100);
    expect(cluster.partition(id, 0)).toEqual(fresh([3, 4], { leaderEpoch: 1 }));
  });

  test("does not end with a leader that drains, and ends when one of the target may lead", async () => {
    await using cluster = await startCluster({ brokers: 4 });
    const id = await cluster.topic("orders", { states: [{ ...started([3]), isr: [1, 2, 3] }] });
    await cluster.change(3, { status: "draining" });
    await stand(cluster, 1, [elections, reassignments]);
    await cluster.settle(1_000);
    expect(cluster.stored(id, 0).version).toBe(0);
    await cluster.change(3, { status: "active" });
    await cluster.settle(1_000);
    expect(cluster.partition(id, 0)).toEqual(fresh([3], { leaderEpoch: 1 }));
  });
});

/** Elections, reassignments, brokers and features, as administrators ask for them. */
import { describe, expect, test } from "vitest";
import { administered } from "./administering.ts";
import { fresh } from "./cluster.ts";

function codes(items: readonly { readonly error: { readonly code: string } | undefined }[]): (string | undefined)[] {
  return items.map(({ error }) => error?.code);
}

const on = (partition: number) => ({ topic: "orders", partition });

describe("elections by request", () => {
  test("preferred: the first replica leads where it is in sync; else each partition says why it does not", async () => {
    await using world = await administered({ brokers: 4 });
    const { admin, cluster } = world;
    const id = await cluster.topic("orders", {
      states: [
        fresh([2, 3], { leader: 3, leaderEpoch: 7 }),
        fresh([2, 3]),
        fresh([2, 3], { leader: 3, isr: [3] }),
        fresh([9, 3], { leader: 3, isr: [3] }),
      ],
    });
    await admin.refresh();
    const items = await admin.electLeaders("preferred", [0, 1, 2, 3, 4].map(on));
    expect(codes(items)).toEqual([
      undefined,
      "ELECTION_NOT_NEEDED",
      "PREFERRED_LEADER_NOT_AVAILABLE",
      "PREFERRED_LEADER_NOT_AVAILABLE",
      "UNKNOWN_TOPIC_OR_PARTITION",
    ]);
    expect(cluster.partition(id, 0)).toEqual(fresh([2, 3], { leaderEpoch: 8 }));
    expect(cluster.stored(id, 1).version).toBe(0);
    // Named by nobody: those that want one.
    expect(await admin.electLeaders("preferred")).toMatchObject([on(2), on(3)]);
  });

  test("unclean: somebody leads who was not in sync, marked so, and only where nobody in sync lives", async () => {
    await using world = await administered();
    const { admin, cluster } = world;
    const id = await cluster.topic("orders", {
      states: [fresh([9, 2], { leader: null, isr: [9] }), fresh([2, 3]), fresh([9], { leader: null })],
    });
    await admin.refresh();
    const items = await admin.electLeaders("unclean", [0, 1, 2].map(on));
    expect(codes(items)).toEqual([undefined, "ELECTION_NOT_NEEDED", "ELIGIBLE_LEADERS_NOT_AVAILABLE"]);
    const expected = fresh([9, 2], { leader: 2, leaderEpoch: 1, isr: [2], recovering: true });
    expect(cluster.partition(id, 0)).toEqual(expected);
  });

  test("a broker that bounces before the write is in the tree is not made leader by what it was", async () => {
    await using world = await administered({ brokers: 4, latencyMs: 5 });
    const { admin, cluster } = world;
    const { server } = cluster;
    const seeding = cluster.topic("orders", { states: [fresh([2, 3], { leader: 3, leaderEpoch: 7 })] });
    await server.clock.advance(200);
    const id = await seeding;
    const refreshing = admin.refresh();
    await server.clock.advance(200);
    await refreshing;
    // Right after the controller has sent its transaction, which is still on its way.
    const bouncing = server.faults.at(
      { op: "multi", client: 2 },
      () => void server.faults.expire(cluster.broker(2).client),
    );
    const electing = admin.electLeaders("preferred", [on(0)], { timeoutMs: 60_000 });
    await cluster.settle();
    expect(bouncing.hits).toBe(1);
    // With its end it went out of sync.
    const [item] = await electing;
    expect(item!.error?.code).toBe("PREFERRED_LEADER_NOT_AVAILABLE");
    expect(cluster.partition(id, 0)).toEqual(fresh([2, 3], { leader: 3, leaderEpoch: 7, isr: [3] }));
  });
});

describe("reassignments", () => {
  test("each partition starts, is replaced, is cancelled or refused for itself", async () => {
    await using world = await administered({ brokers: [1, 2, 3, 4, 5].map((id) => ({ id })) });
    const { admin, cluster } = world;
    await cluster.change(5, { status: "draining" });
    const id = await cluster.topic("orders", {
      states: [
        fresh([2, 3]),
        fresh([4, 2, 3], { adding: [4], removing: [3], leader: 2, isr: [2, 3] }),
        fresh([4, 2, 3], { adding: [4], removing: [3], leader: 2, isr: [2, 3] }),
        ...Array.from({ length: 5 }, () => fresh([2, 3])),
      ],
    });
    await admin.refresh();
    const items = await admin.reassign([
      { ...on(0), replicas: [4, 2] },
      { ...on(1), replicas: [1, 2] },
      { ...on(2), replicas: null },
      { ...on(3), replicas: null },
      { ...on(4), replicas: [] },
      { ...on(5), replicas: [2, 2] },
      { ...on(6), replicas: [2, 5] },
      { ...on(7), replicas: [2, 3] },
      { ...on(8), replicas: [2] },
    ]);
    expect(codes(items)).toEqual([
      undefined,
      undefined,
      undefined,
      "NO_REASSIGNMENT_IN_PROGRESS",
      "INVALID_REPLICA_ASSIGNMENT",
      "INVALID_REPLICA_ASSIGNMENT",
      "INVALID_REPLICA_ASSIGNMENT",
      undefined,
      "UNKNOWN_TOPIC_OR_PARTITION",
    ]);
    expect(cluster.partition(id, 0)).toMatchObject({ replicas: [4, 2, 3], adding: [4], removing: [3] });
    expect(cluster.partition(id, 1)).toMatchObject({ replicas: [1, 2, 3], adding: [1], removing: [3] });
    expect(cluster.partition(id, 2)).toMatchObject({ replicas: [2, 3], adding: [], removing: [] });
    // The same as there is: nothing is written.
    expect(cluster.stored(id, 7).version).toBe(0);
    expect(admin.listReassignments()).toMatchObject([
      { ...on(0), originals: [2, 3], target: [4, 2], missing: [4], complete: false },
      { ...on(1), originals: [2, 3], target: [1, 2], missing: [1], complete: false },
    ]);
  });

  test("is complete when the new replicas are in sync, which can be waited for, also when the controller changes meanwhile", async () => {
    await using world = await administered({ brokers: 4 });
    const { admin, cluster } = world;
    const id = await cluster.topic("orders", { replicas: [[2, 3]] });
    await admin.reassign([{ ...on(0), replicas: [4, 2] }]);
    const waiting = admin.waitForReassignments(undefined, { timeoutMs: 120_000 });
    await cluster.kill(1);
    await cluster.settle();
    const state = cluster.partition(id, 0);
    await cluster.write(id, 0, { ...state, isr: [...state.isr, 4] });
    await cluster.settle();
    await waiting;
    expect(cluster.partition(id, 0)).toMatchObject({ replicas: [4, 2], adding: [], removing: [] });
    expect(admin.listReassignments([on(0)])).toEqual([]);
  });

  test("all that run are cancelled where none is named", async () => {
    await using world = await administered({ brokers: 4 });
    const { admin, cluster } = world;
    const id = await cluster.topic("orders", {
      replicas: [
        [2, 3],
        [3, 2],
        [2, 3],
      ],
    });
    await admin.reassign([0, 1].map((partition) => ({ ...on(partition), replicas: [4] })));
    expect(await admin.cancelReassignment()).toMatchObject([on(0), on(1)]);
    const replicas = [...cluster.storedAll(id).values()].map(({ state }) => state.replicas.toSorted((a, b) => a - b));
    expect(replicas).toEqual([2, 2, 2].map((first) => [first, 3]));
    expect(await admin.cancelReassignment()).toEqual([]);
  });

  test("how fast they go is set with the brokers and with what moves, and taken away again", async () => {
    await using world = await administered({ brokers: 4 });
    const { admin, cluster } = world;
    await cluster.topic("orders", {
      replicas: [
        [2, 3],
        [3, 2],
      ],
    });
    await cluster.topic("quiet", { replicas: [[2]] });
    await admin.reassign([{ ...on(1), replicas: [4] }]);
    await admin.setReplicationThrottle(1_000_000);
    const values = () =>
      Object.fromEntries(admin.dump().configs.map(({ type, entity, values: own }) => [`${type}/${entity}`, own]));
    expect(values()["brokers/4"]).toEqual({
      "leader.replication.throttled.rate": "1000000",
      "follower.replication.throttled.rate": "1000000",
    });
    expect(values()["topics/orders"]).toEqual({
      "leader.replication.throttled.replicas": "1:2,1:3",
      "follower.replication.throttled.replicas": "1:4",
    });
    expect(Object.keys(values())).toHaveLength(5);
    await admin.setReplicationThrottle(null);
    expect(values()).toEqual({});
    await expect(admin.setReplicationThrottle(0)).rejects.toThrow(RangeError);
  });
});

describe("plans", () => {
  test("the least that moves lets a new broker carry its share; the plan can be asked for as it is, and undone", async () => {
    await using world = await administered({ brokers: 3 });
    const { admin, cluster } = world;
    await cluster.topic("orders", {
      replicas: [
        [1, 2],
        [2, 1],
        [1, 2],
        [2, 1],
        [1, 2],
        [2, 1],
      ],
    });
    await admin.refresh();
    const plan = admin.generatePlan({ brokers: [1, 2, 3] });
    // Twelve replicas on three brokers: four of them move, and no other plan has fewer.
    expect(plan.moves).toBe(4);
    const counts = new Map<number, number>();
    for (const replicas of [...plan.reassignments.map((one) => one.replicas)]) {
      for (const id of replicas) counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    expect(counts.get(3)).toBe(4);
    expect(codes(await admin.reassign(plan.reassignments))).toEqual([undefined, undefined, undefined, undefined]);
    expect(codes(await admin.reassign(plan.before))).toEqual([undefined, undefined, undefined, undefined]);
    expect(admin.listReassignments()).toEqual([]);
  });

  test("a plan anew is as topics are made, over racks; only the topics that are named", async () => {
    const racks = [1, 2, 3, 4].map((id) => ({ id, rack: id % 2 === 0 ? "even" : "odd" }));
    await using world = await administered({ brokers: racks });
    const { admin, cluster } = world;
    await cluster.topic("orders", { replicas: Array.from({ length: 8 }, () => [1, 3]) });
    await cluster.topic("other", { replicas: [[1, 3]] });
    await admin.refresh();
    const plan = admin.generatePlan({ brokers: [1, 2, 3, 4], topics: ["orders"], kind: "anew" });
    expect(new Set(plan.reassignments.map(({ topic }) => topic))).toEqual(new Set(["orders"]));
    for (const { replicas } of plan.reassignments) expect(new Set(replicas.map((id) => id % 2)).size).toBe(2);
    expect(() => admin.generatePlan({ brokers: [1, 9] })).toThrow("9 is not registered");
    expect(() => admin.generatePlan({ brokers: [1], topics: ["none"] })).toThrow("no topic 'none'");
  });
});

describe("brokers and features", () => {
  test("a broker that keeps replicas stays, unless it is forced; one that is unknown is told as such", async () => {
    await using world = await administered({ brokers: 4 });
    const { admin, cluster } = world;
    await cluster.topic("orders", { replicas: [[4, 2]] });
    await cluster.configure("brokers", "3", { "leader.replication.throttled.rate": "5" });
    await cluster.kill(4);
    await cluster.settle(0);
    await expect(admin.unregisterBroker(4)).rejects.toMatchObject({ code: "BROKER_STILL_HAS_REPLICAS" });
    await admin.unregisterBroker(4, { force: true });
    await expect(admin.unregisterBroker(99)).rejects.toMatchObject({ code: "UNKNOWN_BROKER" });
    // Its registration goes, and what was set for it.
    const epoch = cluster.broker(3).registration.epoch;
    await admin.unregisterBroker(3);
    expect(cluster.server.dump().filter(({ path }) => path === cluster.paths.configOf("brokers", "3"))).toEqual([]);
    await cluster.settle();
    expect(cluster.broker(3).registration.epoch).not.toBe(epoch);
  });

  test("a feature is finalized where all brokers support it, falls only when that is allowed, and 0 takes it away", async () => {
    await using world = await administered();
    const { admin, cluster } = world;
    for (const id of [1, 2, 3]) await cluster.change(id, { features: { log: { min: 1, max: id === 3 ? 2 : 3 } } });
    await admin.refresh();
    const failed = { code: "FEATURE_UPDATE_FAILED" };
    await expect(admin.updateFeatures({ log: { level: 3 } })).rejects.toMatchObject(failed);
    await expect(admin.updateFeatures({ other: { level: 1 } })).rejects.toMatchObject(failed);
    expect(await admin.updateFeatures({ log: { level: 2 } })).toEqual({ log: 2 });
    await expect(admin.updateFeatures({ log: { level: 1 } })).rejects.toMatchObject(failed);
    expect(await admin.updateFeatures({ log: { level: 1, allowDowngrade: true } })).toEqual({ log: 1 });
    expect((await admin.describeCluster()).features).toEqual({ log: 1 });
    expect(await admin.updateFeatures({ log: { level: 0, allowDowngrade: true } })).toEqual({});
    expect((await admin.describeCluster()).clusterId).toBe("cluster-of-tests");
  });
});

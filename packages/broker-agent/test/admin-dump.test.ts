/** The metadata of a cluster as one value: taken, compared, put back. */
import { describe, expect, test } from "vitest";
import { clusterAdmin } from "../src/admin/admin.ts";
import { diffDumps } from "../src/admin/dump.ts";
import type { ClusterDump } from "../src/admin/dump-api.ts";
import { EPOCHS_AHEAD } from "../src/admin/restore.ts";
import { administered, type Administered } from "./administering.ts";
import { fresh } from "./cluster.ts";

const MOVING = fresh([3, 1, 2], { adding: [3], removing: [2], leader: 1, leaderEpoch: 8, isr: [1, 2] });

async function filled(): Promise<Administered> {
  const world = await administered();
  await world.cluster.topic("orders", { states: [fresh([1, 2], { leaderEpoch: 3 }), MOVING] });
  await world.cluster.configure("topics", "orders", { "min.insync.replicas": "2" });
  await world.cluster.configureAll({ "num.partitions": "4" });
  await world.admin.refresh();
  return world;
}

/** As it comes out of a file. */
function reread(dump: ClusterDump): ClusterDump {
  return JSON.parse(JSON.stringify(dump)) as ClusterDump;
}

describe("a dump", () => {
  test("is all of the metadata as JSON, the same for the same cluster", async () => {
    await using world = await filled();
    const dump = world.admin.dump();
    expect(dump).toMatchObject({
      format: 1,
      cluster: "test",
      clusterId: "cluster-of-tests",
      topics: [{ name: "orders", state: "live", partitions: 2, states: { 1: MOVING } }],
      configs: [
        { type: "brokers", entity: "<default>", values: { "num.partitions": "4" } },
        { type: "topics", entity: "orders", values: { "min.insync.replicas": "2" } },
      ],
    });
    expect(reread(dump)).toEqual(dump);
  });

  test("is compared with what there is now: topics, partitions, settings and features, and nothing that is the same", async () => {
    await using world = await filled();
    const { admin, cluster } = world;
    const before = admin.dump();
    expect(admin.diff(reread(before))).toEqual({
      topicsAdded: [],
      topicsRemoved: [],
      topicsChanged: [],
      partitions: [],
      configs: [],
      features: [],
    });
    await admin.createTopic({ name: "new", replicas: [[2]] });
    await admin.createPartitions([{ topic: "new", partitions: 2, replicas: [[3]] }]);
    await cluster.write("id-of-orders", 1, { ...MOVING, isr: [1] });
    await cluster.configureAll({ "num.partitions": "5", "default.replication.factor": "2" });
    await admin.refresh();
    const difference = admin.diff(before);
    expect(difference).toMatchObject({
      topicsAdded: ["new"],
      topicsChanged: [],
      partitions: [
        { topic: "new", partition: 0, before: undefined, now: fresh([2]) },
        { topic: "new", partition: 1, before: undefined, now: fresh([3]) },
        { topic: "orders", partition: 1, before: MOVING, now: { ...MOVING, isr: [1] } },
      ],
      configs: [
        { type: "brokers", entity: "<default>", key: "num.partitions", before: "4", now: "5" },
        { type: "brokers", entity: "<default>", key: "default.replication.factor", before: undefined, now: "2" },
      ],
    });
    const back = diffDumps(admin.dump(), before);
    expect(back.topicsRemoved).toEqual(["new"]);
    expect(back.partitions[0]).toEqual({ topic: "new", partition: 0, before: fresh([2]), now: undefined });
  });
});

describe("restoring", () => {
  test("into an empty cluster makes topics with their ids, in-sync replicas and reassignments; leaders are elected in epochs that no broker has seen", async () => {
    await using from = await filled();
    const dump = reread(from.admin.dump());
    await using world = await administered();
    const { admin, cluster } = world;
    expect(await admin.restore(dump)).toEqual({ topics: ["orders"], kept: [], partitions: 2, configs: 2 });
    await cluster.settle();
    expect(cluster.partition("id-of-orders", 0)).toEqual(
      fresh([1, 2], { leader: 1, leaderEpoch: 3 + EPOCHS_AHEAD + 1 }),
    );
    expect(cluster.partition("id-of-orders", 1)).toEqual({ ...MOVING, leader: 1, leaderEpoch: 8 + EPOCHS_AHEAD + 1 });
    const { topicsAdded, topicsRemoved, topicsChanged, configs } = admin.diff(dump);
    expect([topicsAdded, topicsRemoved, topicsChanged, configs]).toEqual([[], [], [], []]);
  });

  test("where no broker has ever been makes the cluster, too: the brokers that come belong to it", async () => {
    await using world = await filled();
    const dump = reread(world.admin.dump());
    const admin = await clusterAdmin(world.cluster.client, { cluster: "second" });
    await admin.restore(dump);
    expect(admin.image.cluster).toEqual({ format: 1, clusterId: "cluster-of-tests", features: {} });
    expect(admin.listTopics()).toEqual(["orders"]);
  });

  test("is refused where there is anything, unless forced: then topics that are there stay as they are", async () => {
    await using world = await filled();
    const { admin, cluster } = world;
    const dump = reread(admin.dump());
    await expect(admin.restore(dump)).rejects.toMatchObject({ code: "INVALID_REQUEST" });
    await admin.createTopic({ name: "new", replicas: [[2]] });
    const both = reread(admin.dump());
    await admin.deleteTopic("new");
    await cluster.configureAll({ "num.partitions": "9" });
    await admin.refresh();
    const before = cluster.stored("id-of-orders", 1);
    expect(await admin.restore(both, { force: true })).toMatchObject({ topics: ["new"], kept: ["orders"] });
    expect(cluster.stored("id-of-orders", 1)).toEqual(before);
    expect(admin.dump().configs[0]!.values).toEqual({ "num.partitions": "4" });
  });

  test("that was broken off can be done again: before the end nobody sees the topic", async () => {
    await using from = await filled();
    const dump = reread(from.admin.dump());
    await using world = await administered();
    const { admin, cluster } = world;
    const { server, paths } = cluster;
    const client = await server.connect();
    const other = await clusterAdmin(client, { cluster: "test" });
    // The last write of all is the topic's record.
    const lost = server.faults.dropRequest({ op: "create", path: paths.topic("orders") });
    const restoring = other.restore(dump);
    restoring.catch(() => undefined);
    await server.clock.runUntilIdle();
    expect(lost.hits).toBe(1);
    // Whoever restores is never heard of again.
    server.faults.partition(client);
    await server.faults.expire(client);
    await cluster.settle();
    expect(admin.listTopics()).toEqual([]);
    expect(cluster.storedAll("id-of-orders").size).toBe(2);
    await admin.restore(dump, { force: true });
    await cluster.settle();
    expect(cluster.partition("id-of-orders", 0).leader).toBe(1);
  });

  test("what is no dump, or breaks an invariant, is refused before anything is written", async () => {
    await using world = await filled();
    const { admin, cluster } = world;
    const dump = admin.dump();
    const [orders] = dump.topics;
    const before = cluster.server.dump();
    const states = { ...orders!.states, 1: { ...MOVING, isr: [9] } };
    const bad = [
      { ...dump, format: 2 as 1 },
      { ...dump, topics: [{ ...orders!, name: ".." }] },
      { ...dump, topics: [orders!, { ...orders!, name: "other" }] },
      { ...dump, topics: [{ ...orders!, states }] },
    ];
    for (const one of bad) await expect(admin.restore(one, { force: true })).rejects.toThrow(RangeError);
    expect(cluster.server.dump()).toEqual(before);
  });
});

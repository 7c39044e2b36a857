/** A cluster as it is shown to people. */
import { describe, expect, test } from "vitest";
import { adminOf, clusterAdmin } from "../src/admin/admin.ts";
import { administered } from "./administering.ts";
import { fresh } from "./cluster.ts";

describe("a cluster is shown", () => {
  test("with its brokers and what they keep and lead, its controller, and the brokers that are missing", async () => {
    await using world = await administered({
      brokers: [{ id: 1 }, { id: 2, status: "draining", rack: "a" }, { id: 3 }],
    });
    const { admin, cluster, candidates } = world;
    const id = await cluster.topic("orders", { states: [fresh([2, 9], { isr: [2] }), fresh([1, 2])] });
    await cluster.topic("going", { replicas: [[1]], state: "deleting" });
    await cluster.change(3, { failedReplicas: [`${id}/7`] });
    await admin.refresh();
    const shown = await admin.describeCluster();
    expect(shown).toMatchObject({
      clusterId: "cluster-of-tests",
      controller: { broker: 1, epoch: candidates[0]!.terms[0]!.epoch },
      missingBrokers: [9],
      topics: 1,
      partitions: 2,
      brokers: [
        { id: 1, status: "active", leads: 1, rack: null },
        { id: 2, status: "draining", replicas: 2, leads: 1, rack: "a" },
        { id: 3, status: "active", replicas: 0, leads: 0, failed: 1 },
      ],
    });
    expect(shown.brokers[0]!.epoch).toBe(cluster.broker(1).registration.epoch);
  });

  test("the same by every one who looks, and after a change of controllers the new one", async () => {
    await using world = await administered();
    const { admin, cluster } = world;
    const first = await admin.describeCluster();
    await cluster.kill(1);
    await cluster.settle();
    const shown = await admin.describeCluster();
    expect(shown.controller).toMatchObject({ broker: 2 });
    expect(shown.controller!.epoch).toBeGreaterThan(first.controller!.epoch);
    const other = await clusterAdmin(cluster.client, { cluster: "test" });
    expect(await other.describeCluster()).toEqual({ ...shown, zxid: other.image.zxid });
  });
});

describe("topics are shown", () => {
  const healthy = fresh([1, 2]);
  const under = fresh([1, 2, 3], { isr: [1, 2] });
  const atLeast = fresh([1, 2, 3], { isr: [1] });
  const gone = fresh([3], { leader: null });
  const coming = fresh([3, 1, 2], { adding: [3], isr: [1, 2], leader: 1 });

  test("all of them, or those that anything is the matter with", async () => {
    await using world = await administered({ candidates: 0 });
    const { admin, cluster } = world;
    await cluster.topic("good", { states: [healthy] });
    await cluster.topic("mixed", { states: [under, atLeast, gone, coming] });
    await cluster.configure("topics", "mixed", { "min.insync.replicas": "2" });
    await admin.refresh();
    expect(admin.describeTopics().map(({ name, partitions }) => [name, partitions.length])).toEqual([
      ["good", 1],
      ["mixed", 4],
    ]);
    const numbers = (only: "underReplicated" | "underMinIsr" | "atMinIsr" | "unavailable") =>
      admin
        .describeTopics({ only: [only] })
        .flatMap(({ name, partitions }) => partitions.map((one) => `${name}-${one.partition}`));
    // One that is only being added is not missing yet.
    expect(numbers("underReplicated")).toEqual(["mixed-0", "mixed-1", "mixed-2"]);
    expect(numbers("underMinIsr")).toEqual(["mixed-1", "mixed-2"]);
    expect(numbers("atMinIsr")).toEqual(["mixed-0", "mixed-3"]);
    expect(numbers("unavailable")).toEqual(["mixed-2"]);
    const either = admin.describeTopics({ only: ["unavailable", "atMinIsr"] });
    expect(either.flatMap(({ partitions }) => partitions.map(({ partition }) => partition))).toEqual([0, 2, 3]);
  });

  test("as unavailable when whoever led is gone and there is no controller to elect another", async () => {
    await using world = await administered({ brokers: [{ id: 1 }, { id: 2 }], candidates: 0 });
    const { admin, cluster } = world;
    await cluster.topic("orders", { states: [fresh([1, 2]), fresh([2, 1])] });
    await cluster.kill(1);
    await admin.refresh();
    expect(admin.describeTopics()[0]!.partitions).toMatchObject([
      { leader: 1, isr: [1, 2], unavailable: true, underReplicated: true, underMinIsr: true },
      { leader: 2, unavailable: false, underReplicated: false },
    ]);
  });

  test("those that are named, also while they are made or going; what is not there is left out", async () => {
    await using world = await administered({ candidates: 0 });
    const { admin, cluster } = world;
    await cluster.topic("going", { states: [healthy], state: "deleting" });
    await admin.refresh();
    expect(admin.describeTopics()).toEqual([]);
    expect(admin.describeTopics({ topics: ["none", "going"] })).toMatchObject([{ name: "going", state: "deleting" }]);
  });

  test("as each transaction leaves them, to one who watches, until that is ended", async () => {
    await using world = await administered();
    const { admin } = world;
    const seen: string[][] = [];
    const stop = admin.watch(() => seen.push(admin.listTopics()));
    await admin.createTopic({ name: "orders" });
    stop();
    await admin.deleteTopic("orders");
    expect(seen.at(-1)).toEqual(["orders"]);
    expect(admin.listTopics()).toEqual([]);
  });
});

test("settings are shown with where they come from, and asked for all or none", async () => {
  await using world = await administered();
  const { admin, cluster } = world;
  await cluster.topic("orders", { replicas: [[1]] });
  await admin.refresh();
  const entity = { type: "topics", name: "orders" } as const;
  const set = (value: string) => ({ entity, changes: [{ op: "set", name: "min.insync.replicas", value }] as const });
  const unknown = {
    entity: { type: "topics", name: "none" },
    changes: [{ op: "set", name: "min.insync.replicas", value: "2" }],
  } as const;
  await expect(admin.alterConfigs([set("2"), unknown])).rejects.toMatchObject({ code: "UNKNOWN_TOPIC_OR_PARTITION" });
  const of = () => admin.describeConfig(entity).settings.find(({ name }) => name === "min.insync.replicas");
  expect(of()).toMatchObject({ value: "1" });
  expect(await admin.alterConfigs([set("2")], { validateOnly: true })).toMatchObject([{ changed: true }]);
  expect(of()).toMatchObject({ value: "1" });
  expect(await admin.alterConfigs([set("2")])).toEqual([{ entity, changed: true, version: 0 }]);
  expect(of()).toMatchObject({ value: "2", source: "DYNAMIC_TOPIC_CONFIG" });
});

test("one who has an image open already administers by that, and leaves it open", async () => {
  await using world = await administered();
  const { admin, cluster } = world;
  const subscriptions = cluster.server.leaks().subscriptions;
  const second = adminOf(cluster.client, admin.image, { cluster: "test" });
  await second.createTopic({ name: "orders" });
  expect(cluster.server.leaks().subscriptions).toBe(subscriptions);
  await second.close();
  expect(admin.listTopics()).toEqual(["orders"]);
  await admin.close();
  await cluster.settle(0);
  expect(cluster.server.leaks().subscriptions).toBe(subscriptions - 1);
});

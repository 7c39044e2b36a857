/** Topics, as administrators make, grow and delete them: what is refused, what is drawn, what counts. */
import { describe, expect, test } from "vitest";
import type { TopicSpec } from "../src/admin/api.ts";
import { isAdminError } from "../src/admin/error.ts";
import { administered } from "./administering.ts";
import { fresh } from "./cluster.ts";

const RACKS = [1, 2, 3, 4].map((id) => ({ id, rack: id % 2 === 0 ? "even" : "odd" }));

function codes(items: readonly { readonly error: { readonly code: string } | undefined }[]): (string | undefined)[] {
  return items.map(({ error }) => error?.code);
}

describe("creating topics", () => {
  test("a topic is there with all its partitions, spread over the active brokers, when the call resolves", async () => {
    await using world = await administered({
      brokers: [{ id: 1 }, { id: 2 }, { id: 3 }, { id: 4, status: "draining" }],
    });
    const { admin, cluster } = world;
    const made = await admin.createTopic({ name: "orders", partitions: 6, replicationFactor: 2 });
    expect(made).toMatchObject({ name: "orders", partitions: 6, replicationFactor: 2 });
    const states = [...cluster.storedAll(made.id!).values()].map(({ state }) => state);
    expect(states.map(({ leader }) => leader!).toSorted((a, b) => a - b)).toEqual([1, 1, 2, 2, 3, 3]);
    for (const state of states) expect(state).toEqual(fresh(state.replicas));
    expect(admin.listTopics()).toEqual(["orders"]);
  });

  test("what is not said is as the settings of the cluster say", async () => {
    await using world = await administered();
    await world.cluster.configureAll({ "num.partitions": "5", "default.replication.factor": "3" });
    expect(await world.admin.createTopic({ name: "orders" })).toMatchObject({ partitions: 5, replicationFactor: 3 });
  });

  test("replicas that are named are taken as they are, the first of each leads", async () => {
    await using world = await administered();
    const { id } = await world.admin.createTopic({
      name: "orders",
      replicas: [
        [3, 1],
        [2, 3],
      ],
    });
    expect([...world.cluster.storedAll(id!).values()].map(({ state }) => state)).toEqual([
      fresh([3, 1]),
      fresh([2, 3]),
    ]);
  });

  test("where all brokers have a rack, no partition has two replicas in one", async () => {
    await using world = await administered({ brokers: RACKS });
    const { id } = await world.admin.createTopic({ name: "orders", partitions: 8, replicationFactor: 2 });
    for (const { state } of world.cluster.storedAll(id!).values()) {
      expect(new Set(state.replicas.map((broker) => broker % 2)).size).toBe(2);
    }
  });

  test("settings come into the tree in the transaction that makes the topic, and none of an earlier topic of its name", async () => {
    await using world = await administered();
    const { admin, cluster } = world;
    await cluster.configure("topics", "plain", { "min.insync.replicas": "3" });
    await admin.createTopics([{ name: "orders", configs: { "min.insync.replicas": "2" } }, { name: "plain" }]);
    expect(admin.describeTopics()).toMatchObject([
      { name: "orders", configs: { "min.insync.replicas": "2" } },
      { name: "plain", configs: {} },
    ]);
    const made = cluster.server.dump().filter(({ path }) => /(?:topics|config\/topics)\/orders$/.test(path));
    expect(made).toHaveLength(2);
    expect(made[0]!.czxid).toBe(made[1]!.czxid);
  });

  test("only validated, nothing is made, and the answer is what would be", async () => {
    await using world = await administered();
    const { admin, cluster } = world;
    const before = cluster.server.dump().filter(({ path }) => path.includes("/topics"));
    const specs = [{ name: "orders", partitions: 3, replicationFactor: 2 }, { name: "or ders" }, { name: "orders" }];
    const items = await admin.createTopics(specs, { validateOnly: true });
    expect(items[0]).toEqual({ name: "orders", id: undefined, partitions: 3, replicationFactor: 2, error: undefined });
    expect(codes(items)).toEqual([undefined, "INVALID_TOPIC", "TOPIC_ALREADY_EXISTS"]);
    expect(cluster.server.dump().filter(({ path }) => path.includes("/topics"))).toEqual(before);
  });

  const bad: readonly (readonly [string, TopicSpec, string])[] = [
    ["a name with other characters", { name: "a b" }, "INVALID_TOPIC"],
    ["a name that is a path", { name: ".." }, "INVALID_TOPIC"],
    ["a name that is too long", { name: "x".repeat(250) }, "INVALID_TOPIC"],
    ["a name that collides with another", { name: "or_ders" }, "INVALID_TOPIC"],
    ["a topic that is there", { name: "or.ders" }, "TOPIC_ALREADY_EXISTS"],
    ["no partitions", { name: "x", partitions: 0 }, "INVALID_PARTITIONS"],
    ["more partitions than a topic may have", { name: "x", partitions: 200_001 }, "INVALID_PARTITIONS"],
    ["more replicas than brokers", { name: "x", replicationFactor: 4 }, "INVALID_REPLICATION_FACTOR"],
    ["no replicas", { name: "x", replicationFactor: 0 }, "INVALID_REPLICATION_FACTOR"],
    ["a replica on a broker that is not there", { name: "x", replicas: [[9]] }, "INVALID_REPLICA_ASSIGNMENT"],
    ["two replicas on one broker", { name: "x", replicas: [[1, 1]] }, "INVALID_REPLICA_ASSIGNMENT"],
    ["different numbers of replicas", { name: "x", replicas: [[1], [1, 2]] }, "INVALID_REPLICA_ASSIGNMENT"],
    ["a partition without replicas", { name: "x", replicas: [[]] }, "INVALID_REPLICA_ASSIGNMENT"],
    ["replicas and numbers beside them", { name: "x", partitions: 1, replicas: [[1]] }, "INVALID_REQUEST"],
    ["a setting that no topic has", { name: "x", configs: { "num.partitions": "2" } }, "INVALID_CONFIG"],
    ["a value that is none", { name: "x", configs: { "min.insync.replicas": "0" } }, "INVALID_CONFIG"],
  ];

  test("one bad topic is refused for itself, and those beside it are made", async () => {
    await using world = await administered();
    const { admin } = world;
    await admin.createTopic({ name: "or.ders" });
    const items = await admin.createTopics([{ name: "first" }, ...bad.map(([, spec]) => spec), { name: "last" }]);
    const refused = items.slice(1, -1).map(({ error }, at) => [bad[at]![0], error?.code]);
    expect(refused).toEqual(bad.map(([what, , code]) => [what, code]));
    expect(admin.listTopics()).toEqual(["first", "last", "or.ders"]);
    const error = await admin.createTopic({ name: "first" }).catch((reason: unknown) => reason);
    expect(isAdminError(error, "TOPIC_ALREADY_EXISTS")).toBe(true);
  });

  test("what is more than one request takes is asked for in several, and answered in order", async () => {
    await using world = await administered({ brokers: 1 });
    const names = Array.from({ length: 450 }, (_, at) => `t${at}`);
    const items = await world.admin.createTopics([...names, "t0"].map((name) => ({ name })));
    expect(items.map(({ name }) => name)).toEqual([...names, "t0"]);
    expect(codes(items.slice(0, 450)).every((code) => code === undefined)).toBe(true);
    expect(codes(items.slice(450))).toEqual(["TOPIC_ALREADY_EXISTS"]);
    expect(world.admin.listTopics()).toHaveLength(450);
    await expect(world.admin.createTopics(Array.from({ length: 10_001 }, () => ({ name: "x" })))).rejects.toThrow(
      RangeError,
    );
  });

  test("a policy of the host refuses topics and growth one by one, with its reason", async () => {
    await using world = await administered({
      policy: ({ op, args }) => (JSON.stringify(args).includes("secret") ? `no ${op} here` : undefined),
    });
    const { admin } = world;
    const items = await admin.createTopics([{ name: "open" }, { name: "secret" }]);
    expect(codes(items)).toEqual([undefined, "POLICY_VIOLATION"]);
    expect(items[1]!.error!.message).toContain("no createTopics here");
  });

  test("a policy that throws is told to who asked, and holds nobody up", async () => {
    await using world = await administered({
      policy: () => {
        throw new Error("out of order");
      },
    });
    await expect(world.admin.createTopic({ name: "a" })).rejects.toMatchObject({ code: "UNKNOWN_SERVER_ERROR" });
    await world.admin.updateFeatures({});
    expect(world.candidates[0]!.terms).toHaveLength(1);
  });

  test("who has made more partitions than the quota allows is refused until that is worked off", async () => {
    await using world = await administered();
    const { admin, cluster } = world;
    await cluster.configure("clients", "admin", { controller_mutation_rate: "1" });
    // What is left lets anything through, however large.
    await admin.createTopic({ name: "large", partitions: 31 });
    await expect(admin.createTopic({ name: "b" })).rejects.toMatchObject({ code: "THROTTLING_QUOTA_EXCEEDED" });
    await expect(admin.deleteTopic("large")).rejects.toMatchObject({ code: "THROTTLING_QUOTA_EXCEEDED" });
    // Of what takes several requests, what is asked for first is done, and the rest says why it is not.
    await cluster.settle(22_000);
    const items = await admin.createTopics(Array.from({ length: 120 }, (_, at) => ({ name: `t${at}` })));
    expect(codes(items)).toEqual(items.map((_, at) => (at < 100 ? undefined : "THROTTLING_QUOTA_EXCEEDED")));
    // Nothing is made, so nothing is owed for it.
    await admin.createTopic({ name: "b" }, { validateOnly: true });
    await cluster.settle(120_000);
    await admin.createTopic({ name: "b" });
  });
});

describe("growing topics", () => {
  test("new partitions go on in the pattern of the topic; those that were there stay as they are", async () => {
    await using world = await administered();
    const { admin, cluster } = world;
    const id = await cluster.topic("orders", {
      replicas: [
        [2, 3],
        [3, 1],
      ],
    });
    expect(codes(await admin.createPartitions([{ topic: "orders", partitions: 4 }]))).toEqual([undefined]);
    const states = [...cluster.storedAll(id).values()];
    expect(states.map(({ version }) => version)).toEqual([0, 0, 0, 0]);
    expect(states.slice(2).map(({ state }) => state.leader)).toEqual([1, 2]);
    expect(admin.describeTopics()[0]!.partitions).toHaveLength(4);
  });

  test("is refused where it is no growth, where replicas are named for fewer or for others, and while partitions move", async () => {
    await using world = await administered();
    const { admin, cluster } = world;
    await cluster.topic("orders", { replicas: [[1, 2]] });
    await cluster.topic("moving", { states: [fresh([1, 2, 3], { adding: [3], removing: [2], isr: [1, 2] })] });
    const items = await admin.createPartitions([
      { topic: "orders", partitions: 1 },
      { topic: "moving", partitions: 2 },
      { topic: "none", partitions: 2 },
    ]);
    expect(codes(items)).toEqual(["INVALID_PARTITIONS", "REASSIGNMENT_IN_PROGRESS", "UNKNOWN_TOPIC_OR_PARTITION"]);
    const named = (partitions: number, replicas: number[][]) =>
      admin.createPartitions([{ topic: "orders", partitions, replicas }]);
    expect(codes(await named(3, [[1, 2]]))).toEqual(["INVALID_REPLICA_ASSIGNMENT"]);
    expect(codes(await named(2, [[1]]))).toEqual(["INVALID_REPLICA_ASSIGNMENT"]);
    expect(codes(await named(2, [[1, 9]]))).toEqual(["INVALID_REPLICA_ASSIGNMENT"]);
    expect(codes(await named(2, [[3, 2]]))).toEqual([undefined]);
    expect(cluster.partition("id-of-orders", 1)).toEqual(fresh([3, 2]));
  });
});

describe("deleting topics", () => {
  test("it is gone for clients at once, its name is free when the call resolves, and the next one of that name is another topic", async () => {
    await using world = await administered();
    const { admin, cluster } = world;
    const first = await admin.createTopic({ name: "orders", configs: { "min.insync.replicas": "2" } });
    const deleting = admin.deleteTopic("orders");
    await deleting;
    const second = await admin.createTopic({ name: "orders" });
    expect(second.id).not.toBe(first.id);
    expect(admin.describeTopics()).toMatchObject([{ name: "orders", id: second.id, configs: {} }]);
    expect(cluster.storedAll(first.id!).size).toBe(0);
  });

  test("waits for no broker: replicas on one that is down do not hold it up", async () => {
    await using world = await administered();
    const { admin, cluster } = world;
    await cluster.topic("orders", { replicas: [[3, 2]] });
    await cluster.kill(3);
    await admin.deleteTopic("orders");
    expect(admin.listTopics()).toEqual([]);
  });

  test("is refused for topics that are not there or going already, and for all where it is switched off", async () => {
    await using world = await administered();
    const { admin, cluster } = world;
    await cluster.topic("going", { replicas: [[1]], state: "deleting" });
    await cluster.topic("orders", { replicas: [[1]] });
    await cluster.configureAll({ "delete.topic.enable": "false" });
    await admin.refresh();
    expect(codes(await admin.deleteTopics(["none", "orders"]))).toEqual([
      "UNKNOWN_TOPIC_OR_PARTITION",
      "TOPIC_DELETION_DISABLED",
    ]);
    await cluster.configureAll({ "delete.topic.enable": "true" });
    expect(codes(await admin.deleteTopics(["orders", "orders"]))).toEqual([undefined, "UNKNOWN_TOPIC_OR_PARTITION"]);
  });
});

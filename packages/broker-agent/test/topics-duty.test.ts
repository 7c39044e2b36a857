/** What a topic promises is made, and what is deleted goes, though controllers die in between. */
import { describe, expect, test } from "vitest";
import { placeReplicas } from "../src/placement/replicas.ts";
import { topicCodec, type TopicRecord } from "../src/records.ts";
import { administered, type Administered, duties } from "./administering.ts";
import { fresh } from "./cluster.ts";
import { stand } from "./controllers.ts";

const PATIENT = { timeoutMs: 120_000 };
/** Numbers of clients, in the order in which they connect. */
const CONTROLLER = 2;
/** More would be a loop that never ends. */
const WRITES_MAX = 10;
/** The controller is broker 1, which new partitions cannot go to: its death is the controller's and nothing else. */
const BROKERS = [{ id: 1, status: "fenced" }, { id: 2 }, { id: 3 }, { id: 4 }] as const;
const PLACED_ON = [{ id: 2 }, { id: 3 }, { id: 4 }];

/** Runs it in world after world; in the k-th one the controller dies after its k-th write. Resolves with how many writes there were. */
async function dyingAfterEach(
  act: (world: Administered) => Promise<unknown>,
  check: (world: Administered, when: string) => void,
  prepare: (world: Administered) => Promise<unknown> = () => Promise.resolve(),
): Promise<number> {
  for (let nth = 1; nth <= WRITES_MAX; nth += 1) {
    await using world = await administered({ brokers: BROKERS });
    const { cluster, admin } = world;
    await prepare(world);
    await admin.refresh();
    const fault = cluster.server.faults.dropReply({ op: "multi", client: CONTROLLER, nth });
    const acting = act(world);
    await cluster.server.clock.runUntilIdle();
    if (fault.hits > 0) await cluster.kill(1);
    await cluster.settle();
    await acting;
    check(world, `death after write ${nth}`);
    if (fault.hits === 0) return nth - 1;
  }
  throw new Error(`more than ${WRITES_MAX} writes`);
}

function record({ cluster }: Administered, name: string): TopicRecord | undefined {
  const found = cluster.server.dump().find(({ path }) => path === cluster.paths.topic(name));
  return found === undefined ? undefined : topicCodec.decode(found.data);
}

function replicasOf({ cluster }: Administered, id: string): (readonly number[])[] {
  const stored = [...cluster.storedAll(id)].toSorted(([a], [b]) => a - b);
  expect(stored.map(([partition]) => partition)).toEqual(stored.map((_, at) => at));
  return stored.map(([, { state }]) => state.replicas);
}

describe("a controller that dies after any of its writes", { timeout: 60_000 }, () => {
  test("leaves a topic of 1,200 partitions to the next one, which makes the rest as the first would have", async () => {
    const writes = await dyingAfterEach(
      ({ admin }) => admin.createTopic({ name: "orders", partitions: 1_200, replicationFactor: 2 }, PATIENT),
      (world, when) => {
        const { id, state, partitions, growth } = record(world, "orders")!;
        expect({ state, partitions, growth }, when).toEqual({ state: "live", partitions: 1_200, growth: null });
        const replicas = replicasOf(world, id);
        const draws = [0, 1, 2].flatMap((start) => [0, 1, 2].map((shift) => ({ start, shift })));
        const possible = draws.map((draw) =>
          JSON.stringify(placeReplicas(PLACED_ON, { partitions: 1_200, replicationFactor: 2, ...draw })),
        );
        expect(possible, when).toContain(JSON.stringify(replicas));
        const states = [...world.cluster.storedAll(id).values()].map((stored) => stored.state);
        expect(states).toEqual(states.map((one) => fresh(one.replicas)));
      },
    );
    // The request, then three transactions of partitions.
    expect(writes).toBe(4);
  });

  test("leaves a topic that grows by 1,200 partitions to the next one, which goes on with the pattern", async () => {
    const replicas = placeReplicas(PLACED_ON, { partitions: 4, replicationFactor: 2, start: 1, shift: 1 });
    const writes = await dyingAfterEach(
      ({ admin }) => admin.createPartitions([{ topic: "orders", partitions: 1_204 }], PATIENT),
      (world, when) => {
        expect(record(world, "orders"), when).toMatchObject({ state: "live", partitions: 1_204, growth: null });
        const all = replicasOf(world, "id-of-orders");
        expect(all.slice(0, 4)).toEqual(replicas);
        // As Kafka goes on: with the shift of the beginning, not of where it had come to.
        expect(all.slice(4), when).toEqual(
          placeReplicas(PLACED_ON, { partitions: 1_200, firstPartition: 4, replicationFactor: 2, start: 1, shift: 1 }),
        );
      },
      ({ cluster }) => cluster.topic("orders", { replicas }),
    );
    expect(writes).toBe(4);
  });

  test("leaves a deleted topic to the next one, which takes away the rest of its partitions, its configuration and its name", async () => {
    const writes = await dyingAfterEach(
      ({ admin }) => admin.deleteTopic("orders", PATIENT),
      ({ cluster }, when) => {
        const { paths } = cluster;
        const about = [paths.topic("orders"), paths.partitionsOf("id-of-orders"), paths.configOf("topics", "orders")];
        const rest = cluster.server.dump().filter(({ path }) => about.some((at) => `${path}/`.startsWith(`${at}/`)));
        expect(rest, when).toEqual([]);
      },
      async ({ cluster }) => {
        await cluster.topic("orders", { replicas: Array.from({ length: 1_200 }, () => [2, 3]) });
        await cluster.configure("topics", "orders", { "min.insync.replicas": "2" });
      },
    );
    expect(writes).toBe(4);
  });
});

describe("while a topic is being made", () => {
  test("clients see nothing of it before all of its partitions are there, and never half of its growth", async () => {
    await using world = await administered();
    const { admin, cluster } = world;
    const seen = new Set<string>();
    admin.watch(({ topics }) => {
      for (const { now } of topics) {
        if (now === undefined) continue;
        const made = [...admin.image.partitionsOf(now.id)].length;
        seen.add(`${now.state}, shows ${now.partitions}, has ${made >= now.partitions ? "them" : "fewer"}`);
        expect(admin.listTopics()).toEqual(now.state === "live" ? ["orders"] : []);
      }
    });
    await admin.createTopic({ name: "orders", partitions: 1_000, replicationFactor: 1 }, PATIENT);
    await admin.createPartitions([{ topic: "orders", partitions: 2_000 }], PATIENT);
    expect([...seen]).toEqual([
      "creating, shows 0, has them",
      "live, shows 1000, has them",
      "live, shows 2000, has them",
    ]);
    expect(cluster.storedAll(admin.describeTopics()[0]!.id).size).toBe(2_000);
  });

  test("a partition whose replicas are all gone is led by the first of them that comes, and is counted in sync then", async () => {
    await using world = await administered();
    const { cluster } = world;
    // Between the decision and the write brokers can go: here they are gone before the duty comes to it.
    const record = { name: "late", id: "id-of-late", state: "creating", partitions: 0, replicationFactor: 2 } as const;
    const plan = { kind: "manual", from: 0, replicas: [[8, 9]] } as const;
    await cluster.client.create(
      cluster.paths.topic("late"),
      { ...record, growth: { to: 1, plan } },
      { codec: topicCodec },
    );
    await cluster.settle(0);
    expect(cluster.partition("id-of-late", 0)).toEqual(fresh([8, 9], { leader: null }));
    await cluster.start(9);
    await cluster.settle();
    expect(cluster.partition("id-of-late", 0)).toEqual(fresh([8, 9], { leader: 9, leaderEpoch: 1, isr: [9] }));
  });

  test("one whose record makes no sense holds nobody up, and can be deleted", async () => {
    await using world = await administered();
    const { admin, cluster } = world;
    const record = { name: "odd", id: "id-of-odd", state: "creating", partitions: 0, replicationFactor: 1 } as const;
    const plan = { kind: "placed", brokers: [], start: 0, shift: 0, replicationFactor: 1 } as const;
    await cluster.client.create(
      cluster.paths.topic("odd"),
      { ...record, growth: { to: 3, plan } },
      { codec: topicCodec },
    );
    await admin.createTopic({ name: "orders", partitions: 600, replicationFactor: 1 });
    expect(admin.describeTopics({ topics: ["odd"] })).toMatchObject([{ state: "creating", growsTo: 3 }]);
    // It never had the znode that partitions stand below, either.
    await admin.deleteTopic("odd");
    expect(world.candidates[0]!.errors).toEqual([]);
    expect(world.candidates[0]!.terms).toHaveLength(1);
  });

  test("one that was damaged by hand can be deleted: partitions that cannot be read, settings or a parent that are gone", async () => {
    await using world = await administered({ candidates: 0 });
    const { admin, cluster } = world;
    const { client, paths } = cluster;
    const damage = new TextEncoder().encode("not a partition");
    await cluster.topic("orders", { replicas: [[1], [2], [3]] });
    await cluster.topic("parentless", { replicas: [] });
    await client.set(paths.partition("id-of-orders", 0), damage);
    const controller = await stand(cluster, 1, duties());
    await cluster.settle(0);
    await client.set(paths.partition("id-of-orders", 1), damage);
    await client.create(`${paths.partitionsOf("id-of-orders")}/odd`, null);
    await client.delete(paths.partitionsOf("id-of-parentless"));
    await admin.deleteTopics(["orders", "parentless"]);
    expect(cluster.server.dump().filter(({ path }) => /orders|parentless/.test(path))).toEqual([]);
    expect(controller.terms).toHaveLength(1);
  });

  test("one whose deletion cannot be done yet is tried again later, and the others are not held up", async () => {
    await using world = await administered();
    const { admin, cluster, candidates } = world;
    const { client, paths } = cluster;
    await cluster.topic("orders", { replicas: [[1]] });
    // Below a partition there is nothing that this cluster knows of.
    await client.create(`${paths.partition("id-of-orders", 0)}/foreign`, null);
    await admin.deleteTopic("orders", { wait: false });
    await admin.createTopic({ name: "large", partitions: 600, replicationFactor: 1 });
    expect(admin.describeTopics({ topics: ["orders"] })).toMatchObject([{ state: "deleting" }]);
    await client.delete(`${paths.partition("id-of-orders", 0)}/foreign`);
    await cluster.settle(31_000);
    expect(admin.describeTopics({ topics: ["orders"] })).toEqual([]);
    expect(candidates[0]!.terms).toHaveLength(1);
  });
});

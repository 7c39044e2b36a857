import { op } from "@corral/client";
import { describe, expect, test } from "vitest";
import { partitionCodec, topicCodec, type TopicRecord } from "../src/records.ts";
import { fresh, startCluster, type TestCluster } from "./cluster.ts";
import { Host, SESSION_MS, startOn, type StartedBroker, type StartOptions } from "./hosts.ts";

/** A cluster without any controller: tests write what one would. */
async function alone(options: StartOptions = {}): Promise<TestCluster & { readonly one: StartedBroker }> {
  const cluster = await startCluster({ brokers: 0 });
  const one = await startOn(cluster.server, 1, { canBeController: false, ...options });
  return Object.assign(cluster, { one });
}

async function change(cluster: TestCluster, name: string, now: Partial<TopicRecord>): Promise<void> {
  const path = cluster.paths.topic(name);
  await cluster.client.update<TopicRecord>(path, (before) => ({ ...(before?.value as TopicRecord), ...now }), {
    codec: topicCodec,
  });
  await cluster.server.clock.runUntilIdle();
}

const topic = async (cluster: TestCluster, ...seed: Parameters<TestCluster["topic"]>): Promise<string> => {
  const id = await cluster.topic(...seed);
  await cluster.server.clock.runUntilIdle();
  return id;
};

const write = async (cluster: TestCluster, ...what: Parameters<TestCluster["write"]>): Promise<void> => {
  await cluster.write(...what);
  await cluster.server.clock.runUntilIdle();
};

describe("a broker is told of its part", () => {
  test("of each partition that it keeps, and of no other", async () => {
    await using cluster = await alone();
    await topic(cluster, "t", { replicas: [[1, 2], [2, 1], [2, 3], [1]] });
    expect(cluster.one.host.taken().toSorted()).toEqual(["follow t-1 2@0", "lead t-0 @0", "lead t-3 @0"]);
  });

  test("leader, follower, nothing: in the order of the transactions, and the part before ends first", async () => {
    await using cluster = await alone();
    const { host } = cluster.one;
    const id = await topic(cluster, "t", { replicas: [[1, 2, 3]] });
    const led = host.part("t-0");
    expect([led.token, led.isValid, led.id]).toEqual([
      { leaderEpoch: 0, version: 0 },
      true,
      { topic: "t", topicId: id, partition: 0 },
    ]);
    await write(cluster, id, 0, fresh([1, 2, 3], { leader: 2, leaderEpoch: 1 }));
    expect([led.signal.aborted, led.isValid, led.canAppend]).toEqual([true, false, "NOT_LEADER"]);
    const followed = host.following.get("t-0");
    await write(cluster, id, 0, fresh([1, 2, 3], { leader: null, leaderEpoch: 2 }));
    await write(cluster, id, 0, fresh([1, 2, 3], { leaderEpoch: 3 }));
    expect(followed?.signal.aborted).toBe(true);
    await write(cluster, id, 0, fresh([2, 3], { leader: 2, leaderEpoch: 4 }));
    expect(host.taken()).toEqual([
      "lead t-0 @0",
      "follow t-0 2@1",
      "follow t-0 nobody@2",
      "lead t-0 @3",
      "stop t-0 delete",
    ]);
  });

  test("in one batch of transactions of which none is left out", async () => {
    await using cluster = await alone();
    const id = await topic(cluster, "t", { replicas: [[1, 2]] });
    cluster.one.host.taken();
    const writing = [1, 2, 3, 4].map((leaderEpoch) =>
      cluster.write(id, 0, fresh([1, 2], { leader: (leaderEpoch % 2) + 1, leaderEpoch })),
    );
    await Promise.all(writing);
    await cluster.server.clock.runUntilIdle();
    expect(cluster.one.host.taken()).toEqual(["follow t-0 2@1", "lead t-0 @2", "follow t-0 2@3", "lead t-0 @4"]);
  });

  test("only when it changes: other in-sync replicas of the same epoch are shown by the part itself", async () => {
    await using cluster = await alone();
    const { host } = cluster.one;
    const id = await topic(cluster, "t", {
      replicas: [
        [1, 2, 3],
        [2, 1, 3],
      ],
    });
    host.taken();
    await write(cluster, id, 0, fresh([1, 2, 3], { isr: [1, 2] }));
    await write(cluster, id, 1, fresh([2, 1, 3], { isr: [2, 1] }));
    expect(host.taken()).toEqual([]);
    expect([host.part("t-0").state.isr, host.part("t-0").token.version]).toEqual([[1, 2], 1]);
    expect(host.following.get("t-1")?.state.isr).toEqual([2, 1]);
  });

  test("anew when the place of its leader changes: another endpoint, none, and one again", async () => {
    await using cluster = await alone();
    const { host } = cluster.one;
    const second = await startOn(cluster.server, 2, { canBeController: false });
    await topic(cluster, "t", { replicas: [[2, 1]] });
    expect(host.following.get("t-0")?.endpoints?.[0]?.host).toBe("host-2");
    host.taken();
    await second.agent.setEndpoints([{ name: "clients", host: "moved", port: 1 }]);
    await cluster.server.clock.runUntilIdle();
    expect(host.following.get("t-0")?.endpoints?.[0]?.host).toBe("moved");
    await second.agent.shutdown({ drain: false });
    await cluster.server.clock.runUntilIdle();
    expect(host.following.get("t-0")?.endpoints).toBeUndefined();
    await startOn(cluster.server, 2, { canBeController: false });
    await cluster.server.clock.runUntilIdle();
    expect(host.following.get("t-0")?.endpoints?.[0]?.host).toBe("host-2");
    expect(host.taken()).toEqual(["follow t-0 2@0", "follow t-0 2@0", "follow t-0 2@0"]);
  });

  test("not of what other brokers say of themselves beside that", async () => {
    await using cluster = await alone();
    const second = await startOn(cluster.server, 2, { canBeController: false });
    await topic(cluster, "t", { replicas: [[2, 1]] });
    cluster.one.host.taken();
    await second.agent.setFailedReplicas(["x/0"]);
    await cluster.server.clock.runUntilIdle();
    expect(cluster.one.host.taken()).toEqual([]);
  });
});

describe("topics", () => {
  test("that are being made are not told of before they live", async () => {
    await using cluster = await alone();
    await topic(cluster, "t", { replicas: [[1], [1]], state: "creating" });
    expect(cluster.one.host.taken()).toEqual([]);
    await change(cluster, "t", { state: "live" });
    expect(cluster.one.host.taken().toSorted()).toEqual(["lead t-0 @0", "lead t-1 @0"]);
  });

  test("that grow: the new partitions are told of when clients see them", async () => {
    await using cluster = await alone();
    await topic(cluster, "t", { replicas: [[1], [1]], state: "creating" });
    await change(cluster, "t", { state: "live", partitions: 1 });
    expect(cluster.one.host.taken()).toEqual(["lead t-0 @0"]);
    await change(cluster, "t", { partitions: 2 });
    expect(cluster.one.host.taken()).toEqual(["lead t-1 @0"]);
  });

  test("that are deleted are stopped, and their data dropped, once", async () => {
    await using cluster = await alone();
    const id = await topic(cluster, "t", {
      replicas: [
        [1, 2],
        [2, 1],
      ],
    });
    cluster.one.host.taken();
    await change(cluster, "t", { state: "deleting" });
    expect(cluster.one.host.taken().toSorted()).toEqual(["stop t-0 delete", "stop t-1 delete"]);
    await cluster.client.delete(cluster.paths.partitionsOf(id), { recursive: true });
    await cluster.client.delete(cluster.paths.topic("t"));
    await cluster.server.clock.runUntilIdle();
    expect(cluster.one.host.taken()).toEqual([]);
    expect(cluster.one.agent.leading(id, 0)).toBeUndefined();
  });

  test("made again under the same name are others", async () => {
    await using cluster = await alone();
    await topic(cluster, "t", { replicas: [[1]], id: "first" });
    await change(cluster, "t", { state: "deleting" });
    await cluster.client.delete(cluster.paths.topic("t"));
    await topic(cluster, "t", { replicas: [[1]], id: "second" });
    expect(cluster.one.host.taken()).toEqual(["lead t-0 @0", "stop t-0 delete", "lead t-0 @0"]);
    expect(cluster.one.agent.leading("second", 0)?.id.topicId).toBe("second");
  });
});

describe("data on disk", () => {
  test("of topics and replicas that went while the broker was away are dropped at the start, the others kept", async () => {
    const cluster = await startCluster({ brokers: 0 });
    await using _ = cluster;
    const id = await cluster.topic("t", {
      replicas: [
        [1, 2],
        [2, 3],
      ],
    });
    const onDisk = [
      { topic: "t", topicId: id, partition: 0 },
      { topic: "t", topicId: id, partition: 1 },
      { topic: "old", topicId: "gone", partition: 4 },
    ];
    const { host } = await startOn(cluster.server, 1, {
      onDisk,
      clusterId: "cluster-of-tests",
      canBeController: false,
    });
    await cluster.server.clock.runUntilIdle();
    // Of t-0 it leads nothing yet: it was made leader before it was registered.
    expect(host.taken().toSorted()).toEqual(["follow t-0 nobody@0", "stop old-4 delete", "stop t-1 delete"]);
  });
});

describe("without a registration", () => {
  test("everything ends, nothing new is told, nothing dropped; then all is told anew", async () => {
    await using cluster = await alone();
    const { host, client, agent } = cluster.one;
    const id = await topic(cluster, "t", {
      replicas: [
        [1, 2],
        [2, 1],
        [2, 1],
      ],
    });
    const [led, followed] = [host.part("t-0"), host.following.get("t-1")];
    host.taken();
    const cut = cluster.server.faults.partition(client);
    await cluster.server.clock.advance(2 * SESSION_MS);
    expect([led.isValid, led.signal.aborted, followed?.signal.aborted]).toEqual([false, true, true]);
    expect(agent.leading(id, 0)).toBeUndefined();
    expect(host.taken()).toEqual(["doubt", "lost SESSION_EXPIRED"]);
    await write(cluster, id, 0, fresh([1, 2], { leader: 2, leaderEpoch: 1, isr: [2] }));
    await write(cluster, id, 1, fresh([2, 3]));
    cut.end();
    await cluster.server.clock.advance(SESSION_MS);
    expect(host.taken().toSorted()).toEqual(["follow t-0 2@1", "follow t-2 2@0", "stop t-1 delete"]);
  });

  test("nothing is told that comes in the very transaction that takes the registration away", async () => {
    await using cluster = await alone();
    const { host } = cluster.one;
    const id = await topic(cluster, "t", { replicas: [[2, 1]] });
    host.taken();
    const made = fresh([2, 1], { leader: 1, leaderEpoch: 1 });
    await cluster.client.multi([
      op.set(cluster.paths.partition(id, 0), made, { codec: partitionCodec }),
      op.delete(cluster.paths.broker(1)),
    ]);
    await cluster.server.clock.advance(1_000);
    expect(host.taken()).toEqual(["lost GUARD_FAILED", "follow t-0 nobody@1"]);
  });

  test("a new life is told of nothing before the image has it, though the image is sent again meanwhile", async () => {
    class Looking extends Host {
      readonly seen: boolean[] = [];
      look = (): boolean => true;
      override follow(part: Parameters<Host["follow"]>[0]): void {
        super.follow(part);
        this.seen.push(this.look());
      }
    }
    const host = new Looking();
    await using cluster = await alone({ host });
    const { client, agent } = cluster.one;
    const states = Array.from({ length: 3_000 }, () => fresh([2, 1]));
    await topic(cluster, "t", { states });
    host.look = () => agent.epoch !== undefined && agent.image.broker(1)?.epoch === agent.epoch;
    host.seen.length = 0;
    const cut = cluster.server.faults.partition(client);
    await cluster.server.clock.advance(2 * SESSION_MS);
    cluster.server.faults.forgetHistory();
    cut.end();
    await cluster.server.clock.advance(SESSION_MS);
    expect(host.seen).toHaveLength(states.length);
    expect(new Set(host.seen)).toEqual(new Set([true]));
  });

  test("what an earlier life was made leader of, it does not lead, until it is made leader again", async () => {
    await using cluster = await alone();
    const { host, client } = cluster.one;
    const id = await topic(cluster, "t", { replicas: [[1, 2]] });
    host.taken();
    // Expired and back before anybody could do anything about it.
    await cluster.server.faults.expire(client);
    await cluster.server.clock.advance(1_000);
    expect(host.taken()).toEqual(["lost SESSION_EXPIRED", "follow t-0 nobody@0"]);
    await write(cluster, id, 0, fresh([1, 2], { leaderEpoch: 1 }));
    expect(host.taken()).toEqual(["lead t-0 @1"]);
  });
});

describe("callbacks that throw", () => {
  class Clumsy extends Host {
    override lead(part: Parameters<Host["lead"]>[0]): void {
      super.lead(part);
      throw new Error(`cannot lead ${part.id.partition}`);
    }
  }

  test("are told to onError, and nothing after them is left out", async () => {
    await using cluster = await alone({ host: new Clumsy() });
    await topic(cluster, "t", { replicas: [[1], [2, 1], [1]] });
    const { host } = cluster.one;
    expect(host.taken().toSorted()).toEqual(["follow t-1 2@0", "lead t-0 @0", "lead t-2 @0"]);
    expect(host.errors.map(({ where }) => where).toSorted()).toEqual(["lead t-0", "lead t-2"]);
    expect(host.part("t-2").isValid).toBe(true);
  });

  test("without onError, or with one that throws too, they are uncaught exceptions", async () => {
    for (const onError of [
      undefined,
      (error: unknown): never => {
        throw error;
      },
    ]) {
      const clumsy = Object.assign(new Clumsy(), { onError });
      await using cluster = await alone({ host: clumsy });
      await cluster.topic("t", { replicas: [[1]] });
      await expect(cluster.server.clock.advance(1)).rejects.toThrow("cannot lead 0");
      expect(clumsy.part("t-0").isValid).toBe(true);
    }
  });
});

/** Three brokers, from outside: what is acknowledged survives leaders, what is asked of the wrong one is sent to the right one. */
import { readdirSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { consume } from "@corral/consumer-group";
import { Producer } from "../src/client/producer.ts";
import { brokerSource, messagesIn } from "../src/client/source.ts";
import type { BrokerRequests } from "../src/wire/messages.ts";
import { Peer } from "../src/wire/peer.ts";
import { Cluster } from "./cluster.ts";

let cluster: Cluster;
beforeEach(async () => {
  cluster = await Cluster.start([1, 2, 3]);
});
afterEach(async () => {
  await cluster[Symbol.asyncDispose]();
});

async function topic(name: string, partitions = 1): Promise<void> {
  await cluster.admin.createTopic({
    name,
    partitions,
    replicationFactor: 3,
    configs: { "min.insync.replicas": "2" },
  });
  await cluster.inSync(name);
}

/** All that is committed of a partition, from its beginning. */
async function committed(name: string, partition = 0): Promise<string[]> {
  const request = { topic: name, partition, offset: 0, maxBytes: 1_000_000, maxWaitMs: 0 };
  const { batches } = await cluster.client().atLeader("fetch", request);
  return messagesIn(batches, 0).map(({ value }) => value.toString());
}

const leaderOf = (name: string): number => cluster.states(name)[0]?.leader ?? -1;
const dial = (broker: number) => Peer.dial<BrokerRequests>(cluster.broker(broker).address);
const replicaOf = (name: string, id: number) =>
  cluster.broker(id).replicas.find(cluster.admin.image.topic(name)?.id ?? "", 0);

test("while leaders crash and come back, every acknowledged record is there once and in order, the same on all replicas", async () => {
  await topic("orders");
  const client = cluster.client();
  const producer = new Producer(client, "orders");
  const sending: Promise<{ offset: number }>[] = [];
  let count = 0;
  const timer = setInterval(() => {
    sending.push(producer.send(0, Buffer.from(`m${count}`)));
    count += 1;
  }, 2);
  for (let round = 0; round < 3; round += 1) {
    await expect.poll(() => sending.length).toBeGreaterThan(60 * (round + 1));
    const leader = leaderOf("orders");
    await cluster.crash(leader);
    await expect.poll(() => [-1, leader].includes(leaderOf("orders"))).toBe(false);
    await cluster.start(leader);
    await cluster.inSync("orders");
  }
  clearInterval(timer);
  const offsets = (await Promise.all(sending)).map(({ offset }) => offset);
  expect(offsets).toEqual(offsets.map((_, n) => n));
  expect(await committed("orders")).toEqual(offsets.map((n) => `m${n}`));
  const [one, two, three] = [1, 2, 3].map((id) => replicaOf("orders", id)?.log.read(0, 1e9, 1e6) as Buffer);
  expect(one?.equals(two as Buffer)).toBe(true);
  expect(one?.equals(three as Buffer)).toBe(true);
});

test("who asks the wrong broker is told who leads, where, and in which epoch", async () => {
  await topic("orders");
  const leader = leaderOf("orders");
  const other = [1, 2, 3].find((id) => id !== leader) as number;
  const peer = await dial(other);
  const asking = peer.request("bounds", { topic: "orders", partition: 0 });
  const hint = {
    broker: leader,
    leaderEpoch: cluster.states("orders")[0]?.leaderEpoch,
    ...cluster.broker(leader).address,
  };
  await expect(asking).rejects.toMatchObject({ code: "NOT_LEADER", hint });
  await expect(peer.request("bounds", { topic: "orders", partition: 1 })).rejects.toMatchObject({
    code: "UNKNOWN_TOPIC_OR_PARTITION",
  });
  peer.close();
});

test("a fetch of an earlier life of a follower's broker is refused, and so is what is no request", async () => {
  await topic("orders");
  const follower = [1, 2, 3].find((id) => id !== leaderOf("orders")) as number;
  const peer = await dial(leaderOf("orders"));
  const fetch = {
    topicId: cluster.admin.image.topic("orders")?.id as string,
    partition: 0,
    leaderEpoch: cluster.states("orders")[0]?.leaderEpoch as number,
    replica: follower,
    brokerEpoch: (cluster.broker(follower).agent.epoch as number) - 1,
    offset: 0,
    maxBytes: 1_000,
    maxWaitMs: 0,
  };
  await expect(peer.request("replicate", fetch)).rejects.toMatchObject({ code: "STALE_BROKER_EPOCH" });
  await expect(peer.request("replicate", { ...fetch, offset: -1 })).rejects.toMatchObject({ code: "INVALID_REQUEST" });
  peer.close();
});

test("too few in sync: nothing is acknowledged, and all of it is when enough are back", async () => {
  await topic("orders");
  const leader = leaderOf("orders");
  const followers = [1, 2, 3].filter((id) => id !== leader);
  const producer = new Producer(cluster.client(), "orders");
  await producer.send(0, Buffer.from("before"));
  for (const id of followers) await cluster.crash(id);
  await expect.poll(() => cluster.states("orders")[0]?.isr).toEqual([leader]);
  const sending = producer.send(0, Buffer.from("meanwhile"));
  const peer = await dial(leader);
  const request = { topic: "orders", partition: 0, producerId: 9, sequence: 0, acks: "all" as const, timeoutMs: 1_000 };
  await expect(peer.request("produce", { ...request, records: [Buffer.from("x")] })).rejects.toMatchObject({
    code: "NOT_ENOUGH_REPLICAS",
  });
  peer.close();
  await cluster.start(followers[0] as number);
  expect((await sending).offset).toBe(1);
  expect(await committed("orders")).toEqual(["before", "meanwhile"]);
});

test("a replica whose committed records are damaged is reported as failed, takes no part, and the others go on", async () => {
  await topic("orders");
  const producer = new Producer(cluster.client(), "orders");
  await producer.send(0, Buffer.from("a"));
  await producer.send(0, Buffer.from("b"));
  const [follower] = [1, 2, 3].filter((id) => id !== leaderOf("orders")) as [number];
  await expect.poll(() => replicaOf("orders", follower)?.log.highWatermark).toBe(2);
  await cluster.crash(follower);
  const key = `${cluster.admin.image.topic("orders")?.id}/0`;
  const file = join(cluster.dataOf(follower), "replicas", key, "batches");
  truncateSync(file, statSync(file).size - 1);
  await cluster.start(follower);
  await expect.poll(() => cluster.admin.image.broker(follower)?.failedReplicas).toEqual([key]);
  expect((await producer.send(0, Buffer.from("c"))).offset).toBe(2);
  expect(cluster.states("orders")[0]?.isr).not.toContain(follower);
  expect(cluster.said.some((what) => what.includes("committed up to 2"))).toBe(true);
});

test("a broker that leaves in order gives its leaderships away first: a producer notices nothing but another leader", async () => {
  await topic("orders");
  const producer = new Producer(cluster.client(), "orders");
  await producer.send(0, Buffer.from("a"));
  const leader = leaderOf("orders");
  await cluster.shutdown(leader);
  expect(leaderOf("orders")).not.toBe(leader);
  expect((await producer.send(0, Buffer.from("b"))).offset).toBe(1);
});

test("metadata that is waited for comes when a topic does, and its data go when it is deleted", async () => {
  const client = cluster.client();
  const end = new AbortController();
  const seen: string[][] = [];
  const watching = (async () => {
    for await (const metadata of client.changes(end.signal)) seen.push(metadata.topics.map(({ name }) => name));
  })();
  await topic("orders");
  await expect.poll(() => seen.at(-1)).toEqual(["orders"]);
  await new Producer(client, "orders").send(0, Buffer.from("a"));
  await cluster.admin.deleteTopic("orders");
  await expect.poll(() => seen.at(-1)).toEqual([]);
  end.abort();
  await watching;
  await expect.poll(() => [1, 2, 3].flatMap((id) => [...cluster.broker(id).replicas.all()])).toEqual([]);
});

test("a broker that was away while a topic was deleted drops its data when it comes back, and keeps the others", async () => {
  await topic("orders");
  await topic("kept");
  await cluster.crash(3);
  await cluster.admin.deleteTopic("orders");
  await cluster.start(3);
  const kept = cluster.admin.image.topic("kept")?.id;
  await expect.poll(() => readdirSync(join(cluster.dataOf(3), "replicas"))).toEqual([kept]);
  await cluster.inSync("kept");
});

test("a group of two consumes what was produced, each record once while nothing goes wrong", async () => {
  await topic("orders", 4);
  const client = cluster.client();
  const producer = new Producer(client, "orders");
  const ids = Array.from({ length: 40 }, (_, n) => `m${n}`);
  await Promise.all(ids.map((id, n) => producer.send(n % 4, Buffer.from(id))));
  const handled: string[] = [];
  const members = await Promise.all(
    [0, 1].map(async () =>
      consume(await cluster.server.connect(), {
        group: "g",
        topics: ["orders"],
        source: brokerSource(client),
        reset: "earliest",
        handle: ({ value }) => void handled.push(value.toString()),
      }),
    ),
  );
  await expect.poll(() => handled.toSorted()).toEqual(ids.toSorted());
  await Promise.all(members.map((member) => member.close()));
});

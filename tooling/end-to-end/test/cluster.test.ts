/** Brokers as processes: who lives, who leads, and what becomes of those that were stopped or killed. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { clusterAdmin, type ClusterAdmin } from "@corral/broker-agent";
import { type Client, connect } from "@corral/client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Agent } from "../src/cluster/agent.ts";
import { nowMs } from "../src/cluster/words.ts";
import { type CorraldProcess, endAll, startCorrald } from "../src/corrald-process.ts";
import { endTellers } from "../src/telling-process.ts";

const SESSION_MS = 1_000;
/** From the expiry on: for the tick that finds it, the election, and a machine that is busy. */
const SLACK_MS = 1_500;
const cluster = "e2e";

let data: string;
let daemon: CorraldProcess;
let client: Client;
let admin: ClusterAdmin;

beforeEach(async () => {
  data = await mkdtemp(path.join(tmpdir(), "corral-cluster-"));
  daemon = await startCorrald({ data, limits: { sessionTimeoutMsMin: 100, tickMs: 20 } });
  client = await connect({ servers: [daemon.url] });
  admin = await clusterAdmin(client, { cluster });
});
afterEach(async () => {
  await admin.close();
  await client.close();
  await endTellers();
  await endAll();
  await rm(data, { recursive: true, force: true });
});

async function start(id: number, more: Partial<ConstructorParameters<typeof Agent>[0]> = {}): Promise<Agent> {
  const agent = new Agent({
    url: daemon.url,
    cluster,
    id,
    sessionTimeoutMs: SESSION_MS,
    canBeController: true,
    ...more,
  });
  await agent.until("started");
  return agent;
}

/** Once the image has come to this. */
async function seen(holds: () => boolean): Promise<void> {
  if (holds()) return;
  await new Promise<void>((resolve) => {
    const stop = admin.watch(() => {
      if (!holds()) return;
      stop();
      resolve();
    });
  });
}

const liveIds = (): number[] => [...admin.image.brokers()].map(({ id }) => id).toSorted((a, b) => a - b);

test("a broker that was killed is gone from the list, and its partitions have other leaders with greater epochs, within its session timeout and a little", async () => {
  const agents = await Promise.all([1, 2, 3].map((id) => start(id)));
  await admin.createTopic({ name: "orders", partitions: 30, replicationFactor: 3 });
  await seen(() => liveIds().length === 3);
  const before = new Map(admin.describeTopics()[0]!.partitions.map((one) => [one.partition, one]));
  const led = [...before.values()].filter(({ leader }) => leader === 2);
  expect(led.length).toBe(10);

  const from = nowMs();
  await agents[1]!.kill();
  await seen(() => !liveIds().includes(2));
  await seen(() => admin.describeTopics()[0]!.partitions.every(({ leader }) => leader !== 2 && leader !== null));
  const tookMs = nowMs() - from;
  expect(tookMs).toBeLessThan(SESSION_MS + SLACK_MS);
  for (const { partition, leader, leaderEpoch } of admin.describeTopics()[0]!.partitions) {
    const was = before.get(partition)!;
    if (was.leader !== 2) expect({ leader, leaderEpoch }).toEqual({ leader: was.leader, leaderEpoch: was.leaderEpoch });
    else expect(leaderEpoch).toBeGreaterThan(was.leaderEpoch);
  }
  // The brokers themselves have been told the same.
  for (const { partition } of led) {
    const { leader, leaderEpoch } = admin.describeTopics()[0]!.partitions[partition]!;
    await agents[leader! - 1]!.until(
      "lead",
      (event) => event.partition === partition && event.leaderEpoch === leaderEpoch,
    );
  }

  const again = await start(2);
  const firstEpoch = agents[1]!.of("started")[0]!.epoch;
  expect(again.of("started")[0]!.epoch).toBeGreaterThan(firstEpoch);
  console.log("cluster: killed broker to last new leader:", Math.round(tookMs), "ms, session", SESSION_MS, "ms");
});

test("a leader that was stopped past its session knows at its next statement that it leads no more, and changes nothing in the tree", async () => {
  const agents = await Promise.all([1, 2, 3].map((id) => start(id)));
  await admin.createTopic({ name: "orders", replicas: [[1, 2, 3]] });
  const leader = agents[0]!;
  await leader.until("lead");
  leader.tell({ ask: "appended", topic: "orders", partition: 0, offset: 100 });

  leader.signal("SIGSTOP");
  await seen(() => admin.describeTopics()[0]!.partitions[0]!.leader === 2);
  const state = JSON.stringify(admin.describeTopics()[0]!.partitions[0]);
  // Waits in its queue until it goes on: then it would take the follower out of, and into, the in-sync replicas.
  const epoch = agents[1]!.of("started")[0]!.epoch;
  leader.tell({ ask: "fetched", topic: "orders", partition: 0, follower: 2, offset: 100, epoch });
  const asked = leader.state();
  leader.signal("SIGCONT");
  const found = await asked;
  expect(found.isValid).toBe(false);
  expect(found.leads.every(({ isValid }) => !isValid)).toBe(true);

  // It comes back as a follower of the new leader's epoch.
  const { leaderEpoch } = admin.describeTopics()[0]!.partitions[0]!;
  const follows = await leader.until("follow", (event) => event.leaderEpoch >= leaderEpoch);
  expect(follows.leader).toBe(2);
  await admin.refresh();
  expect(JSON.stringify(admin.describeTopics()[0]!.partitions[0])).toBe(state);
});

test("a changed setting is told to every broker once and in order, over lost connections and a restart of corrald, and the last value is everywhere", async () => {
  const agents = await Promise.all([1, 2].map((id) => start(id, { sessionTimeoutMs: 10_000 })));
  await admin.createTopic({ name: "orders", replicas: [[1, 2]] });
  const changes = 60;
  for (let n = 1; n <= changes; n++) {
    await admin.alterConfigs(
      [
        {
          entity: { type: "topics", name: "orders" },
          changes: [{ op: "set", name: "min.insync.replicas", value: String(1 + (n % 60)) }],
        },
      ],
      { timeoutMs: 30_000 },
    );
    if (n === 20) {
      agents[0]!.signal("SIGSTOP");
      setTimeout(() => agents[0]!.signal("SIGCONT"), 300);
    }
    if (n === 40) {
      const port = Number(new URL(daemon.url).port);
      await daemon.kill();
      daemon = await startCorrald({ data, port, limits: { sessionTimeoutMsMin: 100, tickMs: 20 } });
    }
  }
  const last = String(1 + (changes % 60));
  for (const agent of agents) {
    await agent.until("config", ({ now }) => now?.["min.insync.replicas"] === last);
    const told = agent.of("config").filter(({ entity }) => entity === "orders");
    const zxids = told.map(({ zxid }) => zxid);
    expect(zxids).toEqual([...new Set(zxids)].toSorted((a, b) => a - b));
    expect(told.length).toBeLessThanOrEqual(changes);
    expect(told.length).toBeGreaterThan(changes / 2);
  }
});

test("when a broker comes, or a setting is switched on, replicas and leaders level out by themselves if the policy says so", async () => {
  const followed = { areFollowersComplete: true };
  await Promise.all([1, 2].map((id) => start(id, followed)));
  await admin.createTopic({ name: "orders", partitions: 12, replicationFactor: 2 });
  await start(3, followed);
  const leads = (id: number): number =>
    admin.describeTopics()[0]!.partitions.filter(({ leader }) => leader === id).length;
  const isLevel = (brokers: number): boolean =>
    admin.listReassignments().length === 0 &&
    Array.from({ length: brokers }, (_, i) => leads(i + 1)).every((count) => count === 12 / brokers);
  expect(leads(3)).toBe(0);
  const policy = {
    "auto.partition.rebalance.enable": "true",
    "leader.imbalance.check.interval.seconds": "1",
    "leader.imbalance.per.broker.percentage": "0",
  };
  const changes = Object.entries(policy).map(([name, value]) => ({ op: "set" as const, name, value }));
  await admin.alterConfigs([{ entity: { type: "brokers", name: null }, changes }]);
  await seen(() => isLevel(3));
  // And from here on by itself.
  await start(4, followed);
  await seen(() => isLevel(4));
  expect(
    admin.describeTopics()[0]!.partitions.every(({ isr, replicas }) => isr.length === 2 && replicas.length === 2),
  ).toBe(true);
});

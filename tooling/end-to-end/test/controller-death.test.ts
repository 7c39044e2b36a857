/**
 * A controller that kills itself at its k-th write, before it was sent or right after, for every k: whatever it was asked to do ends as if
 * it had lived. Each run has brokers of its own, and two candidates for the controllership that keep nothing.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { clusterAdmin, type ClusterAdmin } from "@corral/broker-agent";
import { type Client, connect } from "@corral/client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Agent } from "../src/cluster/agent.ts";
import { type CorraldProcess, endAll, startCorrald } from "../src/corrald-process.ts";
import { endTellers } from "../src/telling-process.ts";

const PARTITIONS = 1_100;
const REASSIGNED = 40;
/** More writes than any of the operations needs. */
const WRITES_MAX = 40;

let data: string;
let daemon: CorraldProcess;
let client: Client;
beforeEach(async () => {
  data = await mkdtemp(path.join(tmpdir(), "corral-controller-"));
  daemon = await startCorrald({ data, limits: { sessionTimeoutMsMin: 100, tickMs: 20 } });
  client = await connect({ servers: [daemon.url] });
});
afterEach(async () => {
  await client.close();
  await endTellers();
  await endAll();
  await rm(data, { recursive: true, force: true });
});

interface Operation {
  readonly name: string;
  /** Before the count of writes begins. */
  readonly prepare?: (admin: ClusterAdmin) => Promise<unknown>;
  readonly run: (admin: ClusterAdmin) => Promise<unknown>;
}

const OPTIONS = { timeoutMs: 30_000 };
const orders = { name: "orders", partitions: PARTITIONS, replicationFactor: 2 };
const OPERATIONS: readonly Operation[] = [
  { name: "create a topic", run: (admin) => admin.createTopic(orders, OPTIONS) },
  {
    name: "add partitions",
    prepare: (admin) => admin.createTopic({ ...orders, partitions: 3 }, OPTIONS),
    run: (admin) => admin.createPartitions([{ topic: "orders", partitions: PARTITIONS }], OPTIONS),
  },
  {
    name: "delete a topic",
    prepare: (admin) => admin.createTopic(orders, OPTIONS),
    run: (admin) => admin.deleteTopic("orders", OPTIONS),
  },
  {
    name: "reassign",
    prepare: (admin) =>
      admin.createTopic({ name: "orders", replicas: Array.from({ length: REASSIGNED }, () => [1, 2]) }, OPTIONS),
    run: async (admin) => {
      const all = Array.from({ length: REASSIGNED }, (_, partition) => ({
        topic: "orders",
        partition,
        replicas: [2, 3],
      }));
      await admin.reassign(all, OPTIONS);
      await admin.waitForReassignments(undefined, OPTIONS);
    },
  },
  {
    name: "alter configurations",
    run: (admin) =>
      admin.alterConfigs(
        [null, "1", "2"].map((name) => ({
          entity: { type: "brokers" as const, name },
          changes: [{ op: "set" as const, name: "unclean.leader.election.enable", value: "true" }],
        })),
        OPTIONS,
      ),
  },
];

/** All that stands in the tree of a cluster, without what differs from run to run: ids, times, epochs of brokers. */
function stateOf(admin: ClusterAdmin): unknown {
  const configs = [...admin.image.configs()].map(({ type, entity, values }) => ({ type, entity, values }));
  return {
    topics: admin.describeTopics().map(({ id: _id, partitions, ...topic }) => ({
      ...topic,
      // Which brokers a new partition goes to is drawn by lot; that its preferred one leads is not.
      partitions: partitions.map(({ replicas, isr, leader, ...partition }) => ({
        ...partition,
        replicas: replicas.length,
        isr: isr.length,
        preferredLeads: leader === replicas[0],
      })),
    })),
    left: [...admin.image.topics()].length,
    partitions: [...admin.image.topicIds()].reduce((sum, id) => sum + [...admin.image.partitionsOf(id)].length, 0),
    configs: configs.toSorted((a, b) => `${a.type}/${a.entity}`.localeCompare(`${b.type}/${b.entity}`)),
    requests: admin.image.requests(),
  };
}

/** Runs it in a cluster of its own; `dieAt` 0: uninterrupted. Resolves with the state, and whether its controller came to that write. */
async function play(
  operation: Operation,
  dieAt: number,
  dieWhen: "before" | "after",
  number: number,
): Promise<{ state: unknown; died: boolean }> {
  const cluster = `c${number}`;
  const order = { url: daemon.url, cluster, sessionTimeoutMs: 400, areFollowersComplete: true };
  const brokers = [1, 2, 3].map((id) => new Agent({ ...order, id, sessionTimeoutMs: 10_000 }));
  const candidate = { ...order, canBeController: true, startAs: "fenced" as const };
  const keeper = new Agent({ ...candidate, id: 101 });
  await Promise.all([...brokers, keeper].map((agent) => agent.until("started")));
  const admin = await clusterAdmin(client, { cluster });
  await operation.prepare?.(admin);
  // The next one in the queue gets the controllership with nothing written in it yet, and counts from 1.
  const dying = new Agent({ ...candidate, id: 102, dieAtWrite: dieAt, dieWhen });
  await dying.until("started");
  await keeper.kill();
  await dying.until("controller", ({ isMe }) => isMe);
  const heir = new Agent({ ...candidate, id: 103 });
  await heir.until("started");
  await operation.run(admin);
  await admin.refresh();
  const state = stateOf(admin);
  // It dies a moment after the write: whether it came to it, it may still be able to say.
  const came = dying.state().then(
    ({ writes }) => dieAt > 0 && writes >= dieAt,
    () => true,
  );
  const died = await Promise.race([dying.ended.then(() => true), came]);
  await admin.close();
  await endTellers();
  return { state, died };
}

test.each(OPERATIONS)(
  "$name: however often and wherever the controller dies in it, it ends as if uninterrupted",
  async (operation) => {
    let runs = 0;
    const { state } = await play(operation, 0, "before", runs++);
    let deaths = 0;
    for (let k = 1, more = true; more; k++) {
      expect(k, "writes of one operation").toBeLessThan(WRITES_MAX);
      more = false;
      for (const when of ["before", "after"] as const) {
        const interrupted = await play(operation, k, when, runs++);
        expect(interrupted.state, `killed ${when} write ${k}`).toEqual(state);
        if (!interrupted.died) continue;
        deaths++;
        more = true;
      }
    }
    expect(deaths).toBeGreaterThanOrEqual(2);
    console.log(`controller death: ${operation.name}: killed at each of its writes, ${deaths} times in all`);
  },
  300_000,
);

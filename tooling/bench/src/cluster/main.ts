/**
 * `npm run scale [-- --partitions N --brokers N --members N]`: a cluster of many partitions and a group of many members, each broker a
 * process of its own, against one corrald on this machine. Prints a table; what it says holds for this machine and this run only.
 */
import { clusterAdmin, type ClusterAdmin } from "@corral/broker-agent";
import { type Client, connect } from "@corral/client";
import { Daemon } from "./daemon.ts";
import type { BrokerOrder, Counts, FromBroker, ToBroker } from "./broker-process.ts";
import { Child } from "./child.ts";
import { measureGroup } from "./group.ts";
import { nowMs } from "./moment.ts";
import { flagsOf, wholeNumber } from "../../../dev/flags.mjs";
import { eventually, print, type Measure } from "./report.ts";

const { values } = flagsOf({
  options: {
    partitions: { type: "string", default: "100000" },
    topics: { type: "string", default: "2000" },
    brokers: { type: "string", default: "10" },
    members: { type: "string", default: "1000" },
  },
});
const brokers = wholeNumber("brokers", values.brokers, 3);
const partitions = wholeNumber("partitions", values.partitions, 1);
const topics = Math.min(wholeNumber("topics", values.topics, 1), partitions);
const members = wholeNumber("members", values.members, 1);
const SESSION_MS = 15_000;
const CLUSTER = "scale";
/** So that every partition has one left when two brokers have gone. */
const REPLICAS = 3;

type Broker = Child<ToBroker, FromBroker>;
const measures: Measure[] = [];
const daemon = new Daemon();
const processes: { kill(): void }[] = [];

function startBroker(url: string, id: number, isBare: boolean): Broker {
  const order: BrokerOrder = {
    url,
    cluster: CLUSTER,
    id,
    canBeController: isBare,
    isBare,
    sessionTimeoutMs: SESSION_MS,
  };
  const broker: Broker = new Child(`broker ${id}`, "./broker-process.js", order);
  processes.push(broker);
  return broker;
}

async function countsOf(all: Iterable<Broker>): Promise<Counts[]> {
  return Promise.all([...all].map(async (broker) => (await broker.ask({ ask: "counts" }, "counts")).counts));
}

/** When the znode of a broker went, by the tree: that is when its session was found to be over. */
async function expiryOf(client: Client, id: number): Promise<number> {
  await client.nextEvent(`/clusters/${CLUSTER}/brokers/${id}`, { timeoutMs: SESSION_MS * 4 });
  return nowMs();
}

function partitionsIn(admin: ClusterAdmin): number {
  return [...admin.image.topics()].reduce((sum, topic) => sum + topic.partitions, 0);
}

async function makeTopics(admin: ClusterAdmin): Promise<void> {
  const each = Math.floor(partitions / topics);
  const from = nowMs();
  const batch = 50;
  for (let at = 0; at < topics; at += batch) {
    const specs = Array.from({ length: Math.min(batch, topics - at) }, (_, i) => ({
      name: `topic-${at + i}`,
      partitions: each,
      replicationFactor: REPLICAS,
    }));
    const made = await admin.createTopics(specs, { timeoutMs: 120_000 });
    const refused = made.find(({ error }) => error !== undefined);
    if (refused !== undefined) throw refused.error!;
  }
  measures.push({ what: `${topics} topics of ${each} partitions made, ${REPLICAS} replicas each`, ms: nowMs() - from });
}

async function cluster(): Promise<void> {
  const client = await connect({ servers: [daemon.url] });
  const working = new Map<number, Broker>();
  for (let id = 1; id <= brokers; id++) working.set(id, startBroker(daemon.url, id, false));
  const bare = new Map([101, 102].map((id) => [id, startBroker(daemon.url, id, true)] as const));
  await Promise.all([...working.values(), ...bare.values()].map((broker) => broker.told("started")));
  const admin = await clusterAdmin(client, { cluster: CLUSTER, timeoutMs: 120_000 });
  // Nobody fetches here; nobody is to fall behind for that.
  const patient = { op: "set" as const, name: "replica.lag.time.max.ms", value: String(24 * 3_600_000) };
  await admin.alterConfigs([{ entity: { type: "brokers", name: null }, changes: [patient] }]);
  await makeTopics(admin);
  const toldAll = async (): Promise<Counts[] | undefined> => {
    const counts = await countsOf(working.values());
    return counts.reduce((sum, { leading }) => sum + leading, 0) === partitionsIn(admin) ? counts : undefined;
  };
  const counts = await eventually(toldAll, "all partitions have a leader that knows");
  const memory = counts.reduce((sum, { rssBytes }) => sum + rssBytes, 0) / counts.length;
  console.log(
    `a broker process: ${Math.round(memory / 2 ** 20)} MiB resident with the whole image; corrald: ${Math.round(daemon.rss / 2 ** 20)} MiB`,
  );

  await controllerDies(admin, client, bare);
  await brokerLeaves(admin, working, toldAll);
  await brokerDies(admin, client, working, toldAll);
  await configChanges(admin, working);
  await admin.close();
  await client.close();
  for (const broker of [...working.values(), ...bare.values()]) if (broker.isRunning) broker.tell({ ask: "end" });
  // So that a profiler, if one runs, can write down what it has seen.
  await new Promise((resolve) => setTimeout(resolve, 1_000));
}

/** For whoever wonders why a run did not come to its end. */
function troubles(admin: ClusterAdmin): string {
  const brokersNow = [...admin.image.brokers()].map(({ id, status }) => `${id} ${status}`).join(", ");
  const states = admin.describeTopics().flatMap((topic) => topic.partitions);
  const bad = states.filter(({ leader }) => leader === null || admin.image.broker(leader) === undefined);
  return `brokers: ${brokersNow}; ${bad.length} of ${states.length} partitions without a living leader, such as ${JSON.stringify(bad[0])}`;
}

async function controllerDies(admin: ClusterAdmin, client: Client, bare: ReadonlyMap<number, Broker>): Promise<void> {
  const { controller } = await admin.describeCluster();
  const broker = bare.get(controller!.broker)!;
  const expired = expiryOf(client, controller!.broker);
  broker.kill();
  // Asked while there is no controller: answered when there is one that has looked at everything.
  const answered = admin.createTopic(
    { name: "after-failover", replicationFactor: REPLICAS, partitions: 1 },
    { timeoutMs: 120_000 },
  );
  const from = await expired;
  await answered;
  measures.push({
    what: "controller failover: from the expiry of its session until the next one has looked at every partition and done a request",
    ms: nowMs() - from,
    target: 500,
  });
}

async function brokerDies(
  admin: ClusterAdmin,
  client: Client,
  working: Map<number, Broker>,
  toldAll: () => Promise<unknown>,
): Promise<void> {
  const id = 3;
  const { brokers: described } = await admin.describeCluster();
  const leads = described.find((broker) => broker.id === id)!.leads;
  const expired = expiryOf(client, id);
  const moved = new Set<number>();
  let lastMovedAt = 0;
  const stop = admin.watch(({ zxid, partitions: changed }) => {
    if (!changed.some(({ before, now }) => before?.state.leader === id && now?.state.leader !== id)) return;
    moved.add(zxid);
    lastMovedAt = nowMs();
  });
  working.get(id)!.kill();
  working.delete(id);
  const from = await expired;
  await eventually(toldAll, "all partitions have a new leader that knows").catch((error: unknown) => {
    throw new Error(`${String(error)}\n${troubles(admin)}`);
  });
  stop();
  const counts = await countsOf(working.values());
  const lastToldAt = Math.max(...counts.map(({ lastLeadAt }) => lastLeadAt));
  measures.push({
    what: `death of a broker with ${leads} leaders: from the expiry of its session until the last new leader stands in the tree (${moved.size} transactions)`,
    ms: lastMovedAt - from,
    target: 1_000,
  });
  measures.push({ what: "… until the last new leader has been told", ms: lastToldAt - from });
}

async function brokerLeaves(
  admin: ClusterAdmin,
  working: Map<number, Broker>,
  toldAll: () => Promise<unknown>,
): Promise<void> {
  const id = 4;
  const { brokers: described } = await admin.describeCluster();
  const leads = described.find((broker) => broker.id === id)!.leads;
  const from = nowMs();
  let lastMovedAt = from;
  const stop = admin.watch(({ partitions: changed }) => {
    if (changed.some(({ before, now }) => before?.state.leader === id && now?.state.leader !== id))
      lastMovedAt = nowMs();
  });
  const { tookMs, stillLed } = await working.get(id)!.ask({ ask: "shutdown" }, "shut-down");
  stop();
  working.get(id)!.kill();
  working.delete(id);
  if (stillLed > 0) throw new Error(`the controlled shutdown left ${stillLed} leaders`);
  await eventually(toldAll, "all partitions have a leader that knows");
  measures.push({
    what: `controlled shutdown of a broker with ${leads} leaders: until the last of them has moved`,
    ms: lastMovedAt - from,
  });
  measures.push({ what: "… until everybody has said that he knows, and it is gone", ms: tookMs, target: 2_000 });
}

async function configChanges(admin: ClusterAdmin, working: ReadonlyMap<number, Broker>): Promise<void> {
  const from = nowMs();
  await admin.alterConfigs([
    { entity: { type: "topics", name: "topic-1" }, changes: [{ op: "set", name: "min.insync.replicas", value: "2" }] },
  ]);
  const counts = await eventually(async () => {
    const all = await countsOf(working.values());
    return all.every(({ lastConfigAt }) => lastConfigAt > from) ? all : undefined;
  }, "all brokers have the change of configuration");
  measures.push({
    what: `a change of configuration, until the last of ${working.size} brokers was told`,
    ms: Math.max(...counts.map(({ lastConfigAt }) => lastConfigAt)) - from,
  });
}

process.once("SIGINT", () => process.exit(130));
process.on("exit", () => {
  for (const one of processes) one.kill();
});
try {
  console.log(
    `Node ${process.version}; one corrald, ${brokers} brokers and 2 candidates for the controllership, each a process`,
  );
  await daemon.start();
  if (brokers > 0) await cluster();
  if (members > 0) measures.push(...(await measureGroup(daemon.url, members, processes)));
  print(measures);
} finally {
  for (const one of processes) one.kill();
  await daemon.stop();
  daemon.forget();
}
process.exit(0);

/** The cluster as it is found: its settings and topics, as brokers left it who are gone. Those that come are elected; nothing is in any log. */
import { type ClusterPaths, pathsOf } from "@corral/broker-agent";
import { type Client, json, op, type Operation } from "@corral/client";
import { CLUSTER, type ClusterPlan } from "./surroundings.ts";

export const PATHS: ClusterPaths = pathsOf(CLUSTER);
export const CLUSTER_ID = "cluster-of-the-simulation";
const REPLICAS = 3;
const PARTITIONS = 2;

export async function makeCluster(client: Client, plan: ClusterPlan): Promise<void> {
  const { cluster, brokers, topics, partitions, config, requests, results } = PATHS;
  const codec = json<unknown>();
  const create = (path: string, value?: unknown): Operation<unknown> =>
    value === undefined ? op.create(path) : op.create(path, value, { codec });
  const settings = {
    "replica.lag.time.max.ms": String(plan.lagTimeMs),
    "leader.imbalance.check.interval.seconds": "6",
    "leader.imbalance.per.broker.percentage": "0",
    "unclean.leader.election.enable": String(plan.isUnclean),
    "auto.partition.rebalance.enable": String(plan.rebalances),
  };
  const configured = (values: Readonly<Record<string, string>>): unknown => ({
    values,
    by: "whoever was here",
    atMs: 0,
  });
  await client.create(cluster, { format: 1, clusterId: CLUSTER_ID, features: {} }, { codec, parents: true });
  await client.multi([
    ...[brokers, topics, partitions, config, requests, results].map((path) => create(path)),
    ...["brokers", "topics"].map((type) => create(`${config}/${type}`)),
    create(PATHS.configOf("brokers", "<default>"), configured(settings)),
  ]);
  for (let i = 1; i <= plan.topics; i++) {
    const [name, id] = [`topic-${i}`, `id-${i}`];
    const record = { name, id, state: "live", partitions: PARTITIONS, replicationFactor: REPLICAS, growth: null };
    await client.multi([
      create(PATHS.partitionsOf(id)),
      ...Array.from({ length: PARTITIONS }, (_, n) => {
        const replicas = Array.from({ length: REPLICAS }, (__, r) => 1 + ((i + n + r) % plan.brokers));
        const state = {
          replicas,
          adding: [],
          removing: [],
          leader: null,
          leaderEpoch: 0,
          isr: replicas,
          recovering: false,
        };
        return create(PATHS.partition(id, n), state);
      }),
      create(PATHS.topic(name), record),
      create(PATHS.configOf("topics", name), configured({ "min.insync.replicas": String(plan.minInSync) })),
    ]);
  }
}

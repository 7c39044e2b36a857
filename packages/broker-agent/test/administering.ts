/** A cluster with controllers that do what administrators ask, and one who asks. */
import { adminOperations, type OperationOptions } from "../src/admin/operations.ts";
import { clusterAdmin } from "../src/admin/admin.ts";
import type { ClusterAdmin } from "../src/admin/api.ts";
import type { MakeDuty } from "../src/controller/duty.ts";
import { elections } from "../src/controller/duties/elections.ts";
import { reassignments } from "../src/controller/duties/reassignments.ts";
import { requestsDuty } from "../src/controller/duties/requests.ts";
import { topicsDuty } from "../src/controller/duties/topics.ts";
import { type ClusterOptions, fresh, startCluster, type TestCluster } from "./cluster.ts";
import { type Candidate, stand } from "./controllers.ts";

export function duties(options?: OperationOptions): MakeDuty[] {
  return [elections, topicsDuty, requestsDuty(adminOperations(options)), reassignments];
}

export interface Administered extends AsyncDisposable {
  readonly cluster: TestCluster;
  readonly admin: ClusterAdmin;
  readonly candidates: readonly Candidate[];
}

/** Broker 1 is controller; the first `candidates` brokers (default 2) are, one after the other. */
export async function administered(
  options: ClusterOptions & OperationOptions & { readonly candidates?: number } = {},
): Promise<Administered> {
  const cluster = await startCluster(options);
  const candidates: Candidate[] = [];
  for (const { id } of cluster.brokers.slice(0, options.candidates ?? 2)) {
    candidates.push(await stand(cluster, id, duties(options)));
    await cluster.server.clock.runUntilIdle();
  }
  const admin = await clusterAdmin(cluster.client, { cluster: "test" });
  return { cluster, admin, candidates, [Symbol.asyncDispose]: () => cluster.close() };
}

/** Everything that operations are about, so that two runs can be compared: how often each was written, and what it is. Ids and times left out. */
export function effectsOn({ cluster }: Administered): Record<string, string> {
  const { server, paths } = cluster;
  const decoder = new TextDecoder();
  const shapes: Record<string, string> = {};
  for (const { path, data, version } of server.dump()) {
    const isAbout = [paths.topics, paths.partitions, paths.config, paths.requests].some((at) =>
      path.startsWith(`${at}/`),
    );
    if (!isAbout && path !== paths.cluster) continue;
    const shape = `version ${version}: ${data === null ? "" : decoder.decode(data)}`;
    shapes[withoutIds(path)] = withoutIds(shape).replace(/"atMs":[\d.]+/, "");
  }
  return shapes;
}

/** Topics' ids are drawn. */
export function withoutIds(text: string): string {
  return text.replaceAll(/[0-9a-f]{32}/g, "<id>");
}

/** One request of each operation, in a cluster of which broker 1, the controller, keeps nothing. */
export interface Asked {
  readonly op: string;
  readonly prepare: (cluster: TestCluster) => Promise<unknown>;
  readonly ask: (admin: ClusterAdmin) => Promise<unknown>;
}

const PATIENT = { timeoutMs: 120_000 };
const TO_BE_MOVED = { leader: 3, leaderEpoch: 4 };

export const EVERY_OPERATION: readonly Asked[] = [
  {
    op: "createTopics",
    prepare: () => Promise.resolve(),
    ask: (admin) =>
      admin.createTopic(
        {
          name: "new",
          replicas: [
            [2, 3],
            [3, 4],
          ],
          configs: { "min.insync.replicas": "2" },
        },
        PATIENT,
      ),
  },
  {
    op: "createPartitions",
    prepare: (cluster) => cluster.topic("orders", { replicas: [[2, 3]] }),
    ask: (admin) => admin.createPartitions([{ topic: "orders", partitions: 2, replicas: [[3, 4]] }], PATIENT),
  },
  {
    op: "deleteTopics",
    prepare: (cluster) =>
      cluster.topic("orders", {
        replicas: [
          [2, 3],
          [3, 4],
        ],
      }),
    ask: (admin) => admin.deleteTopic("orders", PATIENT),
  },
  {
    op: "electLeaders",
    prepare: (cluster) => cluster.topic("orders", { states: [fresh([2, 3], TO_BE_MOVED), fresh([4, 3], TO_BE_MOVED)] }),
    ask: (admin) => admin.electLeaders("preferred", undefined, PATIENT),
  },
  {
    op: "alterPartitionReassignments",
    prepare: (cluster) =>
      cluster.topic("orders", {
        replicas: [
          [2, 3],
          [3, 2],
        ],
      }),
    ask: (admin) => admin.reassign([{ topic: "orders", partition: 1, replicas: [4, 2] }], PATIENT),
  },
  {
    op: "unregisterBroker",
    prepare: (cluster) => cluster.configure("brokers", "9", { "leader.replication.throttled.rate": "5" }),
    ask: (admin) => admin.unregisterBroker(9, PATIENT),
  },
  {
    op: "updateFeatures",
    prepare: async (cluster) => {
      for (const { id } of cluster.brokers)
        await cluster.change(id, { features: { "group.version": { min: 0, max: 2 } } });
    },
    ask: (admin) => admin.updateFeatures({ "group.version": { level: 2 } }, PATIENT),
  },
  {
    op: "alterConfigs",
    prepare: (cluster) => cluster.topic("orders", { replicas: [[2, 3]] }),
    ask: (admin) =>
      admin.alterConfigs(
        [
          {
            entity: { type: "topics", name: "orders" },
            changes: [{ op: "set", name: "min.insync.replicas", value: "2" }],
          },
        ],
        PATIENT,
      ),
  },
];

/** A cluster with controllers that do what administrators ask, and one who asks. */
import { adminOperations, type OperationOptions } from "../src/admin/operations.ts";
import { clusterAdmin } from "../src/admin/admin.ts";
import type { ClusterAdmin } from "../src/admin/api.ts";
import type { MakeDuty } from "../src/controller/duty.ts";
import { elections } from "../src/controller/duties/elections.ts";
import { reassignments } from "../src/controller/duties/reassignments.ts";
import { requestsDuty } from "../src/controller/duties/requests.ts";
import { topicsDuty } from "../src/controller/duties/topics.ts";
import { type ClusterOptions, startCluster, type TestCluster } from "./cluster.ts";
import { type Candidate, standAll } from "./controllers.ts";

export function duties(options?: OperationOptions): MakeDuty[] {
  return [elections, topicsDuty, requestsDuty(adminOperations(options)), reassignments];
}

export interface Administered extends AsyncDisposable {
  readonly cluster: TestCluster;
  readonly admin: ClusterAdmin;
  readonly candidates: readonly Candidate[];
}

/** Broker 1 is controller. */
export async function administered(options: ClusterOptions & OperationOptions = {}): Promise<Administered> {
  const cluster = await startCluster(options);
  const candidates = await standAll(cluster, duties(options));
  const admin = await clusterAdmin(cluster.client, { cluster: "test" });
  return { cluster, admin, candidates, [Symbol.asyncDispose]: () => cluster.close() };
}

/** What stands below a path, without what differs from run to run: paths with their data as text. */
export function treeBelow({ server }: TestCluster, path: string): Record<string, string> {
  const decoder = new TextDecoder();
  const below = server.dump().filter((node) => node.path.startsWith(`${path}/`));
  return Object.fromEntries(
    below.map(({ path: at, data }) => [at.slice(path.length), data === null ? "" : decoder.decode(data)]),
  );
}

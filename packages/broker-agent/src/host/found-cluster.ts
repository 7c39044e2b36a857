/**
 * The cluster that a broker is to be part of: made by whoever comes first, in one transaction, read by everybody else.
 *
 * Writes nothing if the broker may not be part of what it finds.
 */
import { type Client, CorralError, type Deadline, isCorralError, json, op } from "@corral/client";
import { drawName } from "../draw.ts";
import { type ClusterPaths, partsOf } from "../layout.ts";
import { clusterCodec, type ClusterRecord } from "../records.ts";
import type { BrokerAgentOptions } from "./api.ts";

const OP = "startBroker";
const codec = json<ClusterRecord | null>({ empty: null });

type Wanted = Pick<BrokerAgentOptions, "clusterId" | "features">;

/** `BAD_ARGUMENTS` if it is another cluster than the broker's, one whose features the broker does not have, or one that is not restored yet. */
export async function findOrFound(
  client: Client,
  paths: ClusterPaths,
  wanted: Wanted,
  deadline: Deadline,
): Promise<ClusterRecord> {
  const found = await read(client, paths, deadline);
  if (found === undefined) {
    if (wanted.clusterId !== undefined) {
      throw refused(paths, "clusterId", `there is no cluster here, and this broker is of cluster ${wanted.clusterId}`);
    }
    const founded = await foundAnew(client, paths, wanted, deadline);
    if (founded !== undefined) return founded;
    return findOrFound(client, paths, wanted, deadline);
  }
  if (found === null) throw refused(paths, "clusterId", "the cluster here is being restored, and is not complete yet");
  checkCluster(found, paths, wanted);
  return found;
}

/** Throws as `findOrFound` does. */
export function checkCluster(cluster: ClusterRecord, paths: ClusterPaths, { clusterId, features = {} }: Wanted): void {
  if (clusterId !== undefined && cluster.clusterId !== clusterId) {
    throw refused(paths, "clusterId", `the cluster here is ${cluster.clusterId}, and this broker is of ${clusterId}`);
  }
  for (const [name, level] of Object.entries(cluster.features)) {
    // Level 0 is without it.
    const { min, max } = features[name] ?? { min: 0, max: 0 };
    if (level >= min && level <= max) continue;
    throw refused(
      paths,
      `features.${name}`,
      `the cluster acts by level ${level} of feature ${name}, and this broker has levels ${min} to ${max}`,
    );
  }
}

/** Undefined: there is none; null: it is being restored. */
async function read(
  client: Client,
  paths: ClusterPaths,
  deadline: Deadline,
): Promise<ClusterRecord | null | undefined> {
  const found = await client.find(paths.cluster, { ...deadline.rest(), codec, consistency: "linearizable" });
  return found?.value;
}

/** Undefined: somebody else was quicker. */
async function foundAnew(
  client: Client,
  paths: ClusterPaths,
  { features = {} }: Wanted,
  deadline: Deadline,
): Promise<ClusterRecord | undefined> {
  const levels = Object.entries(features).map(([name, { max }]) => [name, max] as const);
  const record: ClusterRecord = {
    format: 1,
    clusterId: drawName(client.random),
    features: Object.fromEntries(levels),
  };
  const { cluster } = paths;
  try {
    await client.multi(
      [
        op.create(cluster, record, { codec: clusterCodec, parents: true }),
        ...partsOf(paths).map((path) => op.create(path)),
      ],
      deadline.rest(),
    );
    return record;
  } catch (error) {
    if (isCorralError(error, "NODE_EXISTS")) return undefined;
    throw error;
  }
}

function refused(paths: ClusterPaths, name: string, means: string): CorralError {
  return new CorralError("BAD_ARGUMENTS", { op: OP, detail: { path: paths.cluster, name }, outcome: "no", means });
}

/**
 * Starting a broker in its cluster: finds or founds the cluster, loads its image, takes the broker's place.
 *
 * Leaves nothing behind where it fails, but a cluster that it founded and a number that it drew.
 */
import type { Client, Deadline } from "@corral/client";
import type { BrokerAgent, BrokerAgentOptions } from "./host/api.ts";
import { Agent, type AgentParts } from "./host/agent.ts";
import { checkOptions } from "./host/check-options.ts";
import { dutiesOf } from "./host/duties.ts";
import { checkEndpointsFree, enroll } from "./host/enroll.ts";
import { drawName } from "./draw.ts";
import { checkCluster, findOrFound } from "./host/found-cluster.ts";
import { ClusterImage } from "./image/cluster-image.ts";
import { type ClusterPaths, pathsOf } from "./layout.ts";
import type { BrokerRecord } from "./records.ts";

/**
 * Resolves when the broker is registered. Rejects with
 * - RangeError or TypeError: an option that cannot be meant;
 * - `BAD_ARGUMENTS`: it is of another cluster, or lacks features that this cluster acts by (KIP-584); nothing was written;
 * - `NODE_EXISTS`: another broker has its id, or one of its endpoints; the message says which;
 * - `TIMEOUT`, `ABORTED`, or what the server has against it.
 */
export async function startBroker(client: Client, options: BrokerAgentOptions): Promise<BrokerAgent> {
  checkOptions(options);
  const duties = dutiesOf(options);
  const { signal, onDuplicate = "error", cluster: name, root } = options;
  const timeoutMs = options.timeoutMs ?? (onDuplicate === "wait" ? Infinity : undefined);
  const deadline = client.deadline("startBroker", { signal, timeoutMs });
  const paths = pathsOf(name, root);
  const cluster = await findOrFound(client, paths, options, deadline);
  const image = await openImage(client, paths, deadline);
  try {
    return await startIn({ client, image, cluster, options, duties }, deadline);
  } catch (error) {
    await image.close();
    throw error;
  }
}

/** The signal ends the start, not what was started. */
async function openImage(client: Client, paths: ClusterPaths, deadline: Deadline): Promise<ClusterImage> {
  const opening = ClusterImage.open(client, paths, { timeoutMs: deadline.rest().timeoutMs });
  try {
    return await deadline.race(opening);
  } catch (error) {
    opening.then(
      (image) => image.close(),
      () => undefined,
    );
    throw error;
  }
}

async function startIn(parts: Omit<AgentParts, "registration" | "record">, deadline: Deadline): Promise<BrokerAgent> {
  const { client, image, cluster, options } = parts;
  const { id, endpoints, rack = null, features = {}, startAs = "active", onDuplicate = "error" } = options;
  const said: Omit<BrokerRecord, "id"> = {
    incarnation: drawName(client.random),
    endpoints,
    rack,
    features,
    status: startAs,
    failedReplicas: [],
    seenZxid: null,
  };
  const { registration, own } = await enroll(client, image, { record: said, id, onDuplicate }, deadline);
  try {
    await image.atLeast(registration.guard.czxid, deadline.rest());
    registration.signal.throwIfAborted();
    // Who came at the same moment could not be seen before.
    checkEndpointsFree(image, own, endpoints, registration.guard.czxid);
    checkCluster(image.cluster ?? cluster, image.paths, { ...options, clusterId: cluster.clusterId });
    return new Agent({ ...parts, registration, record: { ...said, id: own } });
  } catch (error) {
    await registration[Symbol.asyncDispose]();
    throw error;
  }
}

/** Whether what a host gives can be meant. Every refusal is a RangeError or TypeError that says what, where, and which limit. */
import { BROKER_ID_MAX, checkInteger } from "../check.ts";
import type { Endpoint } from "../records.ts";
import type { BrokerAgentOptions } from "./api.ts";
import { ENDPOINTS_MAX, FAILED_REPLICAS_MAX, FEATURES_MAX, ON_DISK_MAX } from "./limits.ts";

const PORT_MAX = 65_535;
const FEATURE_LEVEL_MAX = 32_767;

export function checkOptions({
  cluster,
  id,
  endpoints,
  features = {},
  clusterId,
  onDisk = [],
}: BrokerAgentOptions): void {
  if (cluster === "") throw new RangeError("cluster: the name is empty");
  if (id !== "auto") checkInteger(id, "id", 0, BROKER_ID_MAX);
  checkEndpoints(endpoints);
  checkCount(Object.keys(features), "features", FEATURES_MAX);
  for (const [name, { min, max }] of Object.entries(features)) {
    checkInteger(min, `features.${name}.min`, 0, FEATURE_LEVEL_MAX);
    checkInteger(max, `features.${name}.max`, min, FEATURE_LEVEL_MAX);
  }
  checkCount(onDisk, "onDisk", ON_DISK_MAX);
  if (onDisk.length > 0 && clusterId === undefined) {
    throw new TypeError(
      "onDisk wants clusterId: in another cluster nothing of it would be known, and all of it be dropped",
    );
  }
}

export function checkEndpoints(endpoints: readonly Endpoint[]): void {
  if (endpoints.length === 0) throw new RangeError("endpoints is empty; a broker has 1 at least");
  checkCount(endpoints, "endpoints", ENDPOINTS_MAX);
  for (const [at, { host, port }] of endpoints.entries()) {
    if (host === "") throw new RangeError(`endpoints[${at}].host is empty`);
    checkInteger(port, `endpoints[${at}].port`, 1, PORT_MAX);
  }
  checkDistinct(endpoints, "name", ({ name }) => name);
  checkDistinct(endpoints, "host and port", ({ host, port }) => `${host.toLowerCase()}:${port}`);
}

export function checkFailedReplicas(failed: readonly string[]): void {
  checkCount(failed, "failed", FAILED_REPLICAS_MAX);
  const wrong = failed.find((replica) => !/^[^/]+\/\d+$/.test(replica));
  if (wrong !== undefined) throw new RangeError(`failed has '${wrong}', which is no <topicId>/<n>`);
}

function checkDistinct(endpoints: readonly Endpoint[], what: string, of: (endpoint: Endpoint) => string): void {
  const seen = new Set<string>();
  for (const endpoint of endpoints) {
    if (seen.has(of(endpoint))) throw new RangeError(`endpoints has the ${what} ${of(endpoint)} twice`);
    seen.add(of(endpoint));
  }
}

function checkCount(list: readonly unknown[], what: string, max: number): void {
  if (list.length > max) throw new RangeError(`${what} has ${list.length} entries, more than ${max}`);
}

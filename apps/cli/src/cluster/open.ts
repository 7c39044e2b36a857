/** The cluster that a command is for: found by its name, or by being the only one. */
import type { ClusterAdmin } from "@corral/broker-agent";
import type { Client } from "@corral/client";
import type { Call } from "../command.ts";
import { didYouMean } from "../nearest.ts";
import { notFound } from "../not-found.ts";
import { UsageError } from "../usage-error.ts";
import { inTree } from "./place.ts";

const CLUSTERS = "/clusters";
/** Names of clusters in a message at most. */
const NAMES_MAX = 20;

/** Runs with the administration of the cluster, and closes it. */
export async function withCluster(
  call: Pick<Call, "connect" | "flags" | "env">,
  act: (admin: ClusterAdmin) => Promise<void>,
): Promise<void> {
  const root = inTree("--root", call.flags.get("root")?.[0] ?? CLUSTERS);
  const named = call.flags.get("cluster")?.[0] ?? call.env["CORRAL_CLUSTER"];
  // Both take their time: so at once.
  const [client, { clusterAdmin }] = await Promise.all([call.connect(), import("@corral/broker-agent")]);
  const cluster = await clusterAt(client, root, named === "" ? undefined : named);
  await using admin = await clusterAdmin(client, { cluster, root, by: byOf(call.env) });
  try {
    await act(admin);
  } catch (error) {
    throw await withReason(error, cluster, admin);
  }
}

/** Why nobody answered, where that can be seen. */
async function withReason(error: unknown, cluster: string, admin: ClusterAdmin): Promise<unknown> {
  const { CorralError, isCorralError } = await import("@corral/client");
  if (!isCorralError(error, "TIMEOUT") || admin.image.signal.aborted || [...admin.image.brokers()].length > 0)
    return error;
  const means = `no broker of ${cluster} is registered, so there is no controller to do it`;
  return new CorralError("TIMEOUT", { op: error.op, outcome: error.outcome, means, cause: error });
}

/** For the records of changes: who it was, as far as the command line knows. */
function byOf(env: Call["env"]): string {
  const user = env["USER"] ?? env["USERNAME"] ?? "";
  return user === "" ? "corral" : `corral ${user}`.slice(0, 200);
}

async function clusterAt(client: Client, root: string, named: string | undefined): Promise<string> {
  const names = (await client.exists(root)) ? (await client.children(root)).map(decoded).toSorted() : [];
  if (named !== undefined && names.includes(named)) return named;
  if (named !== undefined) {
    const means = `there is no cluster ${named} in ${root}${didYouMean(named, names)}`;
    throw await notFound("cluster", `${root}/${named}`, means);
  }
  if (names.length === 1) return names[0]!;
  if (names.length === 0) {
    throw await notFound("cluster", root, "there is no cluster: a broker makes it when it starts");
  }
  throw new UsageError(`which cluster? --cluster ${names.slice(0, NAMES_MAX).join(", --cluster ")}`);
}

/** As the znode is called, if nobody who makes clusters can have called it so. */
function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

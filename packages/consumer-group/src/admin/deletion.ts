/**
 * Deleting a group: only when it has no members and nothing of it is claimed, proved on the server; whoever joins in between makes the rest of the
 * deletion fail, and goes on from what is left.
 */
import {
  type Client,
  CorralError,
  type Deadline,
  isCorralError,
  op as operation,
  type Operation,
} from "@corral/client";
import type { GroupPaths } from "../layout.ts";

/** Znodes of one transaction. */
const NODES_MAX = 10_000;
/** Topics with claims, of one transaction. */
const TOPICS_MAX = 1_000;

export async function deleteGroup(client: Client, paths: GroupPaths, deadline: Deadline): Promise<void> {
  if (!(await client.exists(paths.group, deadline.rest())))
    throw new CorralError("NO_NODE", { op: "deleteGroup", detail: { path: paths.group } });
  await closeDoors(client, paths, deadline);
  const guard = [
    { path: paths.members, absent: true as const },
    { path: paths.own, absent: true as const },
  ];
  const how = { recursive: true, missing: "ok", nodesMax: NODES_MAX } as const;
  try {
    // A group may have more offsets than one transaction deletes.
    for (const topic of await childrenOf(client, paths.offsets, deadline))
      await client.delete(`${paths.offsets}/${topic}`, { ...deadline.rest(), ...how, guard });
    await client.delete(paths.group, { ...deadline.rest(), ...how, guard });
  } catch (error) {
    if (!isCorralError(error, "GUARD_FAILED")) throw error;
    throw inUse(error.path ?? paths.group, error);
  }
}

/** The places of members and claims go first: they go only if they are empty, and all at once. */
async function closeDoors(client: Client, paths: GroupPaths, deadline: Deadline): Promise<void> {
  const topics = await childrenOf(client, paths.own, deadline);
  if (topics.length > TOPICS_MAX) {
    const detail = { path: paths.own, name: "topics", limit: TOPICS_MAX, actual: topics.length };
    throw new CorralError("LIMIT_EXCEEDED", { op: "deleteGroup", detail, outcome: "no" });
  }
  const doors: Operation<unknown>[] = topics.map((topic) => operation.delete(`${paths.own}/${topic}`));
  for (const path of [paths.own, paths.members])
    if (await client.exists(path, deadline.rest())) doors.push(operation.delete(path));
  try {
    if (doors.length > 0) await client.multi(doors, deadline.rest());
  } catch (error) {
    if (!isCorralError(error, "NOT_EMPTY")) throw error;
    throw inUse(error.path ?? paths.group, error);
  }
}

function inUse(path: string, cause: CorralError): CorralError {
  const means = "the group has members, or partitions that are claimed";
  return new CorralError("NOT_EMPTY", { op: "deleteGroup", detail: { path }, outcome: "no", means, cause });
}

async function childrenOf(client: Client, path: string, deadline: Deadline): Promise<string[]> {
  try {
    return await client.children(path, deadline.rest());
  } catch (error) {
    if (isCorralError(error, "NO_NODE")) return [];
    throw error;
  }
}

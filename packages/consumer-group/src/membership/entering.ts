/**
 * What a member does on the server besides its own znode: makes the group's tree, looks whether there is room, tells that its instance is in
 * or away, and clears away what the process before it has claimed.
 */
import { type Client, CorralError, type Deadline, type Guard, isCorralError, op } from "@corral/client";
import { claimCodec, type GroupRecord, groupCodec, instanceCodec, type InstanceRecord } from "../records.ts";
import { type ClaimNode, deleteClaims } from "./delete-claims.ts";
import type { Settings } from "./options.ts";

/** Claims read at once, at most. */
const CLAIMS_MAX = 2_000_000;

/** Makes the group's tree unless it is there. Rejects with `LIMIT_EXCEEDED` where there is no room. */
export async function prepare(client: Client, { paths, groupMembersMax }: Settings, deadline: Deadline): Promise<void> {
  const stat = await client.stat(paths.members, deadline.rest());
  if (stat !== undefined) {
    if (stat.numChildren >= groupMembersMax) throw full(paths.members, groupMembersMax, stat.numChildren + 1);
    return;
  }
  const empty: GroupRecord = { format: 1, epoch: 0, assignmentEpoch: 0, assignor: null, emptySinceMs: null };
  const below = [paths.members, paths.instances, paths.targets, paths.own, paths.offsets];
  const made = await client.multiEach(
    [op.create(paths.group, empty, { codec: groupCodec, parents: true }), ...below.map((path) => op.create(path))],
    deadline.rest(),
  );
  for (const result of made) if (!result.ok && result.error.code !== "NODE_EXISTS") throw result.error;
}

/** Of those that came at once some may be too many: those who came last. By the order in which their znodes were made. */
export async function checkRoom(
  client: Client,
  { paths, groupMembersMax }: Settings,
  path: string,
  deadline: Deadline,
): Promise<void> {
  const stat = await client.stat(paths.members, deadline.rest());
  if (stat === undefined || stat.numChildren <= groupMembersMax) return;
  const names = await client.children(paths.members, deadline.rest());
  const rank = names.indexOf(path.slice(paths.members.length + 1));
  if (rank >= groupMembersMax) throw full(paths.members, groupMembersMax, rank + 1);
}

function full(path: string, limit: number, actual: number): CorralError {
  const detail = { path, name: "groupMembersMax", limit, actual };
  return new CorralError("LIMIT_EXCEEDED", {
    op: "joinGroup",
    detail,
    means: "the group has no room for another member",
  });
}

/** `guard`: of the member's life. */
export async function tellIn(
  client: Client,
  settings: Settings,
  instance: string,
  guard: Guard,
  deadline: Deadline,
): Promise<void> {
  const path = settings.paths.instance(instance);
  const record = recordOf(client, settings, "in");
  const now = await client.find(path, { ...deadline.rest(), codec: instanceCodec });
  if (now?.value.state === "in" && now.value.graceMs === record.graceMs) return;
  await client.update(path, () => record, {
    ...deadline.rest(),
    codec: instanceCodec,
    create: { parents: true },
    guard,
  });
}

/** It is away, and its member gone, in one transaction: so that the leader never sees the one without the other. */
export async function leaveForAWhile(
  client: Client,
  settings: Settings,
  instance: string,
  life: Guard & { readonly czxid: number },
  deadline: Deadline,
): Promise<void> {
  const path = settings.paths.instance(instance);
  const record = recordOf(client, settings, "away");
  for (;;) {
    const isThere = await client.exists(path, deadline.rest());
    const tell = isThere
      ? op.set(path, record, { codec: instanceCodec })
      : op.create(path, record, { codec: instanceCodec, parents: true });
    try {
      await client.multi([op.delete(life.path, { ifMatch: { czxid: life.czxid } }), tell], deadline.rest());
      return;
    } catch (error) {
      // Somebody was quicker, but not with the member.
      if (!isCorralError(error, "NO_NODE", "NODE_EXISTS") || error.path !== path) throw error;
    }
  }
}

function recordOf(client: Client, { instanceGraceMs }: Settings, state: InstanceRecord["state"]): InstanceRecord {
  return { state, sinceMs: client.clock.wallMs(), graceMs: instanceGraceMs };
}

/**
 * Deletes what earlier lives of this instance have claimed and still hold: one that was taken over goes on until it is told. `life`: the present
 * one; what is younger than it is its own.
 */
export async function releaseForeign(
  client: Client,
  { paths }: Settings,
  instance: string,
  life: Guard & { readonly czxid: number },
  deadline: Deadline,
): Promise<void> {
  const { entries } = await client.readTree(paths.own, { ...deadline.rest(), entriesMax: CLAIMS_MAX });
  const foreign: ClaimNode[] = [];
  for (const { path, value, stat } of entries.values()) {
    if (stat.ephemeralOwner === 0 || stat.czxid > life.czxid) continue;
    if (claimCodec.decode(value).member === instance) foreign.push({ path, czxid: stat.czxid });
  }
  await deleteClaims(client, foreign, [life], () => deadline.rest());
}

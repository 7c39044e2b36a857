/**
 * Offsets that nobody needs any more: of a group that has had no members for a while, and of topics that no member subscribes to. The latter is
 * a duty of the group's leader.
 *
 * Kafka: offsets.retention.minutes; KIP-211, KIP-496.
 */
import { type Client, type Deadline, isCorralError, op } from "@corral/client";
import { decodeName, type GroupPaths } from "../layout.ts";
import type { LeaderDuty, Leading } from "../membership/leader/duty.ts";
import { patternOf } from "../membership/options.ts";
import { groupCodec } from "../records.ts";
import { deleteOffsets, offsetsOf, orNull } from "./offsets.ts";

const RETENTION_MS = 7 * 24 * 3_600_000;
/** A leader looks no more often, milliseconds. */
const LOOK_INTERVAL_MS = 600_000;
/** A leader writes the group's record at least so often, milliseconds. */
const ALIVE_INTERVAL_MS = 3_600_000;
/** Offsets that are deleted in one look; the rest follows at the next. */
const EXPIRED_MAX = 1_000;

export function retentionOf(retentionMs: number = RETENTION_MS): number {
  if (retentionMs > 0) return retentionMs;
  throw new RangeError(`offsetRetentionMs is ${retentionMs}, but must be greater than 0`);
}

/**
 * Of topics that nobody subscribes to, offsets that were committed so long ago and are not claimed. Also keeps the group's record young: by that it
 * is known when the last member lived, if it could not say so itself.
 */
export function offsetRetention(options: { readonly retentionMs?: number | undefined }): LeaderDuty {
  const retentionMs = retentionOf(options.retentionMs);
  let nextMs = 0;
  let aliveMs = 0;
  return async (leading) => {
    const { client, paths, leadership, signal } = leading;
    const nowMs = client.clock.monotonicMs();
    const deadline = client.deadline("offsetRetention", { signal, timeoutMs: Infinity });
    if (nowMs >= aliveMs) {
      aliveMs = nowMs + ALIVE_INTERVAL_MS;
      await tellAlive(leading, deadline);
    }
    if (nowMs < nextMs) return;
    nextMs = nowMs + Math.min(LOOK_INTERVAL_MS, retentionMs);
    const isSubscribed = subscribedIn(leading);
    const topics = (await topicsWithOffsets(client, paths, deadline)).filter((topic) => !isSubscribed(topic));
    if (topics.length === 0) return;
    const beforeMs = (await serverTimeMs(client, paths, deadline)) - retentionMs;
    for (const topic of topics) {
      const known = await offsetsOf(client, paths, deadline, topic);
      const expired = known.filter(({ mtimeMs }) => mtimeMs <= beforeMs);
      await deleteUnclaimed(client, paths, expired.slice(0, EXPIRED_MAX), deadline, leadership.guard);
    }
  };
}

async function tellAlive({ client, paths, leadership, view }: Leading, deadline: Deadline): Promise<void> {
  const record = view.group.get(paths.group);
  if (record === undefined) return;
  await client.set(paths.group, record.value, { ...deadline.rest(), codec: groupCodec, guard: leadership.guard });
}

/** One by one where some are claimed: a claimed one is needed. */
async function deleteUnclaimed(
  client: Client,
  paths: GroupPaths,
  expired: Awaited<ReturnType<typeof offsetsOf>>,
  deadline: Deadline,
  guard: Leading["leadership"]["guard"],
): Promise<void> {
  try {
    await deleteOffsets(client, paths, expired, deadline, [guard]);
  } catch (error) {
    if (!isCorralError(error, "NODE_EXISTS", "NO_NODE", "BAD_VERSION")) throw error;
    if (expired.length > 1) for (const one of expired) await deleteUnclaimed(client, paths, [one], deadline, guard);
  }
}

function subscribedIn({ view, paths }: Leading): (topic: string) => boolean {
  const names = new Set<string>();
  const patterns: RegExp[] = [];
  for (const { path, value } of view.members.entries()) {
    if (!path.startsWith(`${paths.members}/`)) continue;
    if ("topics" in value.subscription) for (const topic of value.subscription.topics) names.add(topic);
    else {
      try {
        patterns.push(patternOf(value.subscription.pattern));
      } catch (error) {
        // The leader has told that member so; it subscribes to nothing.
        if (!(error instanceof TypeError)) throw error;
      }
    }
  }
  return (topic) => names.has(topic) || patterns.some((pattern) => pattern.test(topic));
}

async function topicsWithOffsets(client: Client, paths: GroupPaths, deadline: Deadline): Promise<string[]> {
  try {
    return (await client.children(paths.offsets, deadline.rest())).flatMap((name) => decodeName(name) ?? []);
  } catch (error) {
    if (isCorralError(error, "NO_NODE")) return [];
    throw error;
  }
}

/**
 * All offsets of a group that has been without members for so long. Guarded: whoever joins meanwhile changes the group's record. Resolves with
 * how many there were.
 */
export async function expireOffsets(
  client: Client,
  paths: GroupPaths,
  retentionMs: number,
  deadline: Deadline,
): Promise<number> {
  const group = await client.find(paths.group, { ...deadline.rest(), codec: orNull(groupCodec) });
  if (group === undefined) return 0;
  const { mtime, mzxid } = group.stat;
  // Of one that was not told, the last sign of life may be so old.
  const untoldMs = group.value?.emptySinceMs === null ? 2 * ALIVE_INTERVAL_MS : 0;
  const emptyUntilMs = mtime + untoldMs + retentionMs;
  // A clock of this process that is wrong may keep offsets, and deletes none.
  if (emptyUntilMs > client.clock.wallMs()) return 0;
  const members = await client.stat(paths.members, deadline.rest());
  if (members === undefined || members.numChildren > 0) return 0;
  const nowMs = await serverTimeMs(client, paths, deadline);
  if (emptyUntilMs > nowMs) return 0;
  const known = await offsetsOf(client, paths, deadline);
  const expired = known.filter(({ mtimeMs }) => mtimeMs + retentionMs <= nowMs);
  return deleteOffsets(client, paths, expired, deadline, [{ path: paths.group, mzxid }]);
}

/** The server tells its time with a write. */
async function serverTimeMs(client: Client, { group }: GroupPaths, deadline: Deadline): Promise<number> {
  const path = `${group}/now`;
  const [{ stat }] = await client.multi([op.create(path), op.delete(path)], deadline.rest());
  return stat.ctime;
}

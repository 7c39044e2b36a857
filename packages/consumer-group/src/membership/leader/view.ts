/** What the leader of a group sees of it: five caches, opened when its term begins and closed when it ends. Decides nothing. */
import type { Client } from "@corral/client";
import { type Cache, cache, type CacheEntry } from "@corral/recipes";
import { decodeName, type GroupPaths } from "../../layout.ts";
import {
  claimCodec,
  type ClaimRecord,
  groupCodec,
  type GroupRecord,
  instanceCodec,
  type InstanceRecord,
  memberCodec,
  type MemberRecord,
  targetCodec,
  type TargetRecord,
} from "../../records.ts";

/** Znodes of one cache, at most: `own` has one for each partition that is consumed. */
const ENTRIES_MAX = 2_000_000;
/** Bytes of one cache, at most. */
const BYTES_MAX: number = 512 * 1024 * 1024;

/** Each shows the group at a zxid of its own: whatever is decided by two of them is checked again by the guards of the write. */
export interface GroupView {
  readonly group: Cache<GroupRecord>;
  readonly members: Cache<MemberRecord>;
  readonly instances: Cache<InstanceRecord>;
  readonly targets: Cache<TargetRecord>;
  readonly own: Cache<ClaimRecord>;
}

/** The signal closes them. */
export async function openView(client: Client, paths: GroupPaths, signal: AbortSignal): Promise<GroupView> {
  const own = new AbortController();
  const close = (): void => own.abort();
  signal.addEventListener("abort", close);
  const how = { signal: own.signal, timeoutMs: Infinity, entriesMax: ENTRIES_MAX, bytesMax: BYTES_MAX };
  try {
    const [group, members, instances, targets, claims] = await Promise.all([
      cache(client, paths.group, { ...how, scope: "node", codec: groupCodec }),
      cache(client, paths.members, { ...how, scope: "children", codec: memberCodec }),
      cache(client, paths.instances, { ...how, scope: "children", codec: instanceCodec }),
      cache(client, paths.targets, { ...how, scope: "children", codec: targetCodec }),
      cache(client, paths.own, { ...how, scope: "tree", codec: claimCodec }),
    ]);
    return { group, members, instances, targets, own: claims };
  } catch (error) {
    // Those that could be opened.
    signal.removeEventListener("abort", close);
    close();
    throw error;
  }
}

/** The children of `parent` by the names that they stand for; without what nobody can have put there by this package. */
export function* named<T>(children: Cache<T>, parent: string): Generator<[name: string, entry: CacheEntry<T>]> {
  for (const entry of children.entries()) {
    const name = entry.path.startsWith(`${parent}/`) ? decodeName(entry.path.slice(parent.length + 1)) : undefined;
    if (name !== undefined) yield [name, entry];
  }
}

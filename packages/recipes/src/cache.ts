/**
 * A subtree in memory, all of it, kept as it is on the server by one subscription. Curator's NodeCache, PathChildrenCache, TreeCache
 * and CuratorCache, kazoo's DataWatch, ChildrenWatch and TreeCache, etcd's mirror.
 *
 * Complete or over: whoever asks it for a znode and gets none knows that there is none. What is too much for its bounds ends it, with
 * `LIMIT_EXCEEDED` to every reader; nothing is ever dropped in silence. So it is the one to take for whatever is listed, counted, watched
 * or decided by: members, configuration, assignments. `client.cache()` of the SDK is the other one, for reading a part of something
 * large often: it drops what was not used for long, and reads that again when it is asked for.
 *
 * What is read is the state at one zxid, never half a transaction, and never half a subtree: while the server sends the subtree
 * again, because history was forgotten, the last known state stays, marked `resyncing`, and is exchanged in one turn.
 *
 * Never asks for a znode. Reconnects and new sessions cost one request, and the changes that were missed.
 */
import type { Client } from "@corral/client";
import type { Cache, CacheOptions } from "./cache/api.ts";
import { SubscribedCache } from "./cache/subscribed-cache.ts";

export type { Cache, CacheOptions, ChangesOptions, Freshness } from "./cache/api.ts";
export type { CacheChange } from "./cache/changes.ts";
export type { CacheEntry } from "./cache/contents.ts";

/** Znodes, unless told otherwise. */
const CACHE_ENTRIES_MAX = 100_000;
/** Bytes of data and paths, as they are on the server, unless told otherwise. While resyncing, two states are in memory. */
const CACHE_BYTES_MAX: number = 64 * 1024 * 1024;

/**
 * Resolves when it is in sync. There need be no znode: it is empty then, until there is one. Rejects with `TIMEOUT`, `ABORTED`, `LIMIT_EXCEEDED`, or what
 * the server has against it.
 */
export async function cache<T = Uint8Array | null>(
  client: Client,
  path: string,
  options: CacheOptions<T> = {},
): Promise<Cache<T>> {
  const { scope = "tree", codec, filter, signal, entriesMax = CACHE_ENTRIES_MAX, bytesMax = CACHE_BYTES_MAX } = options;
  const opening = new SubscribedCache<T>(client, path, { scope, codec, filter, signal, entriesMax, bytesMax });
  try {
    await opening.open(options);
    return opening;
  } catch (error) {
    await opening.close();
    throw error;
  }
}

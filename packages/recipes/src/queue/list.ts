/** The queue as people want to see it. */
import { type Client, isCorralError, type ListOptions, type ReadOptions } from "@corral/client";
import { contenderData } from "../hold/contender-data.ts";
import { idOf } from "./layout.ts";
import { type JobRecord, jobRecord } from "./record.ts";
import type { QueueSetup } from "./setup.ts";

export interface ListedJob<T> {
  readonly id: string;
  readonly priority: number;
  /** Undefined where the codec refuses it. */
  readonly value: T | undefined;
  /** How often it has been taken. */
  readonly attempts: number;
  /** `delayed`: not due yet. */
  readonly state: "free" | "taken" | "delayed";
  /** Of whoever has it, or delayed it. */
  readonly by: string | undefined;
  /** Unless it is free: the claim's znode. To delete it is to take the job away from its holder, or to make it due. */
  readonly claim: string | undefined;
  /** Why it was given back last, if whoever did that said so. */
  readonly reason: string | undefined;
  /** Log-clock time of its being put, milliseconds since 1970. */
  readonly since: number;
}

interface Claim {
  readonly path: string;
  readonly by: string;
  readonly isTaken: boolean;
}

/** In the order of the queue. Page by page, so it is of no single moment. */
export async function* listJobs<T>(
  { client, paths, codec }: QueueSetup<T>,
  options?: ReadOptions,
): AsyncGenerator<ListedJob<T>, void, undefined> {
  const claims = new Map<string, Claim>();
  for await (const { name, path, value, stat } of childrenOf(client, paths.claims, {
    ...options,
    codec: contenderData,
  }))
    claims.set(name, { path, by: value?.identity ?? "", isTaken: stat !== undefined && stat.ephemeralOwner !== 0 });
  for (const [priority, path] of paths.items.entries()) {
    for await (const { name, value: record, stat } of childrenOf(client, path, { ...options, codec: jobRecord })) {
      if (record === undefined || stat === undefined) continue;
      const claim = claims.get(name);
      yield {
        id: idOf(name),
        priority,
        value: valueOf(codec, record),
        attempts: record.attempts,
        state: claim === undefined ? "free" : claim.isTaken ? "taken" : "delayed",
        by: claim?.by,
        claim: claim?.path,
        reason: record.reason,
        since: stat.ctime,
      };
    }
  }
}

/** With data; none where there is no such znode. */
export async function* childrenOf<V>(
  client: Client,
  path: string,
  options: ListOptions<V>,
): ReturnType<typeof client.list<V>> {
  try {
    yield* client.list(path, { ...options, include: "data" });
  } catch (error) {
    if (!isCorralError(error, "NO_NODE")) throw error;
  }
}

export function valueOf<T>(codec: QueueSetup<T>["codec"], { value }: JobRecord): T | undefined {
  try {
    return codec.decode(value);
  } catch {
    // Whoever lists wants to see it all the same.
    return undefined;
  }
}

/** A target as a member is told of it. Pure. */
import type { CacheEntry } from "@corral/recipes";
import type { TargetRecord } from "../records.ts";
import type { Target } from "./api.ts";

/** Undefined if there is nothing new to tell. One that was deleted is one of nothing. */
export function targetOf(
  path: string,
  entry: CacheEntry<TargetRecord> | undefined,
  told: Target | undefined,
): Target | undefined {
  if (entry === undefined) {
    if (told === undefined || "absent" in told.guard) return undefined;
    return { epoch: told.epoch, partitions: new Map(), refused: undefined, guard: { path, absent: true } };
  }
  const { value, stat } = entry;
  if (told !== undefined && "mzxid" in told.guard && told.guard.mzxid === stat.mzxid) return undefined;
  return {
    epoch: value.epoch,
    partitions: new Map(Object.entries(value.partitions)),
    refused: value.refused,
    guard: { path, mzxid: stat.mzxid },
  };
}

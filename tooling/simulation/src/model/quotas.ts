/**
 * Quotas, by counting anew each time: limits stand as text below /zookeeper/quota, and are compared with what there is at and
 * below the path that they are for. Knows the hard limits only; nobody in the simulation has the usage written down.
 */
import type { Options } from "@corral/state-machine";
import { isIn, type Tree } from "./tree.ts";

const ROOT = "/zookeeper/quota";
const LIMITS = "/zookeeper_limits";

/** May so many more znodes and bytes not be at this path? */
export function exceedsQuota(tree: Tree, options: Options, path: string, znodes: number, bytes: number): boolean {
  if (options.quotaEnforced === 0) return false;
  for (const [at, { data }] of tree) {
    if (!at.startsWith(`${ROOT}/`) || !at.endsWith(LIMITS)) continue;
    const target = at.slice(ROOT.length, -LIMITS.length);
    if (target === "" || isIn("/zookeeper", target) || !isIn(target, path)) continue;
    const text = data === null ? "" : Buffer.from(data).toString("latin1");
    const there = [...tree].filter(([each]) => isIn(target, each));
    const used = there.reduce((sum, [, node]) => sum + (node.data?.length ?? 0), 0);
    if (znodes > 0 && there.length + znodes > limitIn(text, "countHardLimit")) return true;
    if (bytes > 0 && used + bytes > limitIn(text, "byteHardLimit")) return true;
  }
  return false;
}

function limitIn(text: string, name: string): number {
  const found = new RegExp(`${name}=(-?\\d+)`).exec(text)?.[1];
  return found === undefined || Number(found) < 0 ? Number.POSITIVE_INFINITY : Number(found);
}

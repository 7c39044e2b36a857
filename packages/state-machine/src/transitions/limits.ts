/** Checks that several transitions share: size of a value, shape of a path, quotas. */
import { pathFault } from "@corral/protocol";
import type { Context } from "../context.ts";
import { type Refusal, refuse } from "../refusal.ts";

export function checkValue(cx: Context, path: string, data: Uint8Array | null): Refusal | undefined {
  const limit = cx.state.options.valueBytes;
  if (data === null || data.length <= limit) return undefined;
  return refuse("LIMIT_EXCEEDED", { path, name: "valueBytes", limit, actual: data.length });
}

export function checkPath(cx: Context, path: string): Refusal | undefined {
  const fault = pathFault(path, cx.state.options.pathBytes);
  return fault === undefined ? undefined : refuse("BAD_ARGUMENTS", { path, name: fault });
}

export function checkQuota(cx: Context, path: string, count: number, bytes: number): Refusal | undefined {
  const { options, quotas } = cx.state;
  if (options.quotaEnforced === 0) return undefined;
  const excess = quotas.excess(path, count, bytes);
  return excess === undefined ? undefined : refuse("QUOTA_EXCEEDED", excess);
}

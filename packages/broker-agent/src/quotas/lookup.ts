/**
 * Which quota holds for whom, in Kafka's order. Each key is looked up by itself: a client may have its rate of bytes from one entity and that of
 * its requests from another.
 */
import { canonicalIp, type ConfigEntity, entityName } from "../config/entity.ts";
import { faultOf } from "../config/value.ts";
import type { ClusterImage } from "../image/cluster-image.ts";
import { type ClientQuotaKey, type QuotaKey, QUOTAS } from "./keys.ts";

export interface QuotaClient {
  /** Who it has proved to be. Default: Kafka's `ANONYMOUS`. */
  readonly user?: string | undefined;
  /** What it calls itself. Default: it has no name. */
  readonly client?: string | undefined;
}

export interface Quota {
  /** In the unit of the key: bytes a second, percent, … */
  readonly limit: number;
  /** Whose quota it is. */
  readonly entity: ConfigEntity;
  /** Those with the same share the limit: a user's clients together, or each client of each user by itself. */
  readonly bucket: string;
}

const ANONYMOUS = "ANONYMOUS";

/** Undefined: no limit. RangeError for a name that is too long to have a quota: refuse whoever comes with one. */
export function quotaOf(image: ClusterImage, key: ClientQuotaKey, who: QuotaClient): Quota | undefined {
  const user = who.user === undefined || who.user === "" ? ANONYMOUS : who.user;
  const client = who.client === undefined || who.client === "" ? null : who.client;
  const pair = `users/${entityName({ type: "users", name: user, client })}`;
  const ofUser = `users/${entityName({ type: "users", name: user })}`;
  const ofClient = `clients/${entityName({ type: "clients", name: client })}`;
  // A client without a name is matched by the defaults alone: `client: null` is the default's own name then, and is looked up twice.
  const steps: readonly (readonly [entity: ConfigEntity, bucket: string])[] = [
    [{ type: "users", name: user, client }, pair],
    [{ type: "users", name: user, client: null }, pair],
    [{ type: "users", name: user }, ofUser],
    [{ type: "users", name: null, client }, pair],
    [{ type: "users", name: null, client: null }, pair],
    [{ type: "users", name: null }, ofUser],
    [{ type: "clients", name: client }, ofClient],
    [{ type: "clients", name: null }, ofClient],
  ];
  return firstOf(image, key, steps);
}

/** Undefined: no limit. `ip`: of the other end, as the socket has it. */
export function connectionQuotaOf(image: ClusterImage, ip: string): Quota | undefined {
  const bucket = `ips/${canonicalIp(ip)}`;
  return firstOf(image, "connection_creation_rate", [
    [{ type: "ips", name: ip }, bucket],
    [{ type: "ips", name: null }, bucket],
  ]);
}

function firstOf(
  image: ClusterImage,
  key: QuotaKey,
  steps: readonly (readonly [entity: ConfigEntity, bucket: string])[],
): Quota | undefined {
  for (const [entity, bucket] of steps) {
    const text = image.config(entity.type, entityName(entity))?.values[key];
    // What is against the rules of the quota does not count.
    if (text === undefined || faultOf(QUOTAS[key], text) !== undefined) continue;
    return { limit: Number(text), entity, bucket };
  }
  return undefined;
}

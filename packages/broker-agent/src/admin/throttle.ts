/** KIP-73 as alterations of settings: how fast replicas are copied, on which brokers, and of which partitions. */
import type { ConfigAlteration, ConfigOp } from "../config/alteration.ts";
import { type ConfigEntity, parseEntity } from "../config/entity.ts";
import { VALUE_CHARACTERS_MAX } from "../config/value.ts";
import type { ClusterImage } from "../image/cluster-image.ts";
import { listReassignments } from "./describe.ts";

const RATES = ["leader.replication.throttled.rate", "follower.replication.throttled.rate"] as const;
const LEADERS = "leader.replication.throttled.replicas";
const FOLLOWERS = "follower.replication.throttled.replicas";

export interface Throttled {
  readonly brokers?: readonly number[] | undefined;
  readonly topics?: readonly string[] | undefined;
}

/**
 * Of brokers the rates, of topics whose replicas they are for: all of those that are named, else those that move now. Default of brokers: all
 * that are registered.
 */
export function throttleWith(image: ClusterImage, bytesPerSecond: number, which: Throttled): ConfigAlteration[] {
  if (!Number.isSafeInteger(bytesPerSecond) || bytesPerSecond < 1) {
    throw new RangeError(`bytesPerSecond is ${bytesPerSecond}, not a whole number from 1`);
  }
  const brokers = which.brokers ?? [...image.brokers()].map(({ id }) => id);
  const replicas =
    which.topics === undefined ? movingReplicas(image) : new Map(which.topics.map((name) => [name, ALL]));
  return [
    ...brokers.map((id) => ({
      entity: { type: "brokers", name: String(id) } as const,
      changes: RATES.map((name) => ({ op: "set", name, value: String(bytesPerSecond) }) as const),
    })),
    ...[...replicas].map(([name, { leaders, followers }]) => ({
      entity: { type: "topics", name } as const,
      changes: [
        { op: "set", name: LEADERS, value: listed(leaders) },
        { op: "set", name: FOLLOWERS, value: listed(followers) },
      ] as const,
    })),
  ];
}

/** Of all that have any of it, unless some are named. */
export function unthrottle(image: ClusterImage, which: Throttled): ConfigAlteration[] {
  const found: ConfigAlteration[] = [];
  for (const { type, entity, values } of image.configs()) {
    if (type !== "brokers" && type !== "topics") continue;
    const parsed = parseEntity(type, entity);
    if (!isMeant(parsed, which)) continue;
    const names = type === "brokers" ? RATES : [LEADERS, FOLLOWERS];
    const changes = names
      .filter((name) => Object.hasOwn(values, name))
      .map((name): ConfigOp => ({ op: "delete", name }));
    if (changes.length > 0) found.push({ entity: parsed, changes });
  }
  return found;
}

function isMeant({ type, name }: ConfigEntity, { brokers, topics }: Throttled): boolean {
  if (brokers === undefined && topics === undefined) return true;
  return type === "brokers"
    ? name !== null && (brokers ?? []).includes(Number(name))
    : name !== null && (topics ?? []).includes(name);
}

interface Replicas {
  /** `<partition>:<broker>`: those that are copied from. */
  readonly leaders: readonly string[];
  /** Those that come. */
  readonly followers: readonly string[];
}

const ALL: Replicas = { leaders: ["*"], followers: ["*"] };

function movingReplicas(image: ClusterImage): Map<string, Replicas> {
  const moving = new Map<string, { leaders: string[]; followers: string[] }>();
  for (const { topic, partition, originals, adding } of listReassignments(image)) {
    const known = moving.get(topic) ?? { leaders: [], followers: [] };
    moving.set(topic, known);
    known.leaders.push(...originals.map((id) => `${partition}:${id}`));
    known.followers.push(...adding.map((id) => `${partition}:${id}`));
  }
  return moving;
}

/** All of the topic where they are too many for one value. */
function listed(replicas: readonly string[]): string {
  const list = replicas.join(",");
  return list.length > VALUE_CHARACTERS_MAX ? "*" : list;
}

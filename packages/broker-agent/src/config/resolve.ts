/**
 * Which of the values that are set counts: the topic's, the broker's, that of all brokers, the host's static one, the default. One that is set
 * for the listener goes before all that are set for any.
 *
 * | source                         | where it stands                           |
 * |--------------------------------|-------------------------------------------|
 * | `DYNAMIC_TOPIC_CONFIG`         | `topics/<name>`                           |
 * | `DYNAMIC_BROKER_CONFIG`        | `brokers/<id>`                            |
 * | `DYNAMIC_DEFAULT_BROKER_CONFIG`| `brokers/<default>`                       |
 * | `STATIC_BROKER_CONFIG`         | with the host: what it was started with   |
 * | `DEFAULT_CONFIG`               | in the schema                             |
 */
import type { ClusterImage } from "../image/cluster-image.ts";
import { ALL_BROKERS, type ConfigEntity, entityName } from "./entity.ts";
import { keyForListener } from "./schema.ts";
import type { SettingSpec } from "./spec.ts";
import { faultOf } from "./value.ts";

/** Kafka's words. `DYNAMIC_QUOTA_CONFIG`: of clients, users and ips, which have nothing below them. */
export type ConfigSource =
  | "DYNAMIC_TOPIC_CONFIG"
  | "DYNAMIC_BROKER_CONFIG"
  | "DYNAMIC_DEFAULT_BROKER_CONFIG"
  | "DYNAMIC_QUOTA_CONFIG"
  | "STATIC_BROKER_CONFIG"
  | "DEFAULT_CONFIG";

/** What a value is wanted for. */
export interface SettingPlace {
  readonly topic?: string | undefined;
  readonly broker?: number | undefined;
  readonly listener?: string | undefined;
}

/** What the host was started with: `server.properties`. */
export type StaticSettings = Readonly<Record<string, string>>;

export interface Candidate {
  readonly source: ConfigSource;
  /** Where it stands in the tree; undefined for what does not. */
  readonly entity: ConfigEntity | undefined;
  /** Under which name it stands there. */
  readonly key: string;
  /** As it stands there. */
  readonly text: string;
  /** Why it does not count; undefined: it may. */
  readonly fault: string | undefined;
}

/** Where a setting may stand in the tree for this place: those that go before others first. */
export function levelsOf(
  spec: SettingSpec,
  { topic, broker }: SettingPlace,
): readonly { readonly source: ConfigSource; readonly entity: ConfigEntity }[] {
  const { scope } = spec;
  if (scope === "read-only") return [];
  const ofTopic = scope === "topic" && topic !== undefined ? [{ type: "topics", name: topic } as const] : [];
  const ofBroker = scope !== "cluster" && broker !== undefined ? [{ type: "brokers", name: `${broker}` } as const] : [];
  return [
    ...ofTopic.map((entity) => ({ source: "DYNAMIC_TOPIC_CONFIG", entity }) as const),
    ...ofBroker.map((entity) => ({ source: "DYNAMIC_BROKER_CONFIG", entity }) as const),
    { source: "DYNAMIC_DEFAULT_BROKER_CONFIG", entity: ALL_BROKERS },
  ];
}

/** All values that are set, and the default; the first without a fault is the one that counts. */
export function candidates(
  image: ClusterImage,
  { name, spec }: { readonly name: string; readonly spec: SettingSpec },
  at: SettingPlace = {},
  statics: StaticSettings = {},
): readonly Candidate[] {
  const found: Candidate[] = [];
  const add = (source: ConfigSource, entity: ConfigEntity | undefined, key: string, from: StaticSettings): void => {
    const text = Object.hasOwn(from, key) ? from[key] : undefined;
    if (text === undefined) return;
    found.push({ source, entity, key, text, fault: faultOf(spec, text) });
  };
  const levels = levelsOf(spec, at);
  const forListener = at.listener === undefined || spec.perListener !== true ? [] : [keyForListener(at.listener, name)];
  for (const key of [...forListener, name]) {
    for (const { source, entity } of levels) {
      add(source, entity, key, image.config(entity.type, entityName(entity))?.values ?? {});
    }
    add("STATIC_BROKER_CONFIG", undefined, key, statics);
  }
  return [...found, { source: "DEFAULT_CONFIG", entity: undefined, key: name, text: spec.default, fault: undefined }];
}

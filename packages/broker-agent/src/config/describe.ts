/**
 * The settings of an entity for people: what counts, where it comes from, and what it would be otherwise. Never shows a password, and nothing
 * that is marked as one.
 */
import type { ClusterImage } from "../image/cluster-image.ts";
import { QUOTAS, quotaOfType } from "../quotas/keys.ts";
import { type ConfigEntity, entityName } from "./entity.ts";
import { type Candidate, candidates, type ConfigSource, type SettingPlace, type StaticSettings } from "./resolve.ts";
import { settingNamed } from "./schema.ts";
import { isSecretText } from "./secret.ts";
import { SETTINGS } from "./settings.ts";
import type { SettingSchema, SettingSpec, SettingType } from "./spec.ts";

export interface Synonym {
  readonly source: ConfigSource;
  readonly name: string;
  /** Null: it is a password. */
  readonly value: string | null;
  /** Why it does not count although it is set: it is against the rules of the setting. */
  readonly fault?: string | undefined;
}

export interface DescribedSetting {
  readonly name: string;
  /** What counts. Null: it is a password, which nobody is shown. */
  readonly value: string | null;
  readonly source: ConfigSource;
  readonly isSensitive: boolean;
  /** Cannot be set while the cluster runs. */
  readonly isReadOnly: boolean;
  /** Undefined: not a setting of this schema. It is kept, and can be deleted. */
  readonly type: SettingType | undefined;
  readonly doc: string;
  /** Everything that is set, what goes before others first; the default last. KIP-226. */
  readonly synonyms: readonly Synonym[];
}

export interface DescribedConfig {
  readonly entity: ConfigEntity;
  /** Of what is set for it; undefined: nothing is. */
  readonly change:
    | {
        /** Changes since something was set for it first, from 0. Starts anew when everything was deleted. */
        readonly version: number;
        /** The transaction of the last one. Only grows. */
        readonly zxid: number;
        readonly by: string;
        readonly atMs: number;
      }
    | undefined;
  /** By name. */
  readonly settings: readonly DescribedSetting[];
}

export interface DescribeOptions {
  /** Default: the settings of this package. Values of others are shown as they stand. */
  readonly schema?: SettingSchema | undefined;
  /** What the broker of the entity was started with; known to that broker alone. */
  readonly statics?: StaticSettings | undefined;
  /** Of a topic: whose values stand below the topic's own. Default: those of all brokers. */
  readonly broker?: number | undefined;
}

/** RangeError for what is no entity. */
export function describeConfig(
  image: ClusterImage,
  entity: ConfigEntity,
  options: DescribeOptions = {},
): DescribedConfig {
  const record = image.config(entity.type, entityName(entity));
  const change =
    record === undefined
      ? undefined
      : { version: record.version, zxid: record.mzxid, by: record.by, atMs: record.atMs };
  const settings = settingsOf(image, entity, record?.values ?? {}, options);
  return { entity, change, settings: settings.toSorted((a, b) => (a.name < b.name ? -1 : 1)) };
}

function settingsOf(
  image: ClusterImage,
  entity: ConfigEntity,
  values: StaticSettings,
  { schema = SETTINGS, statics = {}, broker }: DescribeOptions,
): DescribedSetting[] {
  const { type } = entity;
  if (type !== "topics" && type !== "brokers")
    return Object.keys(values).map((name) => quota(type, name, values[name]!));
  const place: SettingPlace =
    type === "topics"
      ? { topic: entity.name ?? undefined, broker }
      : { broker: entity.name === null ? undefined : Number(entity.name) };
  const names = new Set(Object.keys(schema).filter((name) => type === "brokers" || schema[name]!.scope === "topic"));
  // What stands for one listener has a name of its own; what no schema knows is there all the same.
  for (const name of [...Object.keys(values), ...(type === "brokers" ? Object.keys(statics) : [])]) names.add(name);
  return [...names].map((key) => {
    const found = settingNamed(schema, key);
    if (found === undefined)
      return unknown(type, entity.name, key, values[key] ?? statics[key]!, Object.hasOwn(values, key));
    return described(key, found.spec, candidates(image, found, { ...place, listener: found.listener }, statics));
  });
}

function described(name: string, spec: SettingSpec, found: readonly Candidate[]): DescribedSetting {
  const isSensitive = spec.type === "password";
  const counts = found.find(({ fault }) => fault === undefined)!;
  return {
    name,
    value: shown(counts.text, isSensitive),
    source: counts.source,
    isSensitive,
    isReadOnly: spec.scope === "read-only",
    type: spec.type,
    doc: spec.doc,
    synonyms: found.map(({ source, key, text, fault }) => ({
      source,
      name: key,
      value: shown(text, isSensitive),
      ...(fault === undefined ? {} : { fault: isSensitive ? "is against the rules" : fault }),
    })),
  };
}

function unknown(
  type: "topics" | "brokers",
  entity: string | null,
  name: string,
  text: string,
  isDynamic: boolean,
): DescribedSetting {
  const dynamic = type === "topics" ? "DYNAMIC_TOPIC_CONFIG" : "DYNAMIC_BROKER_CONFIG";
  const ofEntity = entity === null ? "DYNAMIC_DEFAULT_BROKER_CONFIG" : dynamic;
  return alone(name, text, isDynamic ? ofEntity : "STATIC_BROKER_CONFIG", undefined, "");
}

function quota(type: "clients" | "users" | "ips", name: string, text: string): DescribedSetting {
  const key = quotaOfType(type, name);
  return alone(name, text, "DYNAMIC_QUOTA_CONFIG", key && QUOTAS[key].type, key === undefined ? "" : QUOTAS[key].doc);
}

function alone(
  name: string,
  text: string,
  source: ConfigSource,
  type: SettingType | undefined,
  doc: string,
): DescribedSetting {
  const value = shown(text, false);
  const isSensitive = value === null;
  return { name, value, source, isSensitive, isReadOnly: false, type, doc, synonyms: [{ source, name, value }] };
}

function shown(text: string, isSensitive: boolean): string | null {
  return isSensitive || isSecretText(text) ? null : text;
}

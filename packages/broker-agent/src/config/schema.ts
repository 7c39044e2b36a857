/**
 * The settings that there are: those of this package and those of the host, in one table. Knows the names that stand for one listener.
 */
import type { SettingSchema, SettingSpec } from "./spec.ts";
import { SETTINGS, type SettingName } from "./settings.ts";
import { faultOf } from "./value.ts";

/** Settings of a host. */
const SCHEMA_MAX = 10_000;

const NAME = /^[a-z0-9][a-z0-9._-]{0,248}$/i;
const FOR_LISTENER = /^listener\.name\.([^.]+)\.(.+)$/;

export type MergedSchema<S extends SettingSchema> = Readonly<Record<SettingName, SettingSpec>> & S;

/**
 * The host's settings beside those of this package. RangeError for a setting that the package has already, a name that is none, bounds that
 * nothing is within, a default that is against its own rules.
 */
export function mergeSchema<const S extends SettingSchema>(host: S): MergedSchema<S> {
  const names = Object.keys(host);
  if (names.length > SCHEMA_MAX) throw new RangeError(`schema has ${names.length} settings, more than ${SCHEMA_MAX}`);
  for (const name of names) checkSpec(name, host[name]!);
  return { ...SETTINGS, ...host };
}

function checkSpec(name: string, spec: SettingSpec): void {
  const bad = (why: string): RangeError => new RangeError(`schema: setting '${name}' ${why}`);
  if (Object.hasOwn(SETTINGS, name)) throw bad("is one of the package's own");
  if (!NAME.test(name)) throw bad("has no name of a setting: a-z A-Z 0-9 . _ -, at most 249 characters");
  if (FOR_LISTENER.test(name))
    throw bad("is the name of a setting for one listener: say perListener of it without the prefix");
  if (spec.min !== undefined && spec.max !== undefined && spec.min > spec.max) {
    throw bad(`is to be at least ${spec.min} and at most ${spec.max}`);
  }
  if (spec.perListener === true && (spec.scope === "topic" || spec.scope === "cluster")) {
    throw bad(`is for one listener of a broker, and its scope ${spec.scope}`);
  }
  const fault = faultOf(spec, spec.default);
  if (fault !== undefined) throw bad(`has a default that is none: it ${fault}`);
}

/** A setting by the name under which a value stands: `listener` where it is for one. */
export interface NamedSetting {
  readonly name: string;
  readonly listener: string | undefined;
  readonly spec: SettingSpec;
}

/** Undefined: there is no such setting. */
export function settingNamed(schema: SettingSchema, key: string): NamedSetting | undefined {
  const own = specIn(schema, key);
  if (own !== undefined) return { name: key, listener: undefined, spec: own };
  const [, listener, name] = FOR_LISTENER.exec(key) ?? [];
  const spec = name === undefined ? undefined : specIn(schema, name);
  return name === undefined || spec?.perListener !== true ? undefined : { name, listener, spec };
}

/** The name under which a setting stands for one listener. */
export function keyForListener(listener: string, name: string): string {
  return `listener.name.${listener}.${name}`;
}

function specIn(schema: SettingSchema, name: string): SettingSpec | undefined {
  return Object.hasOwn(schema, name) ? schema[name] : undefined;
}

/**
 * The operation `alterConfigs`: changes of settings and quotas of several entities in one transaction, checked by the schema. Each is conditional on
 * what the image has of its entity, so two requests never undo one another.
 *
 * An entity is one znode as long as anything is set for it, and no znode when nothing is. What is set already is not written again. Who asked
 * and when stand in the record; its version counts the changes. Changes themselves are not kept: whoever wants them all subscribes.
 */
import { type Operation, op } from "@corral/client";
import type { AdminOperation } from "../admin/operation.ts";
import { Refused } from "../admin/refusal.ts";
import { TRANSACTION_BYTES_MAX } from "../controller/duty.ts";
import type { ClusterImage } from "../image/cluster-image.ts";
import type { ConfigView } from "../image/views.ts";
import { QUOTAS, quotaOfType } from "../quotas/keys.ts";
import { configCodec, type ConfigRecord } from "../records.ts";
import { type ConfigAlteration, type ConfigOp, readAlterConfigs, textAfter } from "./alteration.ts";
import { type ConfigEntity, entityName, entityText } from "./entity.ts";
import { settingNamed } from "./schema.ts";
import { isSealed, markedPlain } from "./secret.ts";
import { SETTINGS } from "./settings.ts";
import type { SettingSchema, SettingSpec } from "./spec.ts";
import { faultOf } from "./value.ts";

/** Settings of one entity. */
export const ENTITY_SETTINGS_MAX = 1_000;
/** Bytes of one entity's record. */
export const ENTITY_BYTES_MAX: number = 256 * 1024;

export interface AlterConfigsOptions {
  /** What there is to be set. Default: the settings of this package. */
  readonly schema?: SettingSchema | undefined;
  /** `sealed` (default): plain passwords are refused. `any`: they are kept as they come, for everybody to read whom the ACL lets. */
  readonly passwords?: "sealed" | "any" | undefined;
}

/** What was made of it, in the order of the request. */
export interface AlteredConfig {
  readonly entity: ConfigEntity;
  readonly changed: boolean;
  /** As `describeConfig` shows it afterwards; null: nothing is set any more. */
  readonly version: number | null;
}

export function alterConfigs(options: AlterConfigsOptions = {}): AdminOperation {
  return {
    name: "alterConfigs",
    decide: ({ image, client }, args, by) => {
      const { alterations, validateOnly } = readAlterConfigs(args);
      const atMs = client.clock.wallMs();
      const altered = alterations.map((alteration) => alter(image, alteration, options, { by, atMs }));
      const bytes = altered.reduce((sum, one) => sum + one.bytes, 0);
      if (bytes > TRANSACTION_BYTES_MAX) {
        throw new Refused(
          "LIMIT_EXCEEDED",
          `alterConfigs: the entities have ${bytes} bytes together, more than ${TRANSACTION_BYTES_MAX}`,
        );
      }
      const result: readonly AlteredConfig[] = altered.map(({ entity, operation, version }) => ({
        entity,
        changed: operation !== undefined,
        version,
      }));
      if (validateOnly === true) return { result };
      const together = altered.flatMap(({ operation }) => (operation === undefined ? [] : [operation]));
      return { together, result };
    },
  };
}

/**
 * The values of a topic that is being made, as they are to stand in its record. Throws `Refused`, as `alterConfigs` does for a topic that is
 * there.
 */
export function valuesOfNewTopic(
  topic: string,
  values: Readonly<Record<string, string>>,
  options: AlterConfigsOptions = {},
): Readonly<Record<string, string>> {
  const entity: ConfigEntity = { type: "topics", name: topic };
  const set = Object.entries(values).map(([name, value]): readonly [string, string] => {
    return [name, checked(entity, { op: "set", name, value }, undefined, options)!];
  });
  checkSize(entity, set.length, configCodec.encode({ values, by: "", atMs: 0 })!.length);
  return Object.fromEntries(set);
}

interface Altered {
  readonly entity: ConfigEntity;
  /** Undefined: nothing changes. */
  readonly operation: Operation<unknown> | undefined;
  readonly version: number | null;
  readonly bytes: number;
}

function alter(
  image: ClusterImage,
  { entity, changes, ifVersion }: ConfigAlteration,
  options: AlterConfigsOptions,
  who: { readonly by: string; readonly atMs: number },
): Altered {
  const path = image.paths.configOf(entity.type, entityName(entity));
  const now = image.config(entity.type, entityName(entity));
  const version = now?.version ?? null;
  if (ifVersion !== undefined && ifVersion !== version) {
    const [is, wanted] = [version ?? "none", ifVersion ?? "none"];
    throw new Refused("INVALID_UPDATE_VERSION", `${entityText(entity)} has version ${is}, not ${wanted}`);
  }
  const values = valuesAfter(image, entity, changes, now, options);
  if (values === undefined) return { entity, operation: undefined, version, bytes: 0 };
  if (values.size === 0) {
    return { entity, operation: op.delete(path, { ifMatch: { version: version! } }), version: null, bytes: 0 };
  }
  const record: ConfigRecord = { values: Object.fromEntries(values), ...who };
  const bytes = configCodec.encode(record)!.length;
  checkSize(entity, values.size, bytes);
  const operation =
    version === null
      ? op.create(path, record, { codec: configCodec, parents: true })
      : op.set(path, record, { codec: configCodec, ifMatch: { version } });
  return { entity, operation, version: version === null ? 0 : version + 1, bytes };
}

function checkSize(entity: ConfigEntity, settings: number, bytes: number): void {
  if (settings <= ENTITY_SETTINGS_MAX && bytes <= ENTITY_BYTES_MAX) return;
  throw new Refused(
    "LIMIT_EXCEEDED",
    `${entityText(entity)} would have ${settings} settings and ${bytes} bytes; ${ENTITY_SETTINGS_MAX} and ${ENTITY_BYTES_MAX} is the most`,
  );
}

/** Undefined: they are the same as before. */
function valuesAfter(
  image: ClusterImage,
  entity: ConfigEntity,
  changes: readonly ConfigOp[],
  now: ConfigView | undefined,
  options: AlterConfigsOptions,
): Map<string, string> | undefined {
  const { type, name } = entity;
  const deletesOnly = changes.every((change) => change.op === "delete");
  // What was left behind by a topic that is gone can be deleted.
  if (type === "topics" && !deletesOnly && image.topic(name!)?.state !== "live") {
    throw new Refused("UNKNOWN_TOPIC_OR_PARTITION", `there is no topic ${name}`);
  }
  const values = new Map(Object.entries(now?.values ?? {}));
  let isChanged = false;
  for (const change of changes) {
    const before = values.get(change.name);
    const after = checked(entity, change, before, options);
    if (after === before) continue;
    isChanged = true;
    if (after === undefined) values.delete(change.name);
    else values.set(change.name, after);
  }
  return isChanged ? values : undefined;
}

/** The text as it is to stand in the tree. */
function checked(
  entity: ConfigEntity,
  change: ConfigOp,
  before: string | undefined,
  { schema = SETTINGS, passwords = "sealed" }: AlterConfigsOptions,
): string | undefined {
  const refuse = (why: string): Refused => new Refused("INVALID_CONFIG", `${entityText(entity)}: ${why}`);
  // Also of what no schema knows any more.
  if (change.op === "delete") return undefined;
  const { type } = entity;
  const key = type === "topics" || type === "brokers" ? undefined : quotaOfType(type, change.name);
  const spec = key === undefined ? settingSpec(type, change.name, schema) : QUOTAS[key];
  if (spec === undefined) throw refuse(`there is no setting '${change.name}' of ${type}`);
  const outOfScope = key === undefined ? scopeFault(entity, spec) : undefined;
  if (outOfScope !== undefined) throw refuse(`'${change.name}' ${outOfScope}`);
  if (change.op !== "set" && spec.type !== "list")
    throw refuse(`'${change.name}' is no list: ${change.op} is for lists`);
  const text = textAfter(before, change, spec.default);
  // Nothing was appended that was not there by default: nothing is to be set.
  if (text === undefined) return undefined;
  const fault = faultOf(spec, text);
  if (fault !== undefined) throw refuse(`'${change.name}' ${spec.type === "password" ? "is too long" : fault}`);
  if (spec.type !== "password") return text;
  if (isSealed(text)) return text;
  if (passwords === "any") return markedPlain(text);
  throw refuse(`'${change.name}' is a password: it must be sealed before it is asked for`);
}

function settingSpec(type: ConfigEntity["type"], name: string, schema: SettingSchema): SettingSpec | undefined {
  if (type !== "topics" && type !== "brokers") return undefined;
  const found = settingNamed(schema, name);
  return found?.listener !== undefined && type === "topics" ? undefined : found?.spec;
}

function scopeFault({ type, name }: ConfigEntity, { scope }: SettingSpec): string | undefined {
  if (scope === "read-only") return "cannot be set while the cluster runs";
  if (type === "topics") return scope === "topic" ? undefined : "is not set for topics";
  return name !== null && scope === "cluster" ? "is set for all brokers only" : undefined;
}

/**
 * What a change of settings asks for, and what it makes of the values that an entity has. KIP-339: each change is one of one setting, and leaves
 * all others as they are.
 *
 * - `set`
 * - `delete`: what stands below it counts again.
 * - `append`, `subtract`: items of a list. A list that is not set for the entity begins as the setting's default; what is in it already, or is
 *   not, changes nothing.
 *
 * Owns the reading of a request's arguments, which nobody has checked before. Throws `Refused`.
 */
import { flagAt, integerAt, listAt, recordAt, textAt } from "../admin/arguments.ts";
import { Refused } from "../admin/refusal.ts";
import { type ConfigEntity, type ConfigType, entityName, entityText } from "./entity.ts";
import { itemsOf } from "./value.ts";

/** Of one request. */
export const ALTERATIONS_MAX = 400;
/** Of one entity in one request. */
export const CHANGES_MAX = 1_000;

export type ConfigOp =
  | { readonly op: "set" | "append" | "subtract"; readonly name: string; readonly value: string }
  | { readonly op: "delete"; readonly name: string; readonly value?: undefined };

export interface ConfigAlteration {
  readonly entity: ConfigEntity;
  readonly changes: readonly ConfigOp[];
  /** Only if this is what `describeConfig` shows as `change.version`; null: only if nothing is set. Default: whatever it is. */
  readonly ifVersion?: number | null | undefined;
}

/** Arguments of `alterConfigs`: all of it or nothing. */
export interface AlterConfigs {
  readonly alterations: readonly ConfigAlteration[];
  /** Checks, and changes nothing. */
  readonly validateOnly?: boolean | undefined;
}

export function readAlterConfigs(args: unknown): AlterConfigs {
  const { alterations, validateOnly } = recordAt(args, "args");
  const seen = new Set<string>();
  const read = listAt(alterations, "alterations", ALTERATIONS_MAX).map((one, at) => {
    const alteration = readAlteration(one, `alterations[${at}]`);
    const { entity } = alteration;
    const key = `${entity.type}/${entityName(entity)}`;
    if (seen.has(key)) throw invalid(`alterations[${at}]: ${entityText(entity)} is there twice`);
    seen.add(key);
    return alteration;
  });
  return { alterations: read, validateOnly: flagAt(validateOnly, "validateOnly") };
}

function readAlteration(one: unknown, where: string): ConfigAlteration {
  const { entity, changes, ifVersion } = recordAt(one, where);
  const names = new Set<string>();
  const read = listAt(changes, `${where}.changes`, CHANGES_MAX).map((change, at) => {
    const checked = readChange(change, `${where}.changes[${at}]`);
    if (names.has(checked.name)) throw invalid(`${where}.changes[${at}]: '${checked.name}' is there twice`);
    names.add(checked.name);
    return checked;
  });
  const version =
    ifVersion === undefined || ifVersion === null ? ifVersion : integerAt(ifVersion, `${where}.ifVersion`);
  return {
    entity: readEntity(entity, `${where}.entity`),
    changes: read,
    ...(version === undefined ? {} : { ifVersion: version }),
  };
}

function readEntity(value: unknown, where: string): ConfigEntity {
  const { type, name, client } = recordAt(value, where);
  const read = {
    type: textAt(type, `${where}.type`) as ConfigType,
    name: name === null ? null : textAt(name, `${where}.name`),
    ...(client === undefined ? {} : { client: client === null ? null : textAt(client, `${where}.client`) }),
  };
  try {
    entityName(read);
  } catch (error) {
    throw invalid(`${where}: ${(error as RangeError).message}`);
  }
  return read;
}

function readChange(change: unknown, where: string): ConfigOp {
  const { op, name: given, value } = recordAt(change, where);
  const name = textAt(given, `${where}.name`);
  if (name === "") throw invalid(`${where}.name is empty`);
  switch (op) {
    case "delete":
      return { op, name };
    case "set":
    case "append":
    case "subtract":
      return { op, name, value: textAt(value, `${where}.value of '${name}'`) };
    default:
      throw invalid(`${where}.op is '${String(op)}', not one of set, delete, append, subtract`);
  }
}

/** The text that a setting has after the change; undefined: none of its own. `base`: of a list that is not set. */
export function textAfter(now: string | undefined, change: ConfigOp, base: string): string | undefined {
  if (change.op === "delete") return undefined;
  if (change.op === "set") return change.value;
  const before = itemsOf(now ?? base);
  const given = itemsOf(change.value);
  const after =
    change.op === "append" ? [...new Set([...before, ...given])] : before.filter((item) => !given.includes(item));
  const isSame = after.length === before.length;
  return isSame ? now : after.join(",");
}

function invalid(why: string): Refused {
  return new Refused("INVALID_REQUEST", why);
}

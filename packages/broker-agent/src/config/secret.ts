/**
 * How passwords stand in the tree: with a mark before them, `sealed:` or `plain:`. So whoever shows values hides them by the mark, also
 * without knowing the setting.
 *
 * They are sealed by who asks for the change, before it is asked: the text itself then never reaches the server, its log or the controller.
 * A plain one stands in the request, in the znode and in the log, for everybody who may read those: it is refused unless the cluster was told
 * to take such (`alterConfigs({ passwords: "any" })`), and then the ACL of the cluster's znodes is all that guards it.
 */
import { entityName } from "./entity.ts";
import type { ConfigEntity } from "./entity.ts";
import { settingNamed } from "./schema.ts";
import type { SettingSchema } from "./spec.ts";

const SEALED = "sealed:";
const PLAIN = "plain:";

/** Given by the host, for instance AES-GCM by node:crypto, with `context` as additional data. */
export interface Sealer {
  /** `context` names the one place where this may stand: what is opened for another one must be refused. */
  seal(plain: string, context: string): string;
  /** Throws for what was not sealed by this key, or for another context. */
  open(sealed: string, context: string): string;
}

/** The place of a value, for `Sealer`. */
export function contextOf(entity: ConfigEntity, key: string): string {
  return `${entity.type}/${entityName(entity)}/${key}`;
}

/** Does this stand for a password, whatever setting it is of? */
export function isSecretText(text: string): boolean {
  return text.startsWith(SEALED) || text.startsWith(PLAIN);
}

export function isSealed(text: string): boolean {
  return text.startsWith(SEALED);
}

/** As it stands in the tree. */
export function markedPlain(text: string): string {
  return isSecretText(text) ? text : PLAIN + text;
}

/** The password itself. Throws what `open` throws, and where it is sealed and there is nobody to open it. */
export function openSecret(stored: string, sealer: Sealer | undefined, context: string): string {
  if (!isSealed(stored)) return stored.startsWith(PLAIN) ? stored.slice(PLAIN.length) : stored;
  if (sealer === undefined) throw new Error(`${context} is sealed, and there is no sealer to open it`);
  return sealer.open(stored.slice(SEALED.length), context);
}

/** One changed value, as in `ConfigAlteration`. */
interface Change {
  readonly op: string;
  readonly name: string;
  readonly value?: string | undefined;
}

/** The same changes, passwords sealed: to be called before they are asked for. */
export function sealPasswords<C extends Change>(
  changes: readonly C[],
  {
    schema,
    entity,
    sealer,
  }: { readonly schema: SettingSchema; readonly entity: ConfigEntity; readonly sealer: Sealer },
): C[] {
  return changes.map((change) => {
    const isPassword = settingNamed(schema, change.name)?.spec.type === "password";
    if (!isPassword || change.value === undefined || isSealed(change.value)) return change;
    return { ...change, value: SEALED + sealer.seal(change.value, contextOf(entity, change.name)) };
  });
}

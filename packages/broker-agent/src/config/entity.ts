/**
 * What values can be set for, and how that stands in the tree.
 *
 * | entity                      | znode                      |
 * |-----------------------------|----------------------------|
 * | a topic                     | `topics/orders`            |
 * | a broker                    | `brokers/7`                |
 * | all brokers                 | `brokers/<default>`        |
 * | a client, all clients       | `clients/app`, …           |
 * | a user, all users           | `users/alice`, …           |
 * | a client of a user          | `users/alice:app`, …       |
 * | an address, all addresses   | `ips/10.0.0.1`, …          |
 *
 * Names are encoded. No encoded name has a `<`, a `>` or a `:`, so `<default>` can be nobody's name, and the two of a pair are told apart.
 * The two parts of a pair stand in one name, where Kafka has `users/alice/clients/app`: so an entity is one znode, and none is left empty.
 */
import { BROKER_ID_MAX } from "../check.ts";
import { decodeName, encodeName } from "../layout.ts";
import { checkTopicName } from "../topic-name.ts";

export const CONFIG_TYPES = ["topics", "brokers", "clients", "users", "ips"] as const;
export type ConfigType = (typeof CONFIG_TYPES)[number];

/** Of an encoded name; a pair has two. */
const ENTITY_CHARACTERS_MAX = 1_500;

const DEFAULT = "<default>";

/** JSON, as it stands in requests. */
export interface ConfigEntity {
  readonly type: ConfigType;
  /** Null: whoever has no value of its own. Topics have no such entity: their defaults are the brokers' values. */
  readonly name: string | null;
  /** Of `users` only: for this client of the user. Null: for each client that has no value of its own. */
  readonly client?: string | null | undefined;
}

/** All brokers: Kafka's cluster-wide dynamic default. */
export const ALL_BROKERS: ConfigEntity = { type: "brokers", name: null };

/** The last part of its path. RangeError for what is no entity. */
export function entityName(entity: ConfigEntity): string {
  checkEntity(entity);
  const { type, name, client } = entity;
  const own = partOf(type === "ips" && name !== null ? canonicalIp(name) : name);
  return client === undefined ? own : `${own}:${partOf(client)}`;
}

/** RangeError for what `entityName` does not make. */
export function parseEntity(type: string, entity: string): ConfigEntity {
  if (!isConfigType(type)) throw new RangeError(`'${type}' is not one of ${CONFIG_TYPES.join(", ")}`);
  const [name = "", client, ...rest] = entity.split(":");
  if (rest.length > 0) throw new RangeError(`config entity '${entity}' has more than two parts`);
  const found = { type, name: nameOf(name), ...(client === undefined ? {} : { client: nameOf(client) }) };
  if (entityName(found) !== entity) throw new RangeError(`config entity '${entity}' is not encoded as it ought to be`);
  return found;
}

/** For people: `users alice, clients <default>`. */
export function entityText({ type, name, client }: ConfigEntity): string {
  const own = `${type} ${name ?? DEFAULT}`;
  return client === undefined ? own : `${own}, clients ${client ?? DEFAULT}`;
}

function isConfigType(type: string): type is ConfigType {
  return (CONFIG_TYPES as readonly string[]).includes(type);
}

function checkEntity({ type, name, client }: ConfigEntity): void {
  if (!isConfigType(type)) throw new RangeError(`'${String(type)}' is not one of ${CONFIG_TYPES.join(", ")}`);
  for (const part of [name, client ?? null]) {
    if (part === null) continue;
    if (part === "") throw new RangeError(`config entity: a name of ${type} is empty`);
    const { length } = encoded(type, part);
    if (length > ENTITY_CHARACTERS_MAX) {
      throw new RangeError(
        `config entity: a name of ${type} has ${length} characters, more than ${ENTITY_CHARACTERS_MAX}`,
      );
    }
  }
  if (client !== undefined && type !== "users")
    throw new RangeError(`config entity: only users have clients, not ${type}`);
  if (type === "topics") {
    if (name === null) throw new RangeError("config entity: topics have no default; set it for all brokers");
    checkTopicName(name);
  } else if (type === "brokers" && name !== null && (!/^(?:0|[1-9]\d*)$/.test(name) || Number(name) > BROKER_ID_MAX)) {
    throw new RangeError(`config entity: '${name}' is no broker's id`);
  } else if (type === "ips" && name !== null && !/^[0-9a-f:.]+$/.test(canonicalIp(name))) {
    throw new RangeError(`config entity: '${name}' is no IP address`);
  }
}

/**
 * As a socket's address is looked up: in lower case, without a zone, and an IPv4 address that a socket for both shows as IPv6 as what it is.
 * IPv6 addresses are to be given in their short form, which is how platforms show them.
 */
export function canonicalIp(ip: string): string {
  return ip
    .toLowerCase()
    .replace(/%.*$/, "")
    .replace(/^::ffff:(?=\d+\.)/, "");
}

function partOf(name: string | null): string {
  return name === null ? DEFAULT : encodeName(name);
}

function nameOf(part: string): string | null {
  if (part === DEFAULT) return null;
  try {
    return decodeName(part);
  } catch (error) {
    throw new RangeError(`config entity '${part}' is not encoded as it ought to be`, { cause: error });
  }
}

function encoded(type: ConfigType, name: string): string {
  try {
    return encodeName(name);
  } catch (error) {
    // Half of a surrogate pair has no UTF-8.
    throw new RangeError(`config entity: a name of ${type} is not a text`, { cause: error });
  }
}

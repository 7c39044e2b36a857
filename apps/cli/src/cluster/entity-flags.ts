/** What settings are for, in the flags of Kafka's tool. */
import { isIP } from "node:net";
import type { ConfigEntity } from "@corral/broker-agent";
import type { Flag } from "../flags.ts";
import { UsageError } from "../usage-error.ts";
import { wholeNumber } from "../values.ts";

export const ENTITY_FLAGS: Readonly<Record<string, Flag>> = {
  topic: { type: "string", value: "NAME", help: "what it is for, one of these" },
  broker: { type: "string", value: "ID", help: "a broker" },
  "broker-defaults": { type: "boolean", help: "all brokers" },
  user: { type: "string", value: "NAME", help: "a user; with --client or --client-defaults: that client of it" },
  "user-defaults": { type: "boolean", help: "users without quotas of their own" },
  client: { type: "string", value: "NAME", help: "a client" },
  "client-defaults": { type: "boolean", help: "clients without quotas of their own" },
  ip: { type: "string", value: "ADDRESS", help: "an address" },
  "ip-defaults": { type: "boolean", help: "addresses without quotas of their own" },
};

const TYPES = { topic: "topics", broker: "brokers", user: "users", client: "clients", ip: "ips" } as const;
type Kind = keyof typeof TYPES;

/** Undefined: not given; null: the defaults. */
function nameOf(flags: ReadonlyMap<string, readonly string[]>, kind: Kind): string | null | undefined {
  const name = flags.get(kind)?.[0];
  const isDefault = flags.has(`${kind}-defaults`);
  if (name !== undefined && isDefault) throw new UsageError(`--${kind} and --${kind}-defaults exclude each other`);
  return isDefault ? null : name;
}

export function entityFrom(flags: ReadonlyMap<string, readonly string[]>): ConfigEntity {
  const given = (Object.keys(TYPES) as Kind[]).filter((kind) => nameOf(flags, kind) !== undefined);
  const [kind, second, ...others] = given;
  const isPair = kind === "user" && second === "client";
  if (kind === undefined || others.length > 0 || (second !== undefined && !isPair)) {
    throw new UsageError(
      "for what? One of --topic, --broker, --broker-defaults, --user, --client, --ip …; or --user with --client",
    );
  }
  const name = nameOf(flags, kind)!;
  if (kind === "broker" && name !== null) wholeNumber("--broker", name);
  if (kind === "ip" && name !== null && isIP(name) === 0) {
    throw new UsageError(`--ip is '${name}', not an address such as 192.0.2.7 or 2001:db8::7`);
  }
  return { type: TYPES[kind], name, ...(isPair ? { client: nameOf(flags, "client")! } : {}) };
}

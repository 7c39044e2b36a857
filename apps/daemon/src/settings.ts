/**
 * What corrald is told to be. Order, the later wins: defaults < configuration file (`--config`: its place is here) <
 * environment < flags. Owns the flags and variables, their defaults and their checks; touches neither disk nor network.
 */
import type { Identity } from "@corral/protocol";
import { DEFAULT_PORT } from "@corral/server";
import { didYouMean } from "./nearest.ts";
import { type Flag, type ParsedFlags, parseFlags } from "./flags.ts";
import { type Limits, parseLimits } from "./limits.ts";
import { UsageError } from "./usage-error.ts";

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export const LOG_FORMATS = ["json", "console"] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Settings {
  /** Where clients connect. TLS and the admin port get their addresses beside this one. */
  readonly listen: Address;
  readonly data: string;
  readonly logLevel: LogLevel;
  /** Undefined: console on a terminal, else json. */
  readonly logFormat: LogFormat | undefined;
  readonly superIdentities: readonly Identity[];
  readonly limits: Limits;
}

export const SERVE_FLAGS: Readonly<Record<string, Flag>> = {
  listen: {
    type: "string",
    value: "HOST:PORT",
    help: `where clients connect; port 0 takes a free one.\nDefault 127.0.0.1:${DEFAULT_PORT}; CORRAL_LISTEN`,
  },
  data: { type: "string", value: "DIR", help: "data directory, made if missing. Default ./data; CORRAL_DATA" },
  limit: {
    type: "string",
    value: "NAME=VALUE",
    multiple: true,
    help: "changes a limit; may be repeated. `corrald --help limits` lists them.\nKiB, MiB and GiB may follow the number",
  },
  super: {
    type: "string",
    value: "digest:USER:HASH",
    multiple: true,
    help: "an identity that passes every permission check; may be repeated.\nHASH: printf USER:PASSWORD | openssl sha1 -binary | base64",
  },
  "log-level": { type: "string", value: "LEVEL", help: `${LOG_LEVELS.join(", ")}. Default info; CORRAL_LOG_LEVEL` },
  "log-format": { type: "string", value: "FORMAT", help: "json or console. Default: console on a terminal, else json" },
  help: { type: "boolean", help: "this text" },
  version: { type: "boolean", help: "the version" },
};

type Environment = Readonly<Record<string, string | undefined>>;

/** Throws UsageError. */
export function readSettings(args: readonly string[], env: Environment): Settings {
  const flags = parseFlags(args, SERVE_FLAGS);
  if (flags.positionals[0] !== undefined)
    throw new UsageError(`'${flags.positionals[0]}' is neither a flag nor a command`);
  const listen = chosen(flags, "listen", env, "CORRAL_LISTEN");
  const data = chosen(flags, "data", env, "CORRAL_DATA");
  const level = chosen(flags, "log-level", env, "CORRAL_LOG_LEVEL");
  const format = flags.values.get("log-format")?.[0];
  if (data?.text === "") throw new UsageError(`${data.from} is empty`);
  return {
    listen: listen === undefined ? { host: "127.0.0.1", port: DEFAULT_PORT } : addressOf(listen),
    data: data?.text ?? "data",
    logLevel: level === undefined ? "info" : oneOf(level, LOG_LEVELS),
    logFormat: format === undefined ? undefined : oneOf({ from: "--log-format", text: format }, LOG_FORMATS),
    superIdentities: (flags.values.get("super") ?? []).map(superIdentity),
    limits: parseLimits(flags.values.get("limit") ?? []),
  };
}

/** A text, and which flag or variable it came from. */
interface Given {
  readonly from: string;
  readonly text: string;
}

function chosen(flags: ParsedFlags, flag: string, env: Environment, variable: string): Given | undefined {
  const fromFlag = flags.values.get(flag)?.[0];
  if (fromFlag !== undefined) return { from: `--${flag}`, text: fromFlag };
  const fromEnv = env[variable];
  return fromEnv === undefined || fromEnv === "" ? undefined : { from: variable, text: fromEnv };
}

function oneOf<T extends string>({ from, text }: Given, known: readonly T[]): T {
  const found = known.find((each) => each === text);
  if (found === undefined)
    throw new UsageError(`${from} is '${text}', not one of ${known.join(", ")}${didYouMean(text, known)}`);
  return found;
}

function addressOf({ from, text }: Given): Address {
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-fA-F:.%]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host === undefined || port > 65_535)
    throw new UsageError(
      `${from} is '${text}', not HOST:PORT with a port from 0 to 65535 (an IPv6 address in brackets)`,
    );
  return { host, port };
}

/** `user:` and 20 bytes in base64: what addAuth makes of `user:password`. */
const DIGEST_ID = /^[^:]+:[A-Za-z0-9+/]{27}=$/;

function superIdentity(text: string): Identity {
  const at = text.indexOf(":");
  const scheme = text.slice(0, Math.max(at, 0));
  const id = text.slice(at + 1);
  if (scheme !== "digest" || !DIGEST_ID.test(id)) {
    throw new UsageError(
      `--super is '${text}', not digest:USER:HASH, where HASH is the base64 of SHA-1 of USER:PASSWORD`,
    );
  }
  return { scheme, id };
}

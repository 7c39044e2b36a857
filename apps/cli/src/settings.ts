/** What holds for every command: where to connect, as whom, for how long, and how to print. Flags win over the environment. */
import type { Flag, ParsedFlags } from "./flags.ts";
import type { SessionSettings } from "./session.ts";
import { UsageError } from "./usage-error.ts";
import { duration } from "./values.ts";

const DEFAULT_SERVER = "ws://127.0.0.1:2190";
const DEFAULT_TIMEOUT_MS = 10_000;

export const GLOBAL_FLAGS: Readonly<Record<string, Flag>> = {
  server: {
    type: "string",
    value: "URL",
    multiple: true,
    help: `where corrald listens; may be repeated. Default ${DEFAULT_SERVER};\nCORRAL_SERVER, with commas between several`,
  },
  auth: {
    type: "string",
    value: "SCHEME:CREDENTIAL",
    multiple: true,
    help: "such as digest:user:password; may be repeated. CORRAL_AUTH (a command\nline can be read by other users of the machine)",
  },
  timeout: { type: "string", value: "TIME", help: "for the connection, and for each request: 500ms, 10s. Default 10s" },
  json: { type: "boolean", help: "one JSON object a line" },
  help: { type: "boolean", short: "h", help: "this text, or that of a command" },
};

/** Without a command. */
export const TOP_FLAGS: Readonly<Record<string, Flag>> = {
  version: { type: "boolean", help: "the version" },
};

export function sessionSettings(
  { values }: ParsedFlags,
  env: Readonly<Record<string, string | undefined>>,
): SessionSettings {
  const fromEnv = env["CORRAL_SERVER"]?.split(",").filter((url) => url !== "");
  const servers = values.get("server") ?? (fromEnv === undefined || fromEnv.length === 0 ? [DEFAULT_SERVER] : fromEnv);
  for (const url of servers) {
    if (!/^wss?:\/\/[^/]/.test(url) || !URL.canParse(url))
      throw new UsageError(`'${url}' is not the URL of a server, such as ${DEFAULT_SERVER}`);
  }
  const timeout = values.get("timeout")?.[0];
  const auth =
    values.get("auth") ?? (env["CORRAL_AUTH"] === undefined || env["CORRAL_AUTH"] === "" ? [] : [env["CORRAL_AUTH"]]);
  return { servers, auth, timeoutMs: timeout === undefined ? DEFAULT_TIMEOUT_MS : duration("--timeout", timeout) };
}

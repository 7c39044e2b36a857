/** The session of one call. A command line does not wait for a server to come back: when none answers, it says so. */
import type { AuthOption, Client } from "@corral/client";
import { ExitCode } from "./exit-code.ts";
import { UsageError } from "./usage-error.ts";

export interface SessionSettings {
  readonly servers: readonly string[];
  /** For the connection, and for each call; milliseconds. */
  readonly timeoutMs: number;
  /** `SCHEME:CREDENTIAL` each. */
  readonly auth: readonly string[];
}

/** Ends with this exit code, whatever the cause's code says. */
export class ConnectError extends Error {
  override readonly name = "ConnectError";
  readonly exitCode: ExitCode = ExitCode.cannotConnect;
}

/** How long the server keeps the session of a command line that was killed. */
const SESSION_TIMEOUT_MS = 10_000;

export async function openSession({ servers, timeoutMs, auth }: SessionSettings): Promise<Client> {
  // Loaded only now: help and usage errors come at once.
  const { open } = await import("@corral/client");
  const client = open({
    servers,
    timeoutMs,
    auth: auth.map(credentialFrom),
    session: { timeoutMs: SESSION_TIMEOUT_MS, onExpired: "close" },
  });
  try {
    await Promise.race([client.ready({ timeoutMs }), firstRound(client, servers.length)]);
    return client;
  } catch (error) {
    await client.close();
    const { code, message } = error as { readonly code?: string; readonly message: string };
    // What the server itself answers speaks for itself.
    if (code === "AUTH_FAILED" || code === "VERSION_UNSUPPORTED") throw error;
    throw new ConnectError(`cannot connect to ${servers.join(", ")}: ${message}`, { cause: error });
  }
}

/** Rejects when every server has been tried once, in vain. */
function firstRound(client: Client, servers: number): Promise<never> {
  return new Promise((_, reject) => {
    const stop = client.on("state", (state) => {
      if (state.name !== "connecting") stop();
      else if (state.cause !== undefined && state.attempt >= servers) reject(state.cause);
    });
  });
}

function credentialFrom(text: string): AuthOption {
  const at = text.indexOf(":");
  if (at < 1) throw new UsageError("--auth is SCHEME:CREDENTIAL, such as digest:user:password");
  return { scheme: text.slice(0, at), credential: text.slice(at + 1) };
}

/** What a client is opened with, and what it makes of it. */
import { CREDENTIALS_MAX, DEFAULT_LIMITS, pathFault, type Credential } from "@corral/protocol";
import { CorralError } from "./error.ts";
import { CALL_TIMEOUT_MS, QUEUE_BYTES_MAX, QUEUE_CALLS_MAX, SESSION_TIMEOUT_MS } from "./limits.ts";
import type { Servers } from "./session/rounds.ts";
import { systemClock, systemRandom } from "./system-clock.ts";
import type { Clock, LogSink, Random, Transport } from "./world.ts";

/** A session that another client has left with `detach()`. Whoever has the secret has the session. */
export interface DetachedSession {
  readonly id: number;
  readonly secret: Uint8Array;
  /** Every reply up to this request number has been received. */
  readonly acked: number;
  /** The newest change seen: no server that is behind it will be accepted. */
  readonly lastZxid: number;
  readonly clusterId: string;
}

export interface AuthOption {
  readonly scheme: string;
  /** A string is sent as UTF-8. A function is asked anew before each attempt to connect. */
  readonly credential: string | Uint8Array | (() => Promise<string | Uint8Array>);
}

export interface SessionOptions {
  /** Wished, milliseconds; the server clamps it. Default 30,000. */
  readonly timeoutMs?: number | undefined;
  /** Take over this session instead of opening one. */
  readonly resume?: DetachedSession | undefined;
  /** After the end of a session: go on with a new one (default), or close the client. */
  readonly onExpired?: "renew" | "close" | undefined;
}

export interface QueueOptions {
  /** Calls that may wait to be sent; one more is refused with `OVERLOADED`. Default 10,000. */
  readonly calls?: number | undefined;
  /** Bytes that may wait to be sent. Default 64 MiB. */
  readonly bytes?: number | undefined;
  /** While there is no connection: calls wait (default), or are refused with `SUSPENDED`. */
  readonly whileDown?: "wait" | "reject" | undefined;
}

export interface OpenOptions {
  /** WebSocket URLs, or a function that is asked for them before each round over all of them. */
  readonly servers: Servers;
  /** Every path of this client is below this one. */
  readonly chroot?: string | undefined;
  readonly session?: SessionOptions | undefined;
  readonly auth?: readonly AuthOption[] | undefined;
  /** For each whole call, milliseconds. Default 15,000. */
  readonly timeoutMs?: number | undefined;
  readonly queue?: QueueOptions | undefined;
  /** How connections are made. Default: WebSocket. */
  readonly transport?: Transport | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  readonly log?: LogSink | undefined;
  /** The longest message to receive, bytes. Default 4 MiB, as the server's. */
  readonly frameBytes?: number | undefined;
}

/** The options, complete. */
export interface Settings {
  readonly servers: Servers;
  readonly chroot: string;
  readonly sessionTimeoutMs: number;
  readonly resume: DetachedSession | undefined;
  readonly onExpired: "renew" | "close";
  readonly credentials: () => Promise<readonly Credential[]>;
  /** How many those are. */
  readonly credentialCount: number;
  readonly timeoutMs: number;
  readonly queue: { readonly calls: number; readonly bytes: number };
  readonly rejectWhileDown: boolean;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: LogSink;
  readonly frameBytes: number;
}

/** Throws `BAD_ARGUMENTS`. */
export function settle(options: OpenOptions, transport: Transport): Settings {
  checkShape(options);
  const chroot = options.chroot ?? "/";
  const fault = pathFault(chroot, DEFAULT_LIMITS.pathBytes);
  if (fault !== undefined) throw badOption("chroot", `the path ${fault}`);
  if ((options.auth?.length ?? 0) > CREDENTIALS_MAX)
    throw badOption("auth", `more than ${CREDENTIALS_MAX} credentials`);
  for (const [name, value] of [
    ["timeoutMs", options.timeoutMs],
    ["session.timeoutMs", options.session?.timeoutMs],
  ] as const) {
    if (value !== undefined && !(value > 0)) throw badOption(name, `${value} is not a time above 0`);
  }
  const sink = options.log;
  return {
    servers: options.servers,
    chroot,
    sessionTimeoutMs: options.session?.timeoutMs ?? SESSION_TIMEOUT_MS,
    resume: options.session?.resume,
    onExpired: options.session?.onExpired ?? "renew",
    credentials: () => Promise.all((options.auth ?? []).map(credentialOf)),
    credentialCount: options.auth?.length ?? 0,
    timeoutMs: options.timeoutMs ?? CALL_TIMEOUT_MS,
    queue: { calls: options.queue?.calls ?? QUEUE_CALLS_MAX, bytes: options.queue?.bytes ?? QUEUE_BYTES_MAX },
    rejectWhileDown: options.queue?.whileDown === "reject",
    transport: options.transport ?? transport,
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
    log: (record) => {
      try {
        sink?.(record);
      } catch {
        // A log that fails must not take the session with it, and there is nowhere left to tell it.
      }
    },
    frameBytes: options.frameBytes ?? DEFAULT_LIMITS.frameBytes,
  };
}

/** What the types rule out, for callers without types: an address in the wrong place would otherwise be tried until time is over. */
function checkShape(options: unknown): void {
  if (typeof options !== "object" || options === null)
    throw badOption("options", `expected { servers: ["ws://host:port"] }, not ${shown(options)}`);
  const { servers, transport } = options as Readonly<Record<keyof OpenOptions, unknown>>;
  if (typeof servers === "function") return;
  if (!Array.isArray(servers))
    throw badOption("servers", `expected a list such as ["ws://host:port"], or a function, not ${shown(servers)}`);
  if (servers.length === 0) throw badOption("servers", "the list is empty");
  // Another transport has addresses of its own kind.
  const wrong = servers.find((url) => typeof url !== "string" || (transport === undefined && !isWebSocketUrl(url)));
  if (wrong !== undefined || servers.includes(undefined))
    throw badOption("servers", `expected WebSocket URLs such as "ws://host:port", not ${shown(wrong)}`);
}

/** By http: and https: too a WebSocket can be opened. */
function isWebSocketUrl(text: string): boolean {
  return /^(ws|http)s?:\/\/./i.test(text) && URL.canParse(text);
}

const SHOWN_CHARACTERS = 100;
const shown = (value: unknown): string =>
  typeof value === "string" ? JSON.stringify(value.slice(0, SHOWN_CHARACTERS)) : value === null ? "null" : typeof value;

async function credentialOf({ scheme, credential }: AuthOption): Promise<Credential> {
  return { scheme, credential: toBytes(typeof credential === "function" ? await credential() : credential) };
}

const utf8 = new TextEncoder();
export const toBytes = (text: string | Uint8Array): Uint8Array => (typeof text === "string" ? utf8.encode(text) : text);

function badOption(name: string, what: string): CorralError {
  return new CorralError("BAD_ARGUMENTS", { op: "open", detail: { name }, means: what });
}

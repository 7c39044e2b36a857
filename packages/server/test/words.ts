/** Words that the tests speak: requests in short, and messages as lines of a conversation. */
import {
  type AclEntry,
  CreateMode,
  EventType,
  Op,
  type RequestBody,
  type ServerMessage,
  type SubscriptionMessage,
  SubscriptionKind,
  type Value,
  errorName,
} from "@corral/protocol";

const bytes = (text: string | null): Uint8Array | null => (text === null ? null : new TextEncoder().encode(text));
export const text = (value: Value | undefined): string | null =>
  value instanceof Uint8Array ? new TextDecoder().decode(value) : null;

interface CreateChanges {
  readonly mode?: number;
  readonly acl?: readonly AclEntry[];
  readonly ttlMs?: number;
  readonly flags?: number;
}
export const create = (
  path: string,
  data: string | null = "",
  { mode = CreateMode.persistent, acl, ttlMs = 0, flags = 0 }: CreateChanges = {},
) => ({ op: Op.create, path, data: bytes(data), mode, acl: acl ?? null, ttlMs, flags }) as const;
export const ephemeral = (path: string, data = "") => create(path, data, { mode: CreateMode.ephemeral });
export const set = (path: string, data: string | null, version = -1) =>
  ({ op: Op.set, path, data: bytes(data), version }) as const;
export const del = (path: string, version = -1) => ({ op: Op.delete, path, version }) as const;
export const setAcl = (path: string, acl: readonly AclEntry[]) => ({ op: Op.setAcl, path, acl, version: -1 }) as const;
export const get = (path: string, watch = false, consistency = 0): RequestBody => ({
  op: Op.get,
  path,
  watch,
  consistency,
});
export const exists = (path: string, watch = false): RequestBody => ({ op: Op.exists, path, watch, consistency: 0 });
export const children = (
  path: string,
  { watch = false, include = 0, cursor = null as readonly number[] | null, limit = 0 } = {},
): RequestBody => ({
  op: Op.children,
  path,
  watch,
  consistency: 0,
  include,
  cursor,
  limit,
});
export const sync: RequestBody = { op: Op.sync, path: "/" };
export const close: RequestBody = { op: Op.close };
export const addWatch = (path: string, mode: number): RequestBody => ({ op: Op.addWatch, path, mode });
export const removeWatches = (path: string, type: number): RequestBody => ({ op: Op.removeWatches, path, type });
export const checkWatches = (path: string, type: number): RequestBody => ({ op: Op.checkWatches, path, type });
export const setWatches = (
  ...watches: readonly (readonly [path: string, kind: number, zxid: number])[]
): RequestBody => ({
  op: Op.setWatches,
  watches: watches.map(([path, kind, zxid]) => ({ path, kind, zxid })),
});
export const subscribe = (
  path: string,
  { id = 1, since = -1, scope = 0, flags = 0, credits = 1_000_000 } = {},
): RequestBody => ({
  op: Op.subscribe,
  id,
  path,
  since,
  scope,
  flags,
  credits,
});

/** Only this user may do anything. The id is the digest of `user:secret`. */
export const auth = (user: string) =>
  ({ op: Op.addAuth, scheme: "digest", credential: bytes(`${user}:secret`)! }) as const;

const EVENTS = Object.fromEntries(Object.entries(EventType).map(([name, type]) => [type, name]));
const KINDS = Object.fromEntries(Object.entries(SubscriptionKind).map(([name, kind]) => [kind, name]));
/** Zxids of the first epoch are shown as their counter. */
const zx = (zxid: number): number => zxid % 2 ** 32;

/** A message as a line: `reply 3 ok`, `event 5 changed /a`, `changes 6: created /b=1`. */
export function lineOf(message: ServerMessage): string {
  switch (message.kind) {
    case "reply":
      if (message.xid === 0) return "pong";
      return `reply ${message.xid} ${message.code === 0 ? ["ok", ...shown(message.result)].join(" ") : errorName(message.code)}`;
    case "event":
      return `event ${zx(message.zxid)} ${EVENTS[message.type]} ${message.path}`;
    case "subscription": {
      const items = itemsOf(message).map(
        ({ type, path, data }) => `${type === "page" ? "" : `${type} `}${path}${data === null ? "" : `=${data}`}`,
      );
      return `${KINDS[message.message]} ${zx(message.zxid)}${items.length > 0 ? `: ${items.join(", ")}` : ""}`;
    }
    case "goodbye":
      return `goodbye ${errorName(message.code)}`;
  }
}

/** The data that a result holds, if any; Stats are left out. */
function shown(result: readonly Value[]): string[] {
  return result
    .filter((value) => value instanceof Uint8Array || typeof value === "number")
    .map((value) => (typeof value === "number" ? String(value) : `${text(value)}`));
}

export interface Item {
  readonly type: string;
  readonly path: string;
  readonly data: string | null;
  readonly stat: readonly number[] | null;
}

/** The znodes of a page, or the changes of a unit. */
export function itemsOf(message: SubscriptionMessage): Item[] {
  const isPage = message.message === SubscriptionKind.page;
  return message.payload.map((value) => {
    const [type, path, data, stat] = (isPage ? ["page", ...(value as Value[])] : value) as [
      Value,
      string,
      Value,
      number[] | null,
    ];
    return { type: isPage ? "page" : EVENTS[type as number]!, path, data: text(data), stat };
  });
}

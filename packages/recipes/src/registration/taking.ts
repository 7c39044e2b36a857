/**
 * The steps by which a registration gets its znode. Each is asked for once, and without a time limit or a signal where it writes, so that
 * what came of it is always learned.
 */
import {
  type AclEntry,
  type Client,
  type CorralError,
  type Created,
  type CreateShape,
  isCorralError,
  op,
  type Stat,
} from "@corral/client";
import { PARENT_TRIES_MAX } from "../hold/limits.ts";
import { takenBy } from "./endings.ts";

/** What is to be made. */
export interface Site {
  readonly path: string;
  readonly sequential: boolean;
  readonly parents: boolean;
  readonly acl: readonly AclEntry[] | undefined;
  readonly onConflict: "error" | "wait" | "take-over";
}

/** Something is there that this registration did not make. */
export interface Conflict {
  readonly cause: CorralError;
  /** Until that has gone. */
  readonly mayWait: boolean;
}

/** Neither: it has changed meanwhile, and is to be tried again. */
export interface Attempt {
  readonly made?: Created;
  readonly conflict?: Conflict;
}

/** `isFirst`: only then is anything taken from others. The signal ends what only reads. */
export async function take(
  client: Client,
  site: Site,
  data: Uint8Array | null,
  { isFirst, signal }: { readonly isFirst: boolean; readonly signal: AbortSignal },
): Promise<Attempt> {
  const { path, onConflict } = site;
  try {
    return { made: await createAt(client, site, data) };
  } catch (error) {
    if (!isCorralError(error, "NODE_EXISTS")) throw error;
  }
  const other = await client.stat(path, { signal, timeoutMs: Infinity });
  if (other === undefined) return {};
  const isEphemeral = other.ephemeralOwner !== 0;
  if (onConflict === "take-over" && isEphemeral && isFirst && !signal.aborted)
    return takeOver(client, site, data, other);
  return { conflict: { cause: takenBy(path, other), mayWait: onConflict === "wait" && isEphemeral } };
}

/** Rejects with `NODE_EXISTS` where something is there. */
async function createAt(client: Client, site: Site, data: Uint8Array | null): Promise<Created> {
  for (let tries = 1; ; tries++) {
    try {
      return await client.create(site.path, data, { ...shapeOf(site), timeoutMs: Infinity });
    } catch (error) {
      if (!site.parents || !isCorralError(error, "NO_NODE") || tries >= PARENT_TRIES_MAX) throw error;
    }
    await makeParent(client, site);
  }
}

async function makeParent(client: Client, { path, acl }: Site): Promise<void> {
  const parent = path.slice(0, path.lastIndexOf("/")) || "/";
  try {
    await client.create(parent, null, { lifetime: "container", parents: true, acl, timeoutMs: Infinity });
  } catch (error) {
    if (!isCorralError(error, "NODE_EXISTS")) throw error;
  }
}

/** In place of this life of another's znode, unless that has gone meanwhile. */
async function takeOver(client: Client, site: Site, data: Uint8Array | null, other: Stat): Promise<Attempt> {
  const { path } = site;
  const replace = [op.delete(path, { ifMatch: { czxid: other.czxid } }), op.create(path, data, shapeOf(site))] as const;
  try {
    const [, made] = await client.multi(replace, { timeoutMs: Infinity });
    return { made };
  } catch (error) {
    if (isCorralError(error, "GUARD_FAILED", "NO_NODE")) return {};
    throw error;
  }
}

/** Until whatever is there may have gone. Changes of its data do not count. */
export async function untilGone(client: Client, path: string, signal: AbortSignal): Promise<void> {
  try {
    while ((await client.nextEvent(path, { existing: true, signal, timeoutMs: Infinity })).kind === "changed");
  } catch (error) {
    if (!isCorralError(error, "NO_NODE")) throw error;
  }
}

const shapeOf = ({ sequential, acl }: Site): CreateShape => ({ lifetime: "ephemeral", sequential, acl });

/**
 * The steps by which a registration gets its znode. Each is asked for once, and without a time limit or a signal where it writes, so that
 * what came of it is always learned.
 */
import {
  type AclEntry,
  type CallOptions,
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
  readonly lifetime: "ephemeral" | "persistent";
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
  readonly made?: Created | undefined;
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
    return { made: await createAt(client, site, data, always) };
  } catch (error) {
    if (!isCorralError(error, "NODE_EXISTS")) throw error;
  }
  const other = await client.stat(path, { signal, timeoutMs: Infinity });
  if (other === undefined) return {};
  const isEphemeral = other.ephemeralOwner !== 0;
  if (onConflict === "take-over" && isEphemeral && isFirst && !signal.aborted)
    return { made: await replace(client, site, data, other, always) };
  return { conflict: { cause: takenBy(path, other), mayWait: onConflict === "wait" && isEphemeral } };
}

/** What is left to a step. */
export type Rest = () => CallOptions;

/** Of what makes a znode: what comes of it must be known. */
const always: Rest = () => ({ timeoutMs: Infinity });

/** Rejects with `NODE_EXISTS` where something is there. */
export async function createAt(client: Client, site: Site, data: Uint8Array | null, rest: Rest): Promise<Created> {
  for (let tries = 1; ; tries++) {
    try {
      return await client.create(site.path, data, { ...rest(), ...shapeOf(site) });
    } catch (error) {
      if (!site.parents || !isCorralError(error, "NO_NODE") || tries >= PARENT_TRIES_MAX) throw error;
    }
    await makeParent(client, site, rest);
  }
}

async function makeParent(client: Client, { path, acl }: Site, rest: Rest): Promise<void> {
  const parent = path.slice(0, path.lastIndexOf("/")) || "/";
  try {
    await client.create(parent, null, { ...rest(), lifetime: "container", parents: true, acl });
  } catch (error) {
    if (!isCorralError(error, "NODE_EXISTS")) throw error;
  }
}

/** In place of this life of another's znode; undefined if that has gone meanwhile. */
export async function replace(
  client: Client,
  site: Site,
  data: Uint8Array | null,
  { czxid }: Stat,
  rest: Rest,
): Promise<Created | undefined> {
  const { path } = site;
  const both = [op.delete(path, { ifMatch: { czxid } }), op.create(path, data, shapeOf(site))] as const;
  try {
    const [, made] = await client.multi(both, rest());
    return made;
  } catch (error) {
    if (isCorralError(error, "GUARD_FAILED", "NO_NODE")) return undefined;
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

const shapeOf = ({ lifetime, sequential, acl }: Site): CreateShape => ({ lifetime, sequential, acl });

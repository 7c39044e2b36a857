/** Writes of single znodes. Each is applied exactly once while its session lives. */
import {
  CreateFlag,
  CreateMode,
  errorCode,
  Op,
  TTL_MS_MAX,
  type AclEntry,
  type CreateOp,
  type Guard as WireGuard,
  type Stat,
} from "@corral/protocol";
import type { ReadRefusal } from "../calls/answer.ts";
import type { CallOptions } from "../calls/requester.ts";
import { encodeAt, raw, type Codec } from "../codec.ts";
import { CorralError, isCorralError } from "../error.ts";
import { DELETE_TREE_NODES_MAX, UPDATE_PAUSE_FIRST_MS, UPDATE_PAUSE_MAX_MS, UPDATE_TRIES_MAX } from "../limits.ts";
import { toBytes } from "../options.ts";
import { pauseMs } from "../session/rounds.ts";
import { get, statOf } from "./reads.ts";
import type {
  Created,
  CreateOptions,
  CreateShape,
  DeleteOptions,
  Entry,
  Lifetime,
  SetOptions,
  UpdateOptions,
  WriteOptions,
} from "./types.ts";
import { badArgument, matched, safe, type View } from "./view.ts";

const NO_NODE = errorCode("NO_NODE");

/** The operation as it goes into a request or a multi. */
export function createOp(view: View, path: string, data: Uint8Array | null, shape: CreateShape, op: string): CreateOp {
  const sequential = shape.sequential ?? false;
  const lifetime = shape.lifetime ?? "persistent";
  return {
    op: Op.create,
    path: view.toServer(path, op, sequential),
    data,
    mode: modeOf(lifetime, sequential, op, path),
    acl: shape.acl === undefined || shape.acl === null ? null : checkAcl(shape.acl, op, path),
    ttlMs: typeof lifetime === "object" ? ttlOf(lifetime.ttlMs, op, path) : 0,
    flags: shape.parents === true ? CreateFlag.parents : 0,
  };
}

function modeOf(lifetime: Lifetime, sequential: boolean, op: string, path: string): CreateMode {
  if (typeof lifetime === "object")
    return sequential ? CreateMode.persistentSequentialWithTtl : CreateMode.persistentWithTtl;
  switch (lifetime) {
    case "persistent":
      return sequential ? CreateMode.persistentSequential : CreateMode.persistent;
    case "ephemeral":
      return sequential ? CreateMode.ephemeralSequential : CreateMode.ephemeral;
    case "container":
      if (sequential) throw badArgument(op, "sequential", "a container cannot be sequential", path);
      return CreateMode.container;
    default:
      throw badArgument(op, "lifetime", `${String(lifetime)} is not a lifetime`, path);
  }
}

function ttlOf(ttlMs: number, op: string, path: string): number {
  if (Number.isSafeInteger(ttlMs) && ttlMs > 0 && ttlMs <= TTL_MS_MAX) return ttlMs;
  throw badArgument(op, "ttlMs", `${ttlMs} is not a whole number from 1 to ${TTL_MS_MAX}`, path);
}

export function create<T>(
  view: View,
  path: string,
  value: T | null | undefined,
  options: CreateOptions<T> | undefined,
): Promise<Created> {
  const op = "create";
  const data = encodeAt(options?.codec ?? (raw as unknown as Codec<T>), value, path, op);
  const body = createOp(view, path, data, options ?? {}, op);
  const guards = view.guards(options?.guard, op);
  return view.ask(
    view.budget(op, options),
    body,
    ({ result }) => ({ path: view.toView(result[0] as string), stat: statOf(result[1]) }),
    guards,
  );
}

export function set<T>(
  view: View,
  path: string,
  value: T | null | undefined,
  options: SetOptions<T> | undefined,
  op = "set",
): Promise<Stat> {
  const at = view.toServer(path, op);
  const data = encodeAt(options?.codec ?? (raw as unknown as Codec<T>), value, path, op);
  const { version, guards } = conditions(view, at, options, op);
  return view.ask(
    view.budget(op, options),
    { op: Op.set, path: at, data, version },
    ({ result }) => statOf(result[0]),
    guards,
  );
}

function conditions(
  view: View,
  at: string,
  options: Pick<DeleteOptions, "guard" | "ifMatch"> | undefined,
  op: string,
): { readonly version: number; readonly guards: readonly WireGuard[] } {
  const { version, guard } = matched(options?.ifMatch, at, op);
  const guards = view.guards(options?.guard, op);
  return { version, guards: guard === undefined ? guards : [...guards, guard] };
}

/** Returns how many znodes were deleted. */
export function remove(view: View, path: string, options: DeleteOptions | undefined): Promise<number> {
  const op = "delete";
  const at = view.toServer(path, op);
  const budget = view.budget(op, options);
  const refused: ReadRefusal<number> | undefined =
    options?.missing === "ok"
      ? ({ code, detail }) => (code === NO_NODE && (detail.path ?? at) === at ? { value: 0 } : undefined)
      : undefined;
  if (options?.recursive !== true) {
    const { version, guards } = conditions(view, at, options, op);
    return view.ask(budget, { op: Op.delete, path: at, version }, () => 1, guards, refused);
  }
  const nodesMax = safe(options.nodesMax ?? DELETE_TREE_NODES_MAX, "nodesMax", op);
  const guards = view.guards(options.guard, op);
  const match = options.ifMatch;
  return view.ask(
    budget,
    { op: Op.deleteTree, path: at, nodesMax },
    ({ result }) => result[0] as number,
    match === undefined ? guards : [...guards, view.guard({ path, ...match }, op)],
    refused,
  );
}

/** Reads, computes and writes until nobody wrote in between. `change` may run several times: it must only compute. */
export async function update<T>(
  view: View,
  path: string,
  change: (now: Entry<T> | undefined) => T,
  options: UpdateOptions<T> | undefined,
): Promise<Entry<T>> {
  const op = "update";
  const budget = view.budget(op, options);
  const codec = options?.codec ?? (raw as unknown as Codec<T>);
  const guard = options?.guard;
  const own = view.guards(guard, op).length;
  for (let tries = 0; tries < UPDATE_TRIES_MAX; tries++) {
    const left: CallOptions = view.requester.rest(budget);
    let now: Entry<T> | undefined;
    try {
      now = await get<T>(view, path, { ...left, codec, consistency: tries === 0 ? "session" : "linearizable" });
    } catch (error) {
      if (!isCorralError(error, "NO_NODE") || options?.create === undefined) throw error;
    }
    const value = change(now);
    const rest: CallOptions = view.requester.rest(budget);
    try {
      if (now === undefined) {
        const { stat } = await create(view, path, value, { ...rest, ...options?.create, codec, guard });
        return { path, value, stat };
      }
      const stat = await set(view, path, value, { ...rest, codec, guard, ifMatch: { mzxid: now.stat.mzxid } }, op);
      return { path, value, stat };
    } catch (error) {
      if (now === undefined ? !isCorralError(error, "NODE_EXISTS") : !isOutrun(error, own)) throw error;
    }
    // Without it, writers in step outrun each other for ever.
    const { random } = view.driver.settings;
    await view.requester.pause(budget, pauseMs(tries, random, UPDATE_PAUSE_MAX_MS, UPDATE_PAUSE_FIRST_MS));
  }
  throw new CorralError("OVERLOADED", {
    op,
    detail: { path, name: "updateTries", limit: UPDATE_TRIES_MAX },
    means: "others wrote in between each time",
  });
}

/** Did the guard on the znode's state fail, which comes after the caller's own? */
function isOutrun(error: unknown, own: number): boolean {
  return isCorralError(error, "NO_NODE") || (isCorralError(error, "GUARD_FAILED") && error.index === own);
}

export function setAcl(
  view: View,
  path: string,
  acl: readonly AclEntry[],
  options: (WriteOptions & { readonly aversion?: number | undefined }) | undefined,
): Promise<Stat> {
  const op = "setAcl";
  const version = safe(options?.aversion ?? -1, "aversion", op);
  const body = { op: Op.setAcl, path: view.toServer(path, op), acl: checkAcl(acl, op, path), version };
  return view.ask(view.budget(op, options), body, ({ result }) => statOf(result[0]), view.guards(options?.guard, op));
}

/** What is no list of entries would break the protocol, and end the session: it is refused here. */
export function checkAcl(acl: readonly AclEntry[], op: string, path: string): readonly AclEntry[] {
  if (!Array.isArray(acl)) throw badArgument(op, "acl", "it is no list", path);
  for (const [at, entry] of (acl as readonly Partial<AclEntry>[]).entries()) {
    const { scheme, id, permissions } = entry ?? {};
    if (typeof scheme !== "string" || typeof id !== "string") {
      throw badArgument(op, "acl", `entry ${at} has no scheme and id that are strings`, path);
    }
    if (!Number.isSafeInteger(permissions)) {
      throw badArgument(op, "acl", `entry ${at} (${scheme}:${id}) has no permissions that are a whole number`, path);
    }
  }
  return acl;
}

/** Adds an identity to the session, now and on each connection to come: a Hello holds only so many. */
export async function addAuth(
  view: View,
  scheme: string,
  credential: string | Uint8Array,
  options: CallOptions | undefined,
): Promise<void> {
  const known = { scheme, credential: toBytes(credential) };
  const { credentials } = view.driver.identity;
  credentials.ask(known);
  try {
    await view.ask(view.budget("addAuth", options), { op: Op.addAuth, ...known }, () => {
      credentials.accepted(known);
    });
  } finally {
    credentials.answered(known);
  }
}

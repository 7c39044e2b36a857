/** Reads of single znodes and lists of children, with the one-shot watches that they may set. */
import {
  childOf,
  errorCode,
  Include,
  Op,
  readAclEntry,
  statFrom,
  WatchKind,
  type AclEntry,
  type Identity,
  type Stat,
  type Value,
} from "@corral/protocol";
import type { ReadRefusal } from "../calls/answer.ts";
import type { Budget } from "../calls/call.ts";
import type { CallOptions } from "../calls/requester.ts";
import { decodeAt, raw, type Codec } from "../codec.ts";
import type { WatchEvent } from "../watch/event.ts";
import { OneShot } from "./one-shot.ts";
import type { Child, Entry, ListOptions, ReadOptions, WatchedReadOptions } from "./types.ts";
import { badArgument, consistencyOf, safe, type View } from "./view.ts";

const NO_NODE = errorCode("NO_NODE");

export const statOf = (value: Value | undefined): Stat => statFrom(value as readonly number[]);

/** Undefined if there is no such znode; a watch is then set on its creation. */
export function find<T>(
  view: View,
  path: string,
  options: (WatchedReadOptions & { readonly codec?: Codec<T> | undefined }) | undefined,
): Promise<Entry<T> | undefined> {
  // `get` sets no watch on what is absent; `stat` does. Both are sent at once, and answered at the same moment or in order.
  const watch = options?.watch;
  if (watch === undefined) return readEntry<T, undefined>(view, "find", path, options, absentIsUndefined);
  return findWatched(view, path, options as typeof options & object, watch);
}

async function findWatched<T>(
  view: View,
  path: string,
  options: WatchedReadOptions & { readonly codec?: Codec<T> | undefined },
  watch: (event: WatchEvent) => void,
): Promise<Entry<T> | undefined> {
  // The stat sets the watch in either case; the get after it shows nothing older.
  const oneShot = new OneShot(view, view.toServer(path, "find"), watch);
  const both = Promise.all([
    askStat(view, path, options, "find", oneShot, isThere, false),
    readEntry<T, undefined>(view, "find", path, { ...options, watch: undefined }, absentIsUndefined),
  ]);
  const [, entry] = await oneShot.kept(both);
  return entry;
}

export function get<T>(
  view: View,
  path: string,
  options: (WatchedReadOptions & { readonly codec?: Codec<T> | undefined }) | undefined,
): Promise<Entry<T>> {
  return readEntry<T, never>(view, "get", path, options, undefined);
}

function readEntry<T, A>(
  view: View,
  op: string,
  path: string,
  options: (WatchedReadOptions & { readonly codec?: Codec<T> | undefined }) | undefined,
  refused: ReadRefusal<A> | undefined,
): Promise<Entry<T> | A> {
  const at = view.toServer(path, op);
  const codec = options?.codec ?? (raw as unknown as Codec<T>);
  const watch = options?.watch;
  const oneShot = watch === undefined ? undefined : new OneShot(view, at, watch);
  const reading = view.ask<Entry<T> | A>(
    view.budget(op, options),
    { op: Op.get, path: at, watch: oneShot !== undefined, consistency: consistencyOf(options) },
    ({ result, zxid }) => {
      oneShot?.set(WatchKind.data, zxid);
      return {
        path,
        value: decodeAt(codec, (result[0] ?? null) as Uint8Array | null, path, op),
        stat: statOf(result[1]),
      };
    },
    null,
    refused,
  );
  return oneShot === undefined ? reading : oneShot.kept(reading);
}

/** Of a read that answers so where there is no znode. */
const absentIsUndefined: ReadRefusal<undefined> = ({ code }) => (code === NO_NODE ? { value: undefined } : undefined);

/** Undefined if there is no such znode. */
export function stat(view: View, path: string, options: WatchedReadOptions | undefined): Promise<Stat | undefined> {
  return watched(view, path, options, "stat", (oneShot) =>
    askStat<Stat | undefined>(view, path, options, "stat", oneShot, statOf, undefined),
  );
}

export function exists(view: View, path: string, options: WatchedReadOptions | undefined): Promise<boolean> {
  return watched(view, path, options, "exists", (oneShot) =>
    askStat(view, path, options, "exists", oneShot, isThere, false),
  );
}
const isThere = (): boolean => true;

/** Reads with the one-shot watch that the options want, if any. */
function watched<T>(
  view: View,
  path: string,
  options: WatchedReadOptions | undefined,
  op: string,
  read: (oneShot: OneShot | undefined) => Promise<T>,
): Promise<T> {
  const watch = options?.watch;
  if (watch === undefined) return read(undefined);
  const oneShot = new OneShot(view, view.toServer(path, op), watch);
  return oneShot.kept(read(oneShot));
}

function askStat<T>(
  view: View,
  path: string,
  options: ReadOptions | undefined,
  op: string,
  oneShot: OneShot | undefined,
  read: (stat: Value | undefined) => T,
  absent: T,
): Promise<T> {
  const at = view.toServer(path, op);
  return view.ask<T>(
    view.budget(op, options),
    { op: Op.exists, path: at, watch: oneShot !== undefined, consistency: consistencyOf(options) },
    ({ result, zxid }) => {
      oneShot?.set(WatchKind.data, zxid);
      return read(result[0]);
    },
    null,
    ({ code, zxid }) => {
      if (code !== NO_NODE) return undefined;
      oneShot?.set(WatchKind.exist, zxid);
      return { value: absent };
    },
  );
}

/** The data as it is, with the zxid of the reply: nothing that changed before it is missing. Undefined if there is no such znode. */
export function findAt(
  view: View,
  path: string,
  options: ReadOptions | undefined,
): Promise<{ readonly data: Uint8Array | null; readonly stat: Stat; readonly zxid: number } | undefined> {
  const body = { op: Op.get, path: view.toServer(path, "get"), watch: false, consistency: consistencyOf(options) };
  return view.ask<{ readonly data: Uint8Array | null; readonly stat: Stat; readonly zxid: number } | undefined>(
    view.budget("get", options),
    body,
    ({ result, zxid }) => ({
      data: raw.decode((result[0] ?? null) as Uint8Array | null),
      stat: statOf(result[1]),
      zxid,
    }),
    null,
    absentIsUndefined,
  );
}

const INCLUDE = { names: Include.names, stat: Include.stat, data: Include.data } as const;

interface Page<T> {
  readonly children: readonly Child<T>[];
  readonly cursor: readonly number[] | null;
}

function page<T>(
  view: View,
  budget: Budget,
  path: string,
  options: ListOptions<T> | undefined,
  cursor: readonly number[] | null,
  oneShot?: OneShot,
): Promise<Page<T>> {
  const at = view.toServer(path, budget.op);
  const include = INCLUDE[options?.include ?? "names"];
  const codec = options?.codec ?? (raw as unknown as Codec<T>);
  const limit = safe(options?.pageSize ?? 0, "pageSize", budget.op);
  if (limit < 0) throw badArgument(budget.op, "pageSize", `${limit} is negative`);
  const body = {
    op: Op.children,
    path: at,
    watch: cursor === null && oneShot !== undefined,
    consistency: consistencyOf(options),
    include,
    cursor,
    limit,
  };
  return view.ask(budget, body, (reply) => {
    if (cursor === null) oneShot?.set(WatchKind.child, reply.zxid);
    const [items, , next] = reply.result;
    const children = (items as readonly Value[]).map((item) => childFrom(item, include, path, codec, budget.op));
    return { children, cursor: (next ?? null) as readonly number[] | null };
  });
}

function childFrom<T>(item: Value, include: Include, parent: string, codec: Codec<T>, op: string): Child<T> {
  if (include === Include.names) {
    const name = item as string;
    return { name, path: childOf(parent, name), value: undefined, stat: undefined };
  }
  const fields = item as readonly Value[];
  const name = fields[0] as string;
  const path = childOf(parent, name);
  const numbers = fields[include === Include.data ? 2 : 1];
  const stat = numbers === null ? undefined : statOf(numbers);
  const value =
    include === Include.data && stat !== undefined
      ? decodeAt(codec, fields[1] as Uint8Array | null, path, op)
      : undefined;
  return { name, path, value, stat };
}

/** The names of all children, in the order of their creation. */
export function children(view: View, path: string, options: WatchedReadOptions | undefined): Promise<string[]> {
  return watched(view, path, options, "children", (oneShot) => allChildren(view, path, options, oneShot));
}

async function allChildren(
  view: View,
  path: string,
  options: ReadOptions | undefined,
  oneShot: OneShot | undefined,
): Promise<string[]> {
  const budget = view.budget("children", options);
  const names: string[] = [];
  let cursor: readonly number[] | null = null;
  do {
    const answer: Page<unknown> = await page(view, budget, path, { ...options, include: "names" }, cursor, oneShot);
    for (const child of answer.children) names.push(child.name);
    cursor = answer.cursor;
  } while (cursor !== null);
  return names;
}

/** Page by page, as they are asked for. The time limit is for each page. */
export async function* list<T>(
  view: View,
  path: string,
  options: ListOptions<T> | undefined,
): AsyncGenerator<Child<T>, void, undefined> {
  let cursor: readonly number[] | null = null;
  do {
    const answer: Page<T> = await page(view, view.budget("list", options), path, options, cursor);
    yield* answer.children;
    cursor = answer.cursor;
  } while (cursor !== null);
}

export function getAcl(
  view: View,
  path: string,
  options: ReadOptions | undefined,
): Promise<{ acl: AclEntry[]; stat: Stat }> {
  const body = { op: Op.getAcl, path: view.toServer(path, "getAcl"), consistency: consistencyOf(options) };
  return view.ask(view.budget("getAcl", options), body, ({ result }) => ({
    acl: (result[0] as readonly Value[]).map(readAclEntry),
    stat: statOf(result[1]),
  }));
}

export function countDescendants(view: View, path: string, options: ReadOptions | undefined): Promise<number> {
  const op = "countDescendants";
  const body = { op: Op.countDescendants, path: view.toServer(path, op), consistency: consistencyOf(options) };
  return view.ask(view.budget(op, options), body, ({ result }) => result[0] as number);
}

/** The ephemerals of this session, oldest first. */
export async function ephemerals(view: View, prefix: string, options: CallOptions | undefined): Promise<string[]> {
  const budget = view.budget("ephemerals", options);
  const at = view.toServer(prefix, budget.op);
  const paths: string[] = [];
  let after: number | null = 0;
  while (after !== null) {
    const result: readonly Value[] = await view.ask(
      budget,
      { op: Op.ephemerals, prefix: at, after },
      (reply) => reply.result,
    );
    for (const path of result[0] as readonly string[]) paths.push(view.toView(path));
    after = result[1] as number | null;
  }
  return paths;
}

export function whoAmI(view: View, options: CallOptions | undefined): Promise<Identity[]> {
  return view.ask(view.budget("whoAmI", options), { op: Op.whoAmI }, ({ result }) =>
    (result[0] as readonly (readonly [string, string])[]).map(([scheme, id]) => ({ scheme, id })),
  );
}

/** Everything acknowledged to anyone before this call is seen by reads after it. Resolves with the zxid. */
export function sync(view: View, path: string, options: CallOptions | undefined): Promise<number> {
  return view.ask(view.budget("sync", options), { op: Op.sync, path: view.toServer(path, "sync") }, ({ zxid }) => zxid);
}

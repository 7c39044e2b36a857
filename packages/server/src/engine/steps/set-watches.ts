/**
 * setWatches: after a reconnect a client registers its watches again, each with the zxid up to which it has seen events.
 *
 * Where the history reaches back, what was missed is told from it, exactly. Where it does not, one-shot watches follow
 * ZooKeeper's rule (DataTree.setWatches: compare mzxid and pzxid), and persistent ones are registered but listed in the
 * reply: their owner has to read again. Events come before the reply.
 */
import {
  EventType,
  Permission,
  type RegisteredWatch,
  type SetWatchesRequest,
  WatchKind,
  isWithin,
  parentOf,
  pathFault,
} from "@corral/protocol";
import { ACL_CHANGED, type HistoryEntry, NIL, type Refusal, allows, refuse } from "@corral/state-machine";
import type { Connection } from "../tables/connection.ts";
import { BIT_OF_KIND } from "../tables/watch-table.ts";
import type { World } from "../world.ts";
import { pathOfEntry } from "./history-path.ts";
import { writeEvent } from "./notify.ts";
import { watchOnce } from "./read.ts";

export function setWatches(
  world: World,
  connection: Connection,
  request: SetWatchesRequest,
  openReply: () => void,
): Refusal | undefined {
  const refusal = check(world, request.watches);
  if (refusal !== undefined) return refusal;
  const spent = new Set<RegisteredWatch>();
  const isCovered = coverage(world, request.watches);
  if (isCovered.from !== undefined) tellMissed(world, connection, request.watches.filter(isCovered.has), isCovered.from, spent);
  const lost: number[] = [];
  for (const [index, watch] of request.watches.entries()) {
    if (!isCovered.has(watch)) {
      if (isOneShot(watch)) tellByStat(world, connection, watch, spent);
      else lost.push(index);
    }
    if (spent.has(watch)) continue;
    const full = watchOnce(world, connection, watch.path, BIT_OF_KIND[watch.kind as WatchKind]);
    if (full !== undefined) return full;
  }
  openReply();
  connection.out.array(lost.length);
  for (const index of lost) connection.out.int(index);
  return undefined;
}

function check(world: World, watches: readonly RegisteredWatch[]): Refusal | undefined {
  for (const { path, kind } of watches) {
    const fault = pathFault(path, world.state.options.pathBytes);
    if (fault !== undefined) return refuse("BAD_ARGUMENTS", { path, name: fault });
    if (!(kind in BIT_OF_KIND)) return refuse("BAD_ARGUMENTS", { path, name: "kind", actual: kind });
  }
  return undefined;
}

const isOneShot = ({ kind }: RegisteredWatch): boolean => kind <= WatchKind.child;

/** Which watches the history can continue, and from where it has to be read for them. */
function coverage(
  world: World,
  watches: readonly RegisteredWatch[],
): { readonly from: number | undefined; readonly has: (watch: RegisteredWatch) => boolean } {
  const reach = Math.max(world.state.history.since, world.state.history.zxidBack(world.limits.catchUpEntries));
  let from: number | undefined;
  for (const { zxid } of watches) if (zxid >= reach && (from === undefined || zxid < from)) from = zxid;
  return { from, has: ({ zxid }) => zxid >= reach };
}

/** Reads the history once, and tells each watch what it would have been told. */
function tellMissed(
  world: World,
  connection: Connection,
  watches: readonly RegisteredWatch[],
  from: number,
  spent: Set<RegisteredWatch>,
): void {
  const byPath = new Map<string, RegisteredWatch[]>();
  for (const watch of watches) {
    const there = byPath.get(watch.path);
    if (there === undefined) byPath.set(watch.path, [watch]);
    else there.push(watch);
  }
  for (const entry of world.state.history.after(from)) {
    if (entry.type === ACL_CHANGED) continue;
    const path = pathOfEntry(entry);
    const told = new Set<number>();
    for (let at = path; ; at = parentOf(at)) {
      for (const watch of byPath.get(at) ?? []) {
        if (watch.zxid >= entry.zxid || spent.has(watch)) continue;
        for (const type of typesFor(watch, entry.type, path)) {
          if (isOneShot(watch)) spent.add(watch);
          const key = type === EventType.children ? -1 : type;
          if (told.has(key)) continue;
          told.add(key);
          tell(world, connection, entry, type, type === EventType.children ? watch.path : path);
        }
      }
      if (at === "/") break;
    }
  }
}

/** The events that a change at `path` is to this watch. */
function typesFor(watch: RegisteredWatch, type: number, path: string): readonly number[] {
  const isChild = path !== "/" && parentOf(path) === watch.path && path !== watch.path;
  const isOwn = path === watch.path;
  switch (watch.kind) {
    case WatchKind.data:
    case WatchKind.exist:
      return isOwn ? [type] : [];
    case WatchKind.child:
      if (isOwn && type === EventType.deleted) return [type];
      return isChild && type !== EventType.changed ? [EventType.children] : [];
    case WatchKind.persistent:
      if (isOwn) return [type];
      return isChild && type !== EventType.changed ? [EventType.children] : [];
    default:
      return isWithin(watch.path, path) ? [type] : [];
  }
}

/** The ACL of a parent is not part of the history: for its children event, today's decides. */
function tell(world: World, connection: Connection, entry: HistoryEntry, type: number, path: string): void {
  const { tree, options } = world.state;
  let acl = entry.acl;
  if (type === EventType.children) {
    const slot = tree.find(path);
    if (slot !== NIL) acl = tree.acl(slot);
  }
  if (!allows(acl, Permission.read, connection.session!.identities, options)) return;
  writeEvent(connection.out, entry.zxid, type, path);
  world.counters.events++;
}

/** ZooKeeper's rule for a one-shot watch, by what the znode looks like now. */
function tellByStat(world: World, connection: Connection, watch: RegisteredWatch, spent: Set<RegisteredWatch>): void {
  const { tree } = world.state;
  const slot = tree.find(watch.path);
  let type: number | undefined;
  if (watch.kind === WatchKind.exist) type = slot === NIL ? undefined : EventType.created;
  else if (slot === NIL) type = EventType.deleted;
  else if (watch.kind === WatchKind.data && tree.mzxid(slot) > watch.zxid) type = EventType.changed;
  else if (watch.kind === WatchKind.child && tree.pzxid(slot) > watch.zxid) type = EventType.children;
  if (type === undefined) return;
  spent.add(watch);
  writeEvent(connection.out, world.state.zxid, type, watch.path);
  world.counters.events++;
}

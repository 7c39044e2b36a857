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
  parentOf,
  pathFault,
} from "@corral/protocol";
import { ACL_CHANGED, type HistoryEntry, NIL, type Refusal, allows, refuse } from "@corral/state-machine";
import type { Connection } from "../tables/connection.ts";
import { BIT_OF_KIND } from "../tables/watch-table.ts";
import type { World } from "../world.ts";
import { pathOfEntry } from "./history-path.ts";
import { writeEvent } from "./notify.ts";
import { touched } from "./respond.ts";
import { roomForWatches } from "./watch.ts";

export function setWatches(
  world: World,
  connection: Connection,
  request: SetWatchesRequest,
  openReply: () => void,
): Refusal | undefined {
  const refusal = check(world, connection, request.watches);
  if (refusal !== undefined) return refusal;
  const spent = new Set<RegisteredWatch>();
  const isCovered = coverage(world, request.watches);
  if (isCovered.from !== undefined)
    tellMissed(world, connection, request.watches.filter(isCovered.has), isCovered.from, spent);
  const lost: number[] = [];
  for (const [index, watch] of request.watches.entries()) {
    if (!isCovered.has(watch)) {
      if (isOneShot(watch)) tellByStat(world, connection, watch, spent);
      else lost.push(index);
    }
    if (!spent.has(watch)) world.watches.add(connection, watch.path, BIT_OF_KIND[watch.kind as WatchKind]);
  }
  world.work += request.watches.length;
  openReply();
  connection.out.array(lost.length);
  for (const index of lost) connection.out.int(index);
  return undefined;
}

/** All that can be wrong, before anything is said: an event that has been sent cannot be taken back. */
function check(world: World, connection: Connection, watches: readonly RegisteredWatch[]): Refusal | undefined {
  for (const { path, kind } of watches) {
    const fault = pathFault(path, world.state.options.pathBytes);
    if (fault !== undefined) return refuse("BAD_ARGUMENTS", { path, name: fault });
    if (!(kind in BIT_OF_KIND)) return refuse("BAD_ARGUMENTS", { path, name: "kind", actual: kind });
  }
  const more = new Set(watches.map(({ path }) => path).filter((path) => !connection.watches.has(path))).size;
  return roomForWatches(world, connection, more);
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

/** Reads the history once, and tells each watch what it would have been told, in the order of `notify`. */
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
    world.work++;
    if (entry.type === ACL_CHANGED) continue;
    const path = pathOfEntry(entry);
    const isWanted = (watch: RegisteredWatch, kinds: ReadonlySet<number>): boolean =>
      kinds.has(watch.kind) && watch.zxid < entry.zxid && !spent.has(watch);
    /** One event for all the watches at a path that want it. */
    const fire = (at: string, kinds: ReadonlySet<number>): boolean => {
      const wanting = (byPath.get(at) ?? []).filter((watch) => isWanted(watch, kinds));
      for (const watch of wanting) if (isOneShot(watch)) spent.add(watch);
      return wanting.length > 0;
    };
    let isHeard = fire(path, OWN);
    for (let at = path; at !== "/";) {
      at = parentOf(at);
      isHeard = fire(at, RECURSIVE) || isHeard;
    }
    if (entry.type === EventType.deleted) isHeard = fire(path, CHILD) || isHeard;
    if (isHeard) tell(world, connection, entry, entry.type, path);
    if (entry.type !== EventType.changed && fire(parentOf(path), CHILD)) {
      tell(world, connection, entry, EventType.children, parentOf(path));
    }
  }
}

const OWN: ReadonlySet<number> = new Set([WatchKind.data, WatchKind.exist, WatchKind.persistent, WatchKind.recursive]);
const RECURSIVE: ReadonlySet<number> = new Set([WatchKind.recursive]);
const CHILD: ReadonlySet<number> = new Set([WatchKind.child, WatchKind.persistent]);

/** Decided by the ACL valid then: of the znode itself, or of the parent for its children event. */
function tell(world: World, connection: Connection, entry: HistoryEntry, type: number, path: string): void {
  const acl = type === EventType.children ? entry.otherAcl! : entry.acl;
  if (!allows(acl, Permission.read, connection.session!.identities, world.state.options)) return;
  event(world, connection, entry.zxid, type, path);
}

/** Sent in between if there is much of it. */
function event(world: World, connection: Connection, zxid: number, type: number, path: string): void {
  writeEvent(connection.out, zxid, type, path);
  world.counters.events++;
  touched(world, connection);
}

/** ZooKeeper's rule for a one-shot watch, by what the znode looks like now. */
function tellByStat(world: World, connection: Connection, watch: RegisteredWatch, spent: Set<RegisteredWatch>): void {
  const { tree, options } = world.state;
  const slot = tree.find(watch.path);
  if (slot !== NIL && !allows(tree.acl(slot), Permission.read, connection.session!.identities, options)) return;
  let type: number | undefined;
  if (watch.kind === WatchKind.exist) type = slot === NIL ? undefined : EventType.created;
  else if (slot === NIL) type = EventType.deleted;
  else if (watch.kind === WatchKind.data && tree.mzxid(slot) > watch.zxid) type = EventType.changed;
  else if (watch.kind === WatchKind.child && tree.pzxid(slot) > watch.zxid) type = EventType.children;
  if (type === undefined) return;
  spent.add(watch);
  event(world, connection, world.state.zxid, type, watch.path);
}

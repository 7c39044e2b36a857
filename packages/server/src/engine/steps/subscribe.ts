/**
 * Subscriptions: a part of the tree as it is, then every change after, in order, or every change since a zxid. What
 * cannot be continued is told as `resync`; there is never a silent hole.
 *
 * While at the present and with credits, a subscription is told of a change in the turn of its apply, before any reply
 * that shows it. Otherwise it falls behind, and `pumpSubscriptions` brings it forward from the history, a bounded piece at
 * a time. Pages of a subtree are sent only at the present, so that what arrives last is right. One in whose part nothing
 * happens is told `synced` again before the history leaves it behind (mark.ts).
 */
import {
  Permission,
  Push,
  Scope,
  SubscribeFlag,
  type SubscribeRequest,
  SubscriptionKind,
  type UnsubscribeRequest,
  type Writer,
  pathFault,
} from "@corral/protocol";
import { type HistoryEntry, NIL, type Refusal, Walk, allows, refuse } from "@corral/state-machine";
import type { Connection } from "../tables/connection.ts";
import { type Subscription, covers } from "../tables/subscription.ts";
import type { World } from "../world.ts";
import { pathOfEntry } from "./history-path.ts";
import { isQuiet, markQuiet } from "./mark.ts";
import { CREDITS_MAX } from "./receive.ts";
import { touched } from "./respond.ts";
import { visibleType, writeChange } from "./subscription-view.ts";

const DEPTH_OF: Readonly<Record<number, number>> = { [Scope.tree]: Infinity, [Scope.node]: 0, [Scope.children]: 1 };
/** Entries of the history, or znodes of the walk, looked at for one subscription in one turn. */
const STEPS_PER_TURN = 2_000;

export function subscribe(world: World, connection: Connection, request: SubscribeRequest): Refusal | undefined {
  const { id, path, since, scope, flags, credits } = request;
  const fault = pathFault(path, world.state.options.pathBytes);
  if (fault !== undefined) return refuse("BAD_ARGUMENTS", { path, name: fault });
  if (!(scope in DEPTH_OF)) return refuse("BAD_ARGUMENTS", { path, name: "scope", actual: scope });
  if (since < -1 || since > world.state.zxid) return refuse("BAD_ARGUMENTS", { path, name: "since", actual: since });
  if (world.subscriptions.of(connection).has(id)) return refuse("BAD_ARGUMENTS", { path, name: "id", actual: id });
  const limit = world.limits.subscriptionsPerConnection;
  if (world.subscriptions.of(connection).size >= limit) {
    return refuse("LIMIT_EXCEEDED", { path, name: "subscriptionsPerConnection", limit });
  }
  const subscription: Subscription = {
    id,
    connection,
    path,
    scope,
    flags,
    credits: Math.min(credits, CREDITS_MAX),
    lag: since < 0 ? undefined : since,
    walk: since < 0 ? "wanted" : undefined,
    isSynced: false,
    toldAt: world.state.history.turnover,
  };
  world.subscriptions.add(subscription);
  world.subscriptions.ready.add(subscription);
  return undefined;
}

export function unsubscribe(world: World, connection: Connection, request: UnsubscribeRequest): Refusal | undefined {
  const subscription = world.subscriptions.of(connection).get(request.id);
  if (subscription === undefined) return refuse("NO_SUBSCRIPTION", { actual: request.id });
  end(world, subscription);
  return undefined;
}

function end(world: World, subscription: Subscription): void {
  if (typeof subscription.walk === "object") subscription.walk.end(world.state.tree);
  world.subscriptions.remove(subscription);
}

/** After each entry: tells those at the present of its changes. */
export function tellSubscribers(world: World, zxid: number): void {
  if (world.subscriptions.count === 0) return;
  if (world.state.history.since >= zxid) return leaveBehind(world, zxid);
  const units = new Map<Subscription, HistoryEntry[]>();
  for (const entry of world.state.history.after(zxid - 1)) {
    world.subscriptions.covering(pathOfEntry(entry), (subscription) => {
      const unit = units.get(subscription);
      if (unit === undefined) units.set(subscription, [entry]);
      else unit.push(entry);
    });
  }
  for (const [subscription, unit] of units) {
    if (subscription.lag !== undefined) continue;
    if (subscription.walk === "wanted") continue;
    if (!sendUnit(world, subscription, zxid, unit)) fallBehind(world, subscription, zxid);
  }
}

/** It has been told everything before this zxid. */
function fallBehind(world: World, subscription: Subscription, zxid: number): void {
  subscription.lag = zxid - 1;
  world.subscriptions.ready.add(subscription);
}

/** One transaction changed more than the history holds: whoever it may concern begins anew. */
function leaveBehind(world: World, zxid: number): void {
  for (const subscription of world.subscriptions) {
    if (subscription.lag === undefined && subscription.walk !== "wanted") fallBehind(world, subscription, zxid);
  }
}

/** At the end of a turn: brings forward whoever has something to come and the credit for it. */
export function pumpSubscriptions(world: World): void {
  const { ready } = world.subscriptions;
  markQuiet(world);
  for (const subscription of ready) if (pumpOne(world, subscription)) ready.delete(subscription);
  if (ready.size > 0) world.sink.again();
}

/** True when there is nothing left to do until something happens. */
function pumpOne(world: World, subscription: Subscription): boolean {
  const { connection } = subscription;
  for (let steps = 0; steps < STEPS_PER_TURN;) {
    if (subscription.credits === 0 || !connection.isLive) return true;
    if (isFull(world, connection)) return true;
    if (subscription.lag !== undefined) steps += catchUp(world, subscription, subscription.lag, STEPS_PER_TURN - steps);
    else if (subscription.walk !== undefined) steps += sendPage(world, subscription);
    else if (!subscription.isSynced || isQuiet(world, subscription)) {
      message(world, subscription, SubscriptionKind.synced, world.state.zxid);
      subscription.isSynced = true;
      subscription.credits--;
      if ((subscription.flags & SubscribeFlag.once) !== 0) end(world, subscription);
    } else return true;
  }
  return false;
}

/** The client has enough to take; goes on when it has taken some. */
function isFull(world: World, { unsent, out }: Connection): boolean {
  return unsent + out.length > world.limits.unsentBytesSoft;
}

/** Sends what the history holds after `lag`, unit by unit; returns how many entries it looked at. */
function catchUp(world: World, subscription: Subscription, lag: number, stepsMax: number): number {
  const { history } = world.state;
  if (lag < history.since) return startAnew(world, subscription);
  let unit: HistoryEntry[] = [];
  let at = lag;
  let steps = 0;
  for (const entry of history.after(lag)) {
    if (entry.zxid !== at) {
      if (!sendUnit(world, subscription, at, unit)) return steps + 1;
      subscription.lag = at;
      if (steps >= stepsMax || isFull(world, subscription.connection)) return steps;
      unit = [];
      at = entry.zxid;
    }
    steps++;
    if (covers(subscription, pathOfEntry(entry))) unit.push(entry);
  }
  if (!sendUnit(world, subscription, at, unit)) return steps + 1;
  subscription.lag = undefined;
  return steps + 1;
}

function startAnew(world: World, subscription: Subscription): number {
  if (typeof subscription.walk === "object") subscription.walk.end(world.state.tree);
  message(world, subscription, SubscriptionKind.resync, world.state.zxid);
  subscription.credits--;
  subscription.lag = undefined;
  subscription.walk = "wanted";
  subscription.isSynced = false;
  return 1;
}

/** Sends the changes of one zxid that the session may see; false, with nothing sent, if there is no credit. */
function sendUnit(world: World, subscription: Subscription, zxid: number, unit: readonly HistoryEntry[]): boolean {
  const { identities } = subscription.connection.session!;
  const seen: [number, HistoryEntry][] = [];
  for (const entry of unit) {
    const type = visibleType(entry, identities, world.state.options);
    if (type !== undefined) seen.push([type, entry]);
  }
  if (seen.length === 0) return true;
  const parts = partition(seen, world.limits.pageBytes);
  if (subscription.credits === 0) return false;
  const withData = (subscription.flags & SubscribeFlag.withoutData) === 0;
  for (const [i, part] of parts.entries()) {
    const kind = i === parts.length - 1 ? SubscriptionKind.changes : SubscriptionKind.changesPart;
    message(world, subscription, kind, zxid, (w) => {
      w.array(part.length);
      for (const [type, entry] of part) writeChange(w, type, entry, withData);
    });
  }
  subscription.credits--;
  return true;
}

function partition(seen: readonly [number, HistoryEntry][], pageBytes: number): [number, HistoryEntry][][] {
  const parts: [number, HistoryEntry][][] = [];
  let bytes = Infinity;
  for (const item of seen) {
    const size = item[1].path.length + (item[1].data?.length ?? 0) + (item[1].stat?.length ?? 0) + 4;
    if (bytes + size > pageBytes) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)!.push(item);
    bytes += size;
  }
  return parts;
}

/** Sends the next znodes of the subtree; returns how many it looked at. */
function sendPage(world: World, subscription: Subscription): number {
  const { tree, options } = world.state;
  const { identities } = subscription.connection.session!;
  const root = tree.find(subscription.path);
  if (subscription.walk === "wanted") {
    subscription.walk = root === NIL ? undefined : new Walk(tree, root, DEPTH_OF[subscription.scope]!);
    if (subscription.walk === undefined) return 1;
  }
  const walk = subscription.walk as Walk;
  const withData = (subscription.flags & SubscribeFlag.withoutData) === 0;
  let looked = 0;
  let isDone = false;
  message(world, subscription, SubscriptionKind.page, world.state.zxid, (w) => {
    const start = w.length;
    const list = w.openArray();
    let found = 0;
    while (looked < STEPS_PER_TURN && w.length - start < world.limits.pageBytes) {
      const slot = walk.step(tree);
      if (slot === NIL) {
        isDone = true;
        break;
      }
      looked++;
      if (!allows(tree.acl(slot), Permission.read, identities, options)) continue;
      w.array(3);
      w.str(tree.path(slot));
      if (withData) tree.writeData(w, slot);
      else w.nil();
      tree.writeStat(w, slot);
      found++;
    }
    w.closeArray(list, found);
  });
  subscription.credits--;
  if (isDone) {
    walk.end(tree);
    subscription.walk = undefined;
  }
  return looked + 1;
}

/** Writes one message. */
function message(
  world: World,
  subscription: Subscription,
  kind: number,
  zxid: number,
  payload?: (w: Writer) => void,
): void {
  const { connection } = subscription;
  subscription.toldAt = world.state.history.turnover;
  connection.out.array(payload === undefined ? 4 : 5);
  connection.out.int(Push.subscription);
  connection.out.int(zxid);
  connection.out.int(subscription.id);
  connection.out.int(kind);
  payload?.(connection.out);
  world.counters.events++;
  touched(world, connection);
}

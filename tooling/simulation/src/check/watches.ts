/**
 * Watches, connection by connection: each fires for exactly the changes that it should, in order, and before any reply that
 * shows the change; what a reconnecting client missed is told before the reply to its setWatches.
 */
import {
  Op,
  type RegisteredWatch,
  type Reply,
  type Request,
  WatchKind,
  WatchMode,
  WatcherType,
} from "@corral/protocol";
import type { Frame } from "@corral/testing/world";
import type { Violation } from "../history.ts";
import { May, may } from "../model/acl.ts";
import type { Step } from "../model/model.ts";
import { above, isIn } from "../model/tree.ts";
import type { Replayed } from "./replayed.ts";

const TYPES = { created: 1, deleted: 2, changed: 3, children: 4 } as const;

interface Event {
  readonly zxid: number;
  readonly type: number;
  readonly path: string;
  /** By the ACL: may the watcher hear of it? */
  readonly acl: Step["changes"][number]["parentAcl"];
}

/** The events that a step is, to someone who watches everything. */
function eventsOf({
  entry: { zxid },
  changes,
}: Step): { readonly own: Event; readonly ofParent: Event | undefined; readonly path: string }[] {
  return changes.flatMap(({ type, path, node, parentAcl }) => {
    if (type === "acl") return [];
    const own = { zxid, type: TYPES[type], path, acl: node.acl };
    const ofParent = type === "changed" ? undefined : { zxid, type: TYPES.children, path: above(path), acl: parentAcl };
    return [{ own, ofParent, path }];
  });
}

const isOneShot = (kind: number): boolean =>
  kind === WatchKind.data || kind === WatchKind.exist || kind === WatchKind.child;

/** Which of a change's events this watch is told. */
function toldBy(kind: number, at: string, { own, ofParent, path }: ReturnType<typeof eventsOf>[number]): Event[] {
  const parent = ofParent?.path === at ? [ofParent] : [];
  const self = path === at ? [own] : [];
  switch (kind) {
    case WatchKind.data:
    case WatchKind.exist:
      return self;
    case WatchKind.child:
      return [...(own.type === TYPES.deleted ? self : []), ...parent];
    case WatchKind.persistent:
      return [...self, ...parent];
    default:
      return isIn(at, path) ? [own] : [];
  }
}

const keyOf = ({ zxid, type, path }: { readonly zxid: number; readonly type: number; readonly path: string }): string =>
  `${zxid} ${type} ${path}`;
/** A data watch and one on an absent znode are the same at the server. */
const watchKey = (kind: number, path: string): string => `${kind === WatchKind.exist ? WatchKind.data : kind} ${path}`;

/** The watches of one connection as they should be. */
class Connection {
  readonly #id: number;
  readonly #session: number;
  readonly #replayed: Replayed;
  readonly #violations: Violation[];
  readonly #watches = new Map<string, { readonly kind: number; readonly path: string }>();
  readonly #requests = new Map<number, Request>();
  /** Up to this index every step has been turned into events. */
  #at = 0;
  /** Told, or to be told; ascending by zxid. */
  #due: Event[] = [];
  /** Told without being due: must be what a setWatches missed. */
  #early: string[] = [];
  readonly #told = new Set<string>();

  constructor(id: number, session: number, replayed: Replayed, violations: Violation[]) {
    this.#id = id;
    this.#session = session;
    this.#replayed = replayed;
    this.#violations = violations;
  }

  #fail(what: string): void {
    this.#violations.push({ check: "watches", what: `connection ${this.#id} of session ${this.#session}: ${what}` });
  }

  asked(request: Request): void {
    this.#requests.set(request.xid, request);
  }

  welcomed(zxid: number): void {
    const { steps } = this.#replayed;
    while (this.#at < steps.length && steps[this.#at]!.entry.zxid <= zxid) this.#at++;
  }

  /** Steps up to this zxid happen to the watches that stand. */
  #catchUp(zxid: number): void {
    const { steps } = this.#replayed;
    for (; this.#at < steps.length && steps[this.#at]!.entry.zxid <= zxid; this.#at++) {
      // The end of the session is told, and nothing of what goes with it.
      if (steps[this.#at]!.closed === this.#session) this.#watches.clear();
      for (const event of this.#fire(eventsOf(steps[this.#at]!))) this.#due.push(event);
    }
  }

  #fire(changes: ReturnType<typeof eventsOf>): Event[] {
    const fired: Event[] = [];
    for (const change of changes) {
      const ofChange = new Map<string, Event>();
      for (const [key, { kind, path }] of this.#watches) {
        const told = toldBy(kind, path, change);
        if (told.length === 0) continue;
        if (isOneShot(kind)) this.#watches.delete(key);
        for (const event of told) ofChange.set(keyOf(event), event);
      }
      for (const event of ofChange.values()) if (this.#mayHear(event)) fired.push(event);
    }
    return fired;
  }

  /** By the ACL of then, and who the session is: at the time of the event, or when it is told of it afterwards. */
  #mayHear({ acl, zxid }: Event, toldAt: number = zxid): boolean {
    const known = this.#replayed.identities.get(this.#session) ?? [];
    const list = known.findLast(({ from }) => from <= toldAt)?.list ?? [];
    return may(acl, May.read, list);
  }

  event(event: { readonly zxid: number; readonly type: number; readonly path: string }): void {
    this.#catchUp(event.zxid);
    const i = this.#due.findIndex((due) => keyOf(due) === keyOf(event));
    this.#told.add(keyOf(event));
    if (i < 0) {
      this.#early.push(keyOf(event));
      return;
    }
    const overdue = this.#due.find(({ zxid }) => zxid < event.zxid);
    if (overdue !== undefined) this.#fail(`told ${keyOf(event)} before ${keyOf(overdue)}`);
    this.#due.splice(i, 1);
  }

  replied(reply: Reply): void {
    const request = this.#requests.get(reply.xid);
    this.#catchUp(reply.zxid);
    const late = this.#due.find(({ zxid }) => zxid <= reply.zxid);
    if (late !== undefined) {
      this.#fail(`reply ${reply.xid} with zxid ${reply.zxid} came before the event ${keyOf(late)}`);
      this.#due = this.#due.filter(({ zxid }) => zxid > reply.zxid);
    }
    if (request === undefined) return;
    this.#requests.delete(reply.xid);
    if (request.op === Op.setWatches) this.#restored(request.watches, reply);
    else this.#changed(request, reply);
  }

  #changed(request: Request, reply: Reply): void {
    const isAbsent = request.op === Op.exists && reply.code === -101;
    if (reply.code !== 0 && !isAbsent) return;
    if ((request.op === Op.exists || request.op === Op.get) && request.watch) this.#add(WatchKind.data, request.path);
    else if (request.op === Op.children && request.watch && request.cursor === null)
      this.#add(WatchKind.child, request.path);
    else if (request.op === Op.addWatch)
      this.#add(request.mode === WatchMode.persistent ? WatchKind.persistent : WatchKind.recursive, request.path);
    else if (request.op === Op.removeWatches)
      for (const kind of KINDS_OF[request.type] ?? []) this.#watches.delete(watchKey(kind, request.path));
  }

  #add(kind: number, path: string): void {
    this.#watches.set(watchKey(kind, path), { kind, path });
  }

  /** What each watch should have been told since its zxid; what it was told instead. */
  #restored(watches: readonly RegisteredWatch[], reply: Reply): void {
    if (reply.code !== 0) return;
    const lost = new Set(reply.result[0] as readonly number[]);
    const meant = new Set<string>();
    for (const [index, { kind, path, zxid }] of watches.entries()) {
      const missed = lost.has(index) ? [] : this.#missed(kind, path, zxid, reply.zxid);
      for (const event of missed) if (this.#mayHear(event, reply.zxid)) meant.add(keyOf(event));
      if (!isOneShot(kind) || missed.length === 0) this.#add(kind, path);
    }
    for (const key of meant) if (!this.#told.has(key)) this.#fail(`setWatches ${reply.xid} did not tell ${key}`);
    for (const key of this.#early)
      if (!meant.has(key)) this.#fail(`setWatches ${reply.xid} told ${key}, which nobody had missed`);
    this.#early = [];
  }

  #missed(kind: number, path: string, after: number, upTo: number): Event[] {
    const missed: Event[] = [];
    for (const step of this.#replayed.steps) {
      const { zxid } = step.entry;
      if (zxid <= after || zxid > upTo) continue;
      for (const change of eventsOf(step)) {
        missed.push(...toldBy(kind, path, change));
        if (isOneShot(kind) && missed.length > 0) return missed.slice(0, 1);
      }
    }
    return missed;
  }

  over(): void {
    for (const key of this.#early) this.#fail(`told ${key}, and no watch was set for it`);
  }

  /** The connection may end in the middle of what a setWatches missed: then nobody knows. */
  get isRestoring(): boolean {
    return [...this.#requests.values()].some(({ op }) => op === Op.setWatches);
  }
}

const KINDS_OF: Readonly<Record<number, readonly number[]>> = {
  [WatcherType.children]: [WatchKind.child],
  [WatcherType.data]: [WatchKind.data],
  [WatcherType.any]: [WatchKind.child, WatchKind.data, WatchKind.persistent, WatchKind.recursive],
  [WatcherType.persistent]: [WatchKind.persistent],
  [WatcherType.persistentRecursive]: [WatchKind.recursive],
};

export function checkWatches(frames: readonly Frame[], replayed: Replayed): Violation[] {
  const violations: Violation[] = [];
  const connections = new Map<number, Connection>();
  for (const frame of frames) {
    const { id, session } = frame.link;
    if (frame.kind === "messages" && frame.welcome !== undefined && "sessionId" in frame.welcome) {
      const connection = new Connection(id, session, replayed, violations);
      connection.welcomed(frame.welcome.zxid);
      connections.set(id, connection);
    }
    const connection = connections.get(id);
    if (connection === undefined) continue;
    if (frame.kind === "requests")
      for (const message of frame.messages) if (message.xid !== 0) connection.asked(message as Request);
    if (frame.kind !== "messages") continue;
    for (const message of frame.messages) {
      if (message.kind === "event") connection.event(message);
      if (message.kind === "reply" && message.xid !== 0) connection.replied(message);
    }
  }
  for (const connection of connections.values()) if (!connection.isRestoring) connection.over();
  return violations;
}

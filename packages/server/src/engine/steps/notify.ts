/**
 * Notify: stop 8 in the life of a write. Watchers first: an event is in the queue of everyone who watches before any
 * reply that shows its change, the writer's own included.
 *
 * One change sends a connection at most one event of a type. An event goes to those who may read the znode by the ACL
 * valid at its zxid; a one-shot watch is spent all the same, as in ZooKeeper.
 */
import { type AclEntry, EventType, Permission, Push, Writer, parentOf } from "@corral/protocol";
import { type Change, allows } from "@corral/state-machine";
import type { Connection } from "../tables/connection.ts";
import { WatchBit } from "../tables/watch-table.ts";
import type { World } from "../world.ts";
import { touched } from "./respond.ts";

const DATA = WatchBit.data | WatchBit.persistent | WatchBit.recursive;
const CHILD = WatchBit.child | WatchBit.persistent;

/** Grows with each event; a connection remembers the last that it got. */
let mark = 0;
/** One encoding serves all who watch. */
const encoding = new Writer(256);

/** Tells the watchers of one entry's changes, in the order in which they happened. */
export function notify(world: World, zxid: number, changes: readonly Change[]): void {
  if (world.watches.count === 0) return;
  for (const change of changes) notifyChange(world, zxid, change);
}

function notifyChange(world: World, zxid: number, change: Change): void {
  const { type, path } = change;
  const event = new Event(world, zxid, type, path, change.acl);
  world.watches.fire(path, DATA, event.tell);
  if (world.watches.hasRecursive) {
    for (let at = path; at !== "/";) {
      at = parentOf(at);
      world.watches.fire(at, WatchBit.recursive, event.tell);
    }
  }
  if (type === EventType.deleted) world.watches.fire(path, CHILD, event.tell);
  if (type !== EventType.changed) {
    const parent = parentOf(path);
    world.watches.fire(parent, CHILD, new Event(world, zxid, EventType.children, parent, change.parentAcl).tell);
  }
}

class Event {
  readonly #world: World;
  readonly #zxid: number;
  readonly #type: number;
  readonly #path: string;
  readonly #acl: readonly AclEntry[];
  readonly #mark = ++mark;
  #bytes: Uint8Array | undefined;

  constructor(world: World, zxid: number, type: number, path: string, acl: readonly AclEntry[]) {
    this.#world = world;
    this.#zxid = zxid;
    this.#type = type;
    this.#path = path;
    this.#acl = acl;
  }

  readonly tell = (connection: Connection): void => {
    if (connection.eventMark === this.#mark) return;
    connection.eventMark = this.#mark;
    const { identities } = connection.session!;
    if (!allows(this.#acl, Permission.read, identities, this.#world.state.options)) return;
    this.#bytes ??= encode(this.#zxid, this.#type, this.#path);
    connection.outbox.share(this.#bytes);
    this.#world.counters.events++;
    touched(this.#world, connection);
  };
}

function encode(zxid: number, type: number, path: string): Uint8Array {
  writeEvent(encoding, zxid, type, path);
  return encoding.copy();
}

/** `[-1, zxid, type, path]` */
export function writeEvent(w: Writer, zxid: number, type: number, path: string): void {
  w.array(4);
  w.int(Push.event);
  w.int(zxid);
  w.int(type);
  w.str(path);
}

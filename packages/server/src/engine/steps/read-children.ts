/**
 * Children of a znode, a page at a time, in the order of their creation.
 *
 * A cursor is [ordinal, slot] of the last child handed out. Where that child is still there the next page begins behind it;
 * else its place is found by the ordinal. So children that exist through all pages are in exactly one of them.
 */
import { type ChildrenRead, Include, Permission, type Writer } from "@corral/protocol";
import { NIL, type Refusal, allows, refuse } from "@corral/state-machine";
import type { Connection } from "../tables/connection.ts";
import { WatchBit } from "../tables/watch-table.ts";
import type { World } from "../world.ts";
import { readable } from "./readable.ts";
import { registerWatch } from "./watch.ts";

/** Array lengths of open arrays have 16 bits. */
const CHILDREN_MAX = 65_535;

/** `whole`: a page that is full is a refusal, since there is no way to ask for the next. */
export function readChildren(
  world: World,
  connection: Connection,
  request: ChildrenRead,
  w: Writer,
  whole = false,
): Refusal | undefined {
  const { tree } = world.state;
  const { path, cursor, limit, include } = request;
  if (include > Include.data) return refuse("BAD_ARGUMENTS", { path, name: "include", actual: include });
  if (cursor !== null && cursor.length !== 2) return refuse("BAD_ARGUMENTS", { path, name: "cursor" });
  const parent = readable(world, connection, path);
  if (typeof parent !== "number") return parent;
  if (request.watch && cursor === null) {
    const full = registerWatch(world, connection, path, WatchBit.child);
    if (full !== undefined) return full;
  }
  const most = limit === 0 ? CHILDREN_MAX : Math.min(limit, CHILDREN_MAX);
  const start = w.length;
  const list = w.openArray();
  let found = 0;
  let last = NIL;
  let child = cursor === null ? tree.firstChild(parent) : childAfter(world, parent, cursor[0]!, cursor[1]!);
  while (child !== NIL && found < most && (found === 0 || w.length - start < world.limits.pageBytes)) {
    writeChild(world, connection, child, include, w);
    found++;
    last = child;
    child = tree.next(child);
  }
  world.work += found;
  if (whole && child !== NIL) {
    return refuse("LIMIT_EXCEEDED", {
      path,
      name: "pageBytes",
      limit: world.limits.pageBytes,
      actual: tree.numChildren(parent),
    });
  }
  w.closeArray(list, found);
  tree.writeStat(w, parent);
  if (child === NIL) w.nil();
  else {
    w.array(2);
    w.int(tree.ordinal(last));
    w.int(last);
  }
  return undefined;
}

function childAfter(world: World, parent: number, ordinal: number, slot: number): number {
  const { tree } = world.state;
  const isThere = slot > 0 && tree.isLive(slot) && tree.parent(slot) === parent && tree.ordinal(slot) === ordinal;
  if (isThere) return tree.next(slot);
  let child = tree.firstChild(parent);
  for (; child !== NIL && tree.ordinal(child) <= ordinal; child = tree.next(child)) world.work++;
  return child;
}

function writeChild(world: World, connection: Connection, child: number, include: number, w: Writer): void {
  const { tree, options } = world.state;
  if (include === Include.names) return tree.writeName(w, child);
  const isReadable = allows(tree.acl(child), Permission.read, connection.session!.identities, options);
  w.array(include === Include.stat ? 2 : 3);
  tree.writeName(w, child);
  if (include === Include.data) {
    if (isReadable) tree.writeData(w, child);
    else w.nil();
  }
  if (isReadable) tree.writeStat(w, child);
  else w.nil();
}

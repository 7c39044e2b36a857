/**
 * addWatch, checkWatches, removeWatches: ZooKeeper's, on the table of watches. Who may hear of what is decided when a
 * change happens, not here.
 */
import {
  type AddWatchRequest,
  Op,
  type WatchMode,
  type WatchesRequest,
  type WatcherType,
  pathFault,
} from "@corral/protocol";
import { type Refusal, refuse } from "@corral/state-machine";
import type { Connection } from "../tables/connection.ts";
import { BITS_OF_TYPE, BIT_OF_MODE } from "../tables/watch-table.ts";
import type { World } from "../world.ts";

export function addWatch(world: World, connection: Connection, request: AddWatchRequest): Refusal | undefined {
  const { path, mode } = request;
  const fault = pathFault(path, world.state.options.pathBytes);
  if (fault !== undefined) return refuse("BAD_ARGUMENTS", { path, name: fault });
  const bit = BIT_OF_MODE[mode as WatchMode] as number | undefined;
  if (bit === undefined) return refuse("BAD_ARGUMENTS", { path, name: "mode", actual: mode });
  return registerWatch(world, connection, path, bit);
}

export function changeWatches(
  world: World,
  connection: Connection,
  request: WatchesRequest & { op: number },
): Refusal | undefined {
  const { path, type } = request;
  const bits = BITS_OF_TYPE[type as WatcherType] as number | undefined;
  if (bits === undefined) return refuse("BAD_ARGUMENTS", { path, name: "type", actual: type });
  const isThere =
    request.op === Op.checkWatches
      ? world.watches.has(connection, path, bits)
      : world.watches.remove(connection, path, bits);
  return isThere ? undefined : refuse("NO_WATCHER", { path });
}

/** Sets a watch; refused when there are too many. */
export function registerWatch(world: World, connection: Connection, path: string, bit: number): Refusal | undefined {
  const refusal = connection.watches.has(path) ? undefined : roomForWatches(world, connection, 1);
  if (refusal !== undefined) return refusal;
  world.watches.add(connection, path, bit);
  return undefined;
}

/** Is there room for watches on so many more paths? */
export function roomForWatches(world: World, connection: Connection, more: number): Refusal | undefined {
  const { watchesPerConnection, watches } = world.limits;
  const own = connection.watches.size + more;
  if (more > 0 && own > watchesPerConnection) {
    return refuse("LIMIT_EXCEEDED", { name: "watchesPerConnection", limit: watchesPerConnection, actual: own });
  }
  const all = world.watches.count + more;
  return more > 0 && all > watches
    ? refuse("LIMIT_EXCEEDED", { name: "watches", limit: watches, actual: all })
    : undefined;
}

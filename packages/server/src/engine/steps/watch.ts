/**
 * addWatch, checkWatches, removeWatches: ZooKeeper's, on the table of watches. Who may hear of what is decided when a
 * change happens, not here.
 */
import { type AddWatchRequest, Op, type WatchMode, type WatchesRequest, type WatcherType, pathFault } from "@corral/protocol";
import { type Refusal, refuse } from "@corral/state-machine";
import type { Connection } from "../tables/connection.ts";
import { BITS_OF_TYPE, BIT_OF_MODE } from "../tables/watch-table.ts";
import type { World } from "../world.ts";
import { watchOnce } from "./read.ts";

export function addWatch(world: World, connection: Connection, request: AddWatchRequest): Refusal | undefined {
  const { path, mode } = request;
  const fault = pathFault(path, world.state.options.pathBytes);
  if (fault !== undefined) return refuse("BAD_ARGUMENTS", { path, name: fault });
  const bit = BIT_OF_MODE[mode as WatchMode] as number | undefined;
  if (bit === undefined) return refuse("BAD_ARGUMENTS", { path, name: "mode", actual: mode });
  return watchOnce(world, connection, path, bit);
}

export function changeWatches(world: World, connection: Connection, request: WatchesRequest & { op: number }): Refusal | undefined {
  const { path, type } = request;
  const bits = BITS_OF_TYPE[type as WatcherType] as number | undefined;
  if (bits === undefined) return refuse("BAD_ARGUMENTS", { path, name: "type", actual: type });
  const isThere =
    request.op === Op.checkWatches
      ? world.watches.has(connection, path, bits)
      : world.watches.remove(connection, path, bits);
  return isThere ? undefined : refuse("NO_WATCHER", { path });
}

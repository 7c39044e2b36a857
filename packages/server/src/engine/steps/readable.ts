/**
 * May the session read this? Asked by everything that looks at a znode.
 */
import { Permission, pathFault } from "@corral/protocol";
import { NIL, type Refusal, allows, refuse } from "@corral/state-machine";
import type { Connection } from "../tables/connection.ts";
import type { World } from "../world.ts";

/** The slot of a path that the session may read, or why not. Reading what is not there is NO_NODE, not NO_AUTH. */
export function readable(
  world: World,
  connection: Connection,
  path: string,
  permission: number = Permission.read,
): number | Refusal {
  const { tree, options } = world.state;
  const fault = pathFault(path, options.pathBytes);
  if (fault !== undefined) return refuse("BAD_ARGUMENTS", { path, name: fault });
  const slot = tree.find(path);
  if (slot === NIL) return refuse("NO_NODE", { path });
  const { identities } = connection.session!;
  return allows(tree.acl(slot), permission, identities, options) ? slot : refuse("NO_AUTH", { path });
}

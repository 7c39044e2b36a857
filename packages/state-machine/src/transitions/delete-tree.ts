/**
 * deleteTree: a whole subtree in one transaction, children before parents, bounded.
 */
import { type DeleteTreeRequest, Permission, childOf } from "@corral/protocol";
import { type Context, cutParent } from "../context.ts";
import { type Refusal, refuse } from "../refusal.ts";
import { NIL } from "../tree/rows.ts";
import { isReserved } from "./change.ts";
import { checkPath } from "./limits.ts";

interface Doomed {
  readonly slot: number;
  readonly path: string;
}

/** The number of znodes deleted, or why none was. */
export function deleteTree(cx: Context, request: DeleteTreeRequest): number | Refusal {
  const { tree, options } = cx.state;
  const { path } = request;
  const fault = checkPath(cx, path);
  if (fault !== undefined) return fault;
  if (isReserved(path)) return refuse("BAD_ARGUMENTS", { path, name: "is reserved" });
  const parent = tree.find(cutParent(path));
  if (parent === NIL) return refuse("NO_NODE", { path });
  if (!cx.may(parent, Permission.delete)) return refuse("NO_AUTH", { path: cutParent(path) });
  const root = tree.find(path);
  if (root === NIL) return refuse("NO_NODE", { path });
  const limit = Math.min(request.nodesMax, options.deleteTreeNodes);
  const nodes = 1 + tree.descendants(root);
  if (nodes > limit) return refuse("LIMIT_EXCEEDED", { path, name: "deleteTreeNodes", limit, actual: nodes });
  const doomed = collect(cx, root, path);
  if ("code" in doomed) return doomed;
  for (const { slot, path: at } of doomed.reverse()) cx.remove(slot, at);
  return nodes;
}

/** Parents before children; DELETE is needed on every znode that has children. */
function collect(cx: Context, root: number, path: string): Doomed[] | Refusal {
  const { tree } = cx.state;
  const found: Doomed[] = [{ slot: root, path }];
  for (let at = 0; at < found.length; at++) {
    const parent = found[at]!;
    let child = tree.firstChild(parent.slot);
    if (child !== NIL && !cx.may(parent.slot, Permission.delete)) return refuse("NO_AUTH", { path: parent.path });
    for (; child !== NIL; child = tree.next(child)) {
      found.push({ slot: child, path: childOf(parent.path, tree.name(child)) });
    }
  }
  return found;
}

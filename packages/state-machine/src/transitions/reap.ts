/**
 * reap: a container whose last child has gone, or a TTL znode whose time is over, is deleted. Whoever proposed it saw
 * an older state: kind, emptiness and time are checked again.
 */
import type { Context } from "../context.ts";
import type { ReapTxn } from "../txn.ts";
import { NIL } from "../tree/rows.ts";

export function reap(cx: Context, txn: ReapTxn): void {
  const { tree } = cx.state;
  const slot = tree.find(txn.path);
  if (slot === NIL || tree.czxid(slot) !== txn.czxid) return;
  const from = tree.reapableFrom(slot);
  if (from !== undefined && from <= cx.stamp.timeMs) cx.remove(slot, txn.path);
}

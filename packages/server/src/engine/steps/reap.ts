/**
 * Reap: proposes the end of containers that are empty and of TTL znodes whose time is over. Found by an index, not by a
 * scan; apply checks again.
 */
import { TxnKind } from "@corral/state-machine";
import type { World } from "../world.ts";
import type { Proposer } from "./propose.ts";

/** What apply declines, because the znode was touched meanwhile, is proposed again when it is due again. */
export function reap(world: World, proposer: Proposer, logTimeMs: number): void {
  const { tree } = world.state;
  for (const slot of tree.reapable.due(logTimeMs, world.limits.reapsPerTick)) {
    const path = tree.path(slot);
    if (world.reaping.has(path)) continue;
    world.reaping.add(path);
    proposer.txn({ kind: TxnKind.reap, path, czxid: tree.czxid(slot) });
  }
}

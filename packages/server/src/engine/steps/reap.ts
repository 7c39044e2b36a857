/**
 * Reap: proposes the end of containers that are empty and of TTL znodes whose time is over. Found by an index, not by a
 * scan; apply checks again.
 */
import { TxnKind } from "@corral/state-machine";
import type { World } from "../world.ts";
import type { Proposer } from "./propose.ts";

/** `proposed`: slots whose entry is on its way, by the czxid it names. */
export function reap(world: World, proposer: Proposer, logTimeMs: number, proposed: Map<number, number>): void {
  const { tree } = world.state;
  for (const [slot, czxid] of proposed) if (!tree.isLive(slot) || tree.czxid(slot) !== czxid) proposed.delete(slot);
  for (const slot of tree.reapable.due(logTimeMs, world.limits.reapsPerTick)) {
    const czxid = tree.czxid(slot);
    if (proposed.get(slot) === czxid) continue;
    proposed.set(slot, czxid);
    proposer.txn({ kind: TxnKind.reap, path: tree.path(slot), czxid });
  }
}

/**
 * Reap: proposes the end of containers that are empty and of TTL znodes whose time is over. Found by an index, not by a
 * scan; apply checks again.
 *
 * A container that has just become empty is left alone for a while: who uses it as ZooKeeper's users do, making the next
 * child below a parent that was there a moment ago, must not find it gone.
 */
import { Kind, TxnKind } from "@corral/state-machine";
import type { World } from "../world.ts";
import type { Proposer } from "./propose.ts";

/** How many are looked at for each that may be reaped in a tick: containers that are left alone hold up nobody else. */
const LOOKS_PER_REAP = 10;

/** Containers seen empty: since when, and the pzxid that says that they have been so since. By path. */
export type EmptyContainers = Map<string, { readonly pzxid: number; readonly since: number }>;

/** What apply declines, because the znode was touched meanwhile, is proposed again when it is due again. */
export function reap(world: World, proposer: Proposer, logTimeMs: number, empty: EmptyContainers): void {
  const { tree } = world.state;
  const before = new Map(empty);
  empty.clear();
  let left = world.limits.reapsPerTick;
  for (const slot of tree.reapable.due(logTimeMs, left * LOOKS_PER_REAP)) {
    const path = tree.path(slot);
    if (world.reaping.has(path)) continue;
    if (tree.kind(slot) === Kind.container) {
      const pzxid = tree.pzxid(slot);
      const known = before.get(path);
      const since = known?.pzxid === pzxid ? known.since : world.now;
      empty.set(path, { pzxid, since });
      if (world.now - since < world.limits.containerGraceMs) continue;
    }
    if (left === 0) continue;
    left--;
    world.reaping.add(path);
    proposer.txn({ kind: TxnKind.reap, path, czxid: tree.czxid(slot) });
  }
}

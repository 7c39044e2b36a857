/**
 * Expire: a session that has been silent for its timeout is ended by an entry in the log, like everything else.
 *
 * The entry is proposed one whole turn after the deadline was seen to have passed, so that bytes which had arrived
 * meanwhile are heard first. It names the attachment whose silence was measured; a newer one keeps the session alive.
 */
import { TxnKind } from "@corral/state-machine";
import { type World, isExpiring } from "../world.ts";
import type { Proposer } from "./propose.ts";

/** Sessions ended in one tick: a mass of them must not fill a batch. */
const EXPIRIES_PER_TICK = 500;
/** An append that takes so long is a stall of the log: no session's time runs meanwhile. */
const LOG_STALL_MS = 500;
/** A tick that comes later than this many of its intervals shows that this process stood still. */
export const STALLED_TICKS = 3;

/** `suspects`: silent at the tick before; becomes those silent at this one. */
export function expire(world: World, proposer: Proposer, suspects: Set<number>): void {
  const { sessions } = world.state;
  const isLogStalled = proposer.inFlightMs(world.now) > LOG_STALL_MS;
  if (isLogStalled) world.counters.stalls++;
  world.sessionClock.advance(world.now, isLogStalled);
  const silent = world.sessionClock.silent((id) => sessions.get(id)?.timeoutMs, EXPIRIES_PER_TICK);
  const before = new Set(suspects);
  suspects.clear();
  for (const id of silent) {
    if (isExpiring(world, sessions.get(id)!)) continue;
    if (before.has(id)) expireNow(world, proposer, id);
    else suspects.add(id);
  }
}

/** Also an operator's command. False if there is no such session. */
export function expireNow(world: World, proposer: Proposer, id: number): boolean {
  const session = world.state.sessions.get(id);
  if (session === undefined) return false;
  world.expiring.set(id, session.generation);
  proposer.txn({ kind: TxnKind.expire, session: id, generation: session.generation });
  return true;
}

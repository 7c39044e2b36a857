/**
 * Marks: a subscription in whose part of the tree nothing happens is told `synced` again from time to time. Else the zxid
 * that it can be resumed from would grow older than the history while all was quiet, and a reconnect send it anew.
 *
 * Rounds through all subscriptions, a slice a turn, each begun when the history has moved on by `MARK_SHARE`. Who has been
 * told nothing for as long is marked: after two rounds at the latest. Nothing is done for a subscription at a write.
 */
import type { Subscription } from "../tables/subscription.ts";
import type { World } from "../world.ts";

/** In histories: two rounds are a quarter of what the history holds, in entries and bytes together. */
const MARK_SHARE = 1 / 8;
/** Subscriptions looked at in one turn. */
const LOOKS_PER_TURN = 1_000;

/** At the end of a turn: whoever has been told nothing for too long shall be told where it is. */
export function markQuiet(world: World): void {
  const { subscriptions, state } = world;
  const { round } = subscriptions;
  if (round.rest === undefined) {
    if (subscriptions.count === 0 || state.history.turnover - round.begunAt < MARK_SHARE) return;
    round.begunAt = state.history.turnover;
    round.rest = subscriptions[Symbol.iterator]();
  }
  for (let looks = 0; looks < LOOKS_PER_TURN; looks++) {
    const next = round.rest.next();
    if (next.done === true) {
      round.rest = undefined;
      return;
    }
    if (isQuiet(world, next.value)) subscriptions.ready.add(next.value);
  }
}

/** Is it at the present, and has it been told nothing for so long that it is to be told that? */
export function isQuiet(world: World, { isSynced, lag, toldAt }: Subscription): boolean {
  return isSynced && lag === undefined && world.state.history.turnover - toldAt >= MARK_SHARE;
}

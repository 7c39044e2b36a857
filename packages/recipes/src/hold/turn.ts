/**
 * Waiting for one's turn in a queue. Each waiter watches the one znode whose end can bring its turn, so a release wakes one waiter, and
 * looks again after each wake-up, which by itself proves nothing. It watches its own too: one that is deleted waits in vain.
 *
 * For authors of recipes: `blocks` says whom to wait for, and sees only those who stand before; so once nothing blocks a place, nothing
 * will. To have one's turn is not to hold: see `confirmed` in acquire.ts.
 */
import { type Client, type Deadline, isCorralError, type WatchEvent } from "@corral/client";
import { type ContenderName, inOrder } from "./contender-name.ts";
import { whileIn } from "./in-session.ts";
import { childOf, evicted, type Place } from "./place.ts";

export { childOf } from "./place.ts";

/** Told each time that there is somebody to wait for. */
export interface Waiting {
  /** How many stand before this contender. */
  readonly position: number;
  /** Path of the one that is waited for. */
  readonly behind: string;
}
export type OnWait = (waiting: Waiting) => void;

/** Of those before a contender, in the order of the queue: the one it has to wait for. */
export type Blocks = (before: readonly ContenderName[]) => ContenderName | undefined;

/** The one right before: everybody waits for everybody. */
export const nearest: Blocks = (before) => before.at(-1);

/** The one to wait for at present; undefined if it is this place's turn. Rejects with `GUARD_FAILED` if the place is gone. */
async function blockerOf(
  client: Client,
  place: Place,
  op: string,
  deadline: Deadline,
  blocks: Blocks,
): Promise<Waiting | undefined> {
  return waitingIn(
    await whileIn(place.session, op, place.path, contendersIn(client, place.parent, deadline)),
    place,
    op,
    blocks,
  );
}

/** As {@link blockerOf}, but asks only if the queue was not learned with the place. */
export async function waitingFor(
  client: Client,
  place: Place,
  op: string,
  deadline: Deadline,
  blocks: Blocks,
): Promise<Waiting | undefined> {
  if (place.queue !== undefined) return waitingIn(place.queue, place, op, blocks);
  return blockerOf(client, place, op, deadline, blocks);
}

function waitingIn(
  contenders: readonly ContenderName[],
  place: Place,
  op: string,
  blocks: Blocks,
): Waiting | undefined {
  const position = contenders.findIndex(({ name }) => name === place.name);
  if (position < 0) throw evicted(op, place.path);
  const blocker = blocks(contenders.slice(0, position));
  return blocker === undefined ? undefined : { position, behind: childOf(place.parent, blocker.name) };
}

/** In the order of the queue; none where there is no queue. */
export async function contendersIn(client: Client, queue: string, deadline: Deadline): Promise<ContenderName[]> {
  try {
    return inOrder(await client.children(queue, deadline.rest()));
  } catch (error) {
    if (isCorralError(error, "NO_NODE")) return [];
    throw error;
  }
}

/** Resolves when nobody stands before it that blocks it. Rejects with `SESSION_EXPIRED`, `GUARD_FAILED`, `ABORTED`, `TIMEOUT`. */
export async function awaitTurn(
  client: Client,
  place: Place,
  op: string,
  deadline: Deadline,
  blocks: Blocks,
  onWait?: OnWait,
): Promise<void> {
  let own: Promise<WatchEvent> | undefined;
  let waiting = await waitingFor(client, place, op, deadline, blocks);
  while (waiting !== undefined) {
    onWait?.(waiting);
    // Never taken back: it ends with the znode, and meanwhile costs nothing, since whoever holds watches the same.
    own ??= client.nextEvent(place.path, { existing: true, timeoutMs: Infinity }).finally(() => {
      own = undefined;
    });
    await awaitEnd(client, place, waiting.behind, own, op, deadline);
    waiting = await blockerOf(client, place, op, deadline, blocks);
  }
}

/** Until that znode is deleted, or was not there, or something happens to the place. A change of its data is none of ours. */
async function awaitEnd(
  client: Client,
  { session, path }: Place,
  of: string,
  own: Promise<WatchEvent>,
  op: string,
  deadline: Deadline,
): Promise<void> {
  for (;;) {
    const given = new AbortController();
    try {
      const next = client.nextEvent(of, { existing: true, signal: given.signal, timeoutMs: Infinity });
      const event = await deadline.race(whileIn(session, op, path, Promise.race([next, own])));
      if (event.kind === "deleted" || event.path === path) return;
    } catch (error) {
      if (isCorralError(error, "NO_NODE")) return;
      throw error;
    } finally {
      // The watch goes too, at the server.
      given.abort();
    }
  }
}

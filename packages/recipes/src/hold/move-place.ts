/**
 * A place exchanged for another znode of the same holder, in one transaction: whoever looks sees the one or the other, never both and
 * never neither. As with the taking of a place, the request is one that nobody can abort, so that its outcome is always learned.
 *
 * For authors of recipes: when it rejects, the new znode will not stay; the old place is still yours to leave.
 */
import { type Client, type Deadline, type Guard, op as operation } from "@corral/client";
import { sessionOver, whileIn } from "./in-session.ts";
import { unseen } from "./let-go.ts";
import { childOf, leavePlace, type Place } from "./place.ts";

export interface Destination {
  /** Must exist. */
  readonly parent: string;
  readonly name: string;
  readonly data: Uint8Array | null;
  /** What else must hold. */
  readonly guard?: Guard | undefined;
}

/**
 * The request has been sent when this returns. Rejects with `GUARD_FAILED` when the place is gone or the guard does not hold,
 * `NO_NODE` without the parent, `SESSION_EXPIRED`, `ABORTED`, `TIMEOUT`, or what else the server has against it.
 */
export async function movePlace(
  client: Client,
  place: Place,
  op: string,
  deadline: Deadline,
  destination: Destination,
): Promise<Place> {
  deadline.check();
  const { session } = place;
  if (!session.isValid) throw sessionOver(op, place.path, session.signal.reason);
  const moving = move(client, place, destination);
  try {
    return await deadline.race(whileIn(session, op, place.path, moving));
  } catch (error) {
    unseen(moving.then((moved) => leavePlace(client, moved)));
    throw error;
  }
}

/** Needs no look at the new znode's owner: in a later session the old one is gone, and then nothing is made. */
async function move(client: Client, place: Place, { parent, name, data, guard }: Destination): Promise<Place> {
  const still: Guard = { path: place.path, czxid: place.czxid };
  const [created] = await client.multi(
    [operation.create(childOf(parent, name), data, { lifetime: "ephemeral" }), operation.delete(place.path)],
    { guard: guard === undefined ? still : [still, guard], timeoutMs: Infinity },
  );
  return { path: created.path, name, parent, czxid: created.stat.czxid, session: place.session };
}

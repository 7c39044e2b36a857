/**
 * A place in a queue: an ephemeral, sequential znode below the queue's own. However its taking is interrupted, nobody is left standing
 * in the queue: the creation is asked for by a call that nobody can abort, so that its outcome is always learned, and what comes of
 * an acquisition that was given up is deleted when it comes.
 *
 * For authors of recipes: a place that was taken is yours to leave, with `leavePlace`, on every way out.
 */
import { type Client, CorralError, type Deadline, type Guard, isCorralError, type SessionInfo } from "@corral/client";
import { type ContenderName, inOrder } from "./contender-name.ts";
import { sessionOver, whileIn } from "./in-session.ts";
import { type LetGo, letGo, unseen } from "./let-go.ts";
import { PARENT_TRIES_MAX } from "./limits.ts";

export interface Place {
  readonly path: string;
  /** The last part of the path. */
  readonly name: string;
  /** The queue's znode. */
  readonly parent: string;
  /** Grows from place to place of a queue, whatever became of the queue's znode meanwhile. */
  readonly czxid: number;
  readonly session: SessionInfo;
  /** The queue as it was at some moment after this place was taken, if that was learned with it: nobody comes before it later. */
  readonly queue?: readonly ContenderName[] | undefined;
}

export interface PlaceOptions {
  /** The queue's znode; made as a container if there is none. */
  readonly parent: string;
  /** Of the name; the server appends the ten digits. */
  readonly prefix: string;
  readonly data: Uint8Array | null;
  /** What must hold for it to be taken; else `GUARD_FAILED`. A parent that it names is not made. */
  readonly guard?: readonly Guard[] | undefined;
}

/** Is it wanted still? */
interface Wish {
  isWanted: boolean;
}

/** Rejects with `SESSION_EXPIRED`, `ABORTED`, `TIMEOUT`, or what the server has against it; the place is then given back. */
export async function takePlace(
  client: Client,
  session: SessionInfo,
  op: string,
  deadline: Deadline,
  options: PlaceOptions,
): Promise<Place> {
  const wish: Wish = { isWanted: true };
  const taking = take(client, session, op, options, wish);
  try {
    return await deadline.race(whileIn(session, op, options.parent, taking));
  } catch (error) {
    wish.isWanted = false;
    unseen(taking.then((place) => leavePlace(client, place)));
    throw error;
  }
}

async function take(
  client: Client,
  session: SessionInfo,
  op: string,
  options: PlaceOptions,
  wish: Wish,
): Promise<Place> {
  const { parent } = options;
  for (let tries = 1; ; tries++) {
    if (!session.isValid) throw sessionOver(op, parent, session.signal.reason);
    try {
      return await createIn(client, session, op, options);
    } catch (error) {
      if (!isCorralError(error, "NO_NODE") || tries >= PARENT_TRIES_MAX || !wish.isWanted) throw error;
    }
    await makeContainer(client, parent);
  }
}

/** The list travels with the creation, and is answered after it. */
async function createIn(client: Client, session: SessionInfo, op: string, options: PlaceOptions): Promise<Place> {
  const { parent, prefix, data, guard } = options;
  const creating = client.create(childOf(parent, prefix), data, {
    lifetime: "ephemeral",
    sequential: true,
    guard,
    timeoutMs: Infinity,
  });
  // Only spares a round trip: whoever does not get it here asks for it, and learns then what is wrong.
  const listing = client.children(parent, { timeoutMs: Infinity }).catch((): string[] => []);
  const { path, stat } = await creating;
  const name = path.slice(path.lastIndexOf("/") + 1);
  const place = { path, name, parent, czxid: stat.czxid, session };
  if (stat.ephemeralOwner !== session.id) {
    // The session ended between the look at it and the call.
    const owner = client.session;
    if (owner?.id === stat.ephemeralOwner) unseen(leavePlace(client, { ...place, session: owner }));
    throw sessionOver(op, parent, session.signal.reason);
  }
  const names = await listing;
  // A write that the server refuses for overload is sent again, and then the list was there before it.
  return names.includes(name) ? { ...place, queue: inOrder(names) } : place;
}

/** It goes some time after its last child; where it exists already, it stays what it is. */
async function makeContainer(client: Client, path: string): Promise<void> {
  try {
    await client.create(path, null, { lifetime: "container", parents: true, timeoutMs: Infinity });
  } catch (error) {
    if (!isCorralError(error, "NODE_EXISTS")) throw error;
  }
}

/** For certain, as soon as the server can be reached; see {@link letGo}. */
export function leavePlace(client: Client, { session, path, czxid }: Place): Promise<LetGo> {
  return letGo(client, session, { path, czxid });
}

/** The error of a contender that somebody deleted while it was waiting. */
export function evicted(op: string, path: string): CorralError {
  return new CorralError("GUARD_FAILED", {
    op,
    detail: { path },
    outcome: "no",
    retryable: true,
    means: "the contender was deleted by somebody else",
  });
}

export const childOf = (parent: string, name: string): string => (parent === "/" ? `/${name}` : `${parent}/${name}`);

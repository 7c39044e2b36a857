/**
 * A place in a queue: an ephemeral, sequential znode below the queue's own. However its taking is interrupted, nobody is left standing
 * in the queue: the creation is asked for by a call that nobody can abort, so that its outcome is always learned, and what comes of
 * an acquisition that was given up is deleted when it comes.
 */
import { type Client, CorralError, type Deadline, isCorralError, type SessionInfo } from "@corral/client";
import { PARENT_TRIES_MAX } from "./limits.ts";
import { type LetGo, letGo, unseen } from "./let-go.ts";
import { sessionOver, whileIn } from "./in-session.ts";

export interface Place {
  readonly path: string;
  /** The last part of the path. */
  readonly name: string;
  /** The queue's znode. */
  readonly parent: string;
  /** Grows from place to place of a queue, whatever became of the queue's znode meanwhile. */
  readonly czxid: number;
  readonly session: SessionInfo;
}

export interface PlaceOptions {
  /** The queue's znode; made as a container if there is none. */
  readonly parent: string;
  /** Of the name; the server appends the ten digits. */
  readonly prefix: string;
  readonly data: Uint8Array | null;
}

/** Rejects with `SESSION_EXPIRED`, `ABORTED`, `TIMEOUT`, or what the server has against it; the place is then given back. */
export async function takePlace(
  client: Client,
  session: SessionInfo,
  op: string,
  deadline: Deadline,
  options: PlaceOptions,
): Promise<Place> {
  const wish = { isWanted: true };
  const taking = create(client, session, op, options, wish);
  try {
    return await deadline.race(whileIn(session, op, options.parent, taking));
  } catch (error) {
    wish.isWanted = false;
    unseen(taking.then((place) => leavePlace(client, place)));
    throw error;
  }
}

async function create(
  client: Client,
  session: SessionInfo,
  op: string,
  { parent, prefix, data }: PlaceOptions,
  wish: { readonly isWanted: boolean },
): Promise<Place> {
  const path = parent === "/" ? `/${prefix}` : `${parent}/${prefix}`;
  for (let tries = 1; ; tries++) {
    if (session.signal.aborted) throw sessionOver(op, parent, session.signal.reason);
    try {
      const created = await client.create(path, data, { lifetime: "ephemeral", sequential: true, timeoutMs: Infinity });
      const place = {
        path: created.path,
        name: created.path.slice(created.path.lastIndexOf("/") + 1),
        parent,
        czxid: created.stat.czxid,
        session,
      };
      // The session may have ended between the look at it and the call.
      if (created.stat.ephemeralOwner === session.id) return place;
      await client.delete(place.path, { ifMatch: { czxid: place.czxid }, missing: "ok" });
      throw sessionOver(op, parent, session.signal.reason);
    } catch (error) {
      if (!isCorralError(error, "NO_NODE") || tries >= PARENT_TRIES_MAX || !wish.isWanted) throw error;
    }
    await makeContainer(client, parent);
  }
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

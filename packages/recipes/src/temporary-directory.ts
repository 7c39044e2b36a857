/**
 * A directory that is gone when its session is, whatever is in it: an ephemeral znode cannot have children, this can. Users of ZooKeeper
 * build it from persistent znodes, and clean up by hand what a crash leaves behind.
 *
 * Its directories are containers, everything in them is an ephemeral of one session: so nobody ever sees a leaf whose maker has gone, as
 * all of them go in the transaction that ends the session; and the empty directories are removed by the server some seconds later (by
 * default ten for each level). While the session lives each directory has a znode `.hold` in it, made in the same transaction, without which
 * the server would remove an empty one; that of the topmost is what holds it all. Released in order, all of it goes at once.
 *
 * The name is the prefix and 32 random hexadecimal digits. The base is made as a container if there is none, and goes after the last directory.
 *
 * Never brings anything back: the next session makes another directory.
 */
import { type CallOptions, type Client, isCorralError, type SessionInfo } from "@corral/client";
import { confirmed, inTime } from "./hold/acquire.ts";
import { checkIdentity, contenderData, drawIdentity } from "./hold/contender-data.ts";
import type { HoldOptions } from "./hold/held.ts";
import { sessionFor, sessionOver, whileIn } from "./hold/in-session.ts";
import { unseen } from "./hold/let-go.ts";
import { PARENT_TRIES_MAX } from "./hold/limits.ts";
import { childOf, type Place } from "./hold/place.ts";
import {
  badArgument,
  DirectoryHold,
  directoryOps,
  HeldDirectory,
  HOLD,
  type TemporaryDirectory,
} from "./temporary-directory/held-directory.ts";
import { remove } from "./temporary-directory/removal.ts";

export type { LeafOptions, TemporaryDirectory } from "./temporary-directory/held-directory.ts";

export interface TemporaryDirectoryOptions extends CallOptions, HoldOptions {
  /** Of the directory's name. Default `tmp-`. */
  readonly prefix?: string | undefined;
  /** Who this is, for people. At most 1,024 bytes. Default: random. */
  readonly identity?: string | undefined;
}

/** A new directory below `base`. Rejects with `SESSION_EXPIRED`, `TIMEOUT`, `ABORTED`, or what the server has against it; nothing stays behind. */
export async function temporaryDirectory(
  client: Client,
  base: string,
  options: TemporaryDirectoryOptions = {},
): Promise<TemporaryDirectory> {
  const { prefix = "tmp-" } = options;
  const name = "temporaryDirectory";
  const identity = checkIdentity(name, base, options.identity ?? drawIdentity(client.random));
  if (prefix.includes("/")) throw badArgument(name, base, "prefix", "it must be part of one name");
  const path = childOf(base, `${prefix}${hexOf(client.random(16))}`);
  const deadline = client.deadline(name, options);
  return inTime(deadline, make(), base);

  async function make(): Promise<TemporaryDirectory> {
    const session = await sessionFor(client, deadline);
    const taking = take(client, session, name, base, path, contenderData.encode({ identity }));
    try {
      const place = await deadline.race(whileIn(session, name, path, taking));
      const hold = await confirmed(new DirectoryHold(client, base, place, options), name, deadline);
      return new HeldDirectory(client, session, path, hold);
    } catch (error) {
      unseen(taking.then(() => remove(client, session, path)));
      throw error;
    }
  }
}

/** Never aborted: whoever gives it up learns what comes of it, to take it back. */
async function take(
  client: Client,
  session: SessionInfo,
  name: string,
  base: string,
  path: string,
  data: Uint8Array | null,
): Promise<Place> {
  for (let tries = 1; ; tries++) {
    if (!session.isValid) throw sessionOver(name, path, session.signal.reason);
    try {
      const [, { path: at, stat }] = await client.multi(directoryOps(path, data), { timeoutMs: Infinity });
      const { czxid, ephemeralOwner } = stat;
      if (ephemeralOwner === session.id) return { path: at, name: HOLD, parent: path, czxid, session };
      // The session ended between the look at it and the call.
      const owner = client.session;
      if (owner?.id === ephemeralOwner) unseen(remove(client, owner, path));
      throw sessionOver(name, path, session.signal.reason);
    } catch (error) {
      if (!isCorralError(error, "NO_NODE") || tries >= PARENT_TRIES_MAX) throw error;
    }
    try {
      await client.create(base, null, { lifetime: "container", parents: true, timeoutMs: Infinity });
    } catch (error) {
      if (!isCorralError(error, "NODE_EXISTS")) throw error;
    }
  }
}

const hexOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/**
 * A lock: held by one at a time, in the order of asking. ZooKeeper's recipe for locks, Curator's InterProcessSemaphoreMutex, kazoo's Lock.
 *
 * Not reentrant: whoever holds it and asks again waits for himself (`onWait` tells). In an event loop there is no "same thread" to
 * recognise; pass the `Held` on instead.
 */
import type { CallOptions, Client, Deadline, ReadOptions } from "@corral/client";
import { acquire, type AcquireOptions, confirmed, inTime, join, orLeave, type Queueing } from "./hold/acquire.ts";
import { checkIdentity, drawIdentity } from "./hold/contender-data.ts";
import { drawPrefix, type Layout } from "./hold/contender-name.ts";
import { type Contender, contendersOf, evict, requestRevoke } from "./hold/contenders.ts";
import type { Held } from "./hold/held.ts";
import { Holding } from "./hold/holding.ts";
import { sessionFor } from "./hold/in-session.ts";
import { unseen } from "./hold/let-go.ts";
import { leavePlace } from "./hold/place.ts";
import { contendersIn, nearest, waitingFor } from "./hold/turn.ts";
import { withHeld } from "./hold/with-held.ts";

export interface LockOptions {
  /** Who this is, for people; see `contenders()`. At most 1,024 bytes. Default: random. */
  readonly identity?: string | undefined;
  /** How contenders are named; all layouts queue together. Default `curator`. */
  readonly layout?: Layout | undefined;
}

/** Holds nothing itself: may be used again and again, and by many at once. */
export interface Lock {
  readonly path: string;
  /**
   * Resolves when it is held. `timeoutMs`: none by default. Rejects with `TIMEOUT`, `ABORTED`, `SESSION_EXPIRED` (asking again is
   * to queue again), `GUARD_FAILED` if somebody deleted the contender, or `SUSPENDED` if the connection breaks when it is all but held
   * and `onSuspended` is `abort`. However it ends, no contender stays behind.
   */
  acquire(options?: AcquireOptions): Promise<Held>;
  /** Undefined if others hold it or wait for it. `timeoutMs` is for the server's answer. */
  tryAcquire(options?: AcquireOptions): Promise<Held | undefined>;
  /**
   * Acquires, calls, releases. If the lock is lost underway, rejects with why once the function has ended, with its error
   * as the cause; look at `held.signal` to end early. One that the function itself releases is not lost.
   */
  with<R>(use: (held: Held) => R | Promise<R>, options?: AcquireOptions): Promise<Awaited<R>>;
  /** Who holds, and who waits, in the order of the queue. */
  contenders(options?: ReadOptions): Promise<Contender[]>;
  /** Asks whoever holds it to let go, by `held.revokeRequested`. False if nobody holds it. */
  requestRevoke(why?: string, options?: CallOptions): Promise<boolean>;
  /** Takes it away from the holder or waiter of this token. False if that one has gone. */
  evict(token: number, options?: CallOptions): Promise<boolean>;
}

/** A lock on a path; the znode is made as a container when it is first wanted, and goes some time after its last contender. */
export function lock(client: Client, path: string, options: LockOptions = {}): Lock {
  const identity = checkIdentity("lock", path, options.identity ?? drawIdentity(client.random));
  const queueing = (op: string): Queueing => ({
    op,
    name: path,
    prefix: drawPrefix(client.random, options.layout ?? "curator", "lock"),
    identity,
    blocks: nearest,
  });
  const acquireHere = (how?: AcquireOptions): Promise<Holding> =>
    acquire(client, queueing("lock.acquire"), how, (place) => new Holding(client, path, place, how));
  const contenders = (how?: ReadOptions): Promise<Contender[]> =>
    contendersOf(client, path, (_one, before) => before.length === 0, how);
  return {
    path,
    acquire: acquireHere,
    tryAcquire: (how) => tryAcquire(client, queueing("lock.tryAcquire"), how),
    with: (use, how) => withHeld(acquireHere(how), use),
    contenders,
    async requestRevoke(why = "", how) {
      const deadline = client.deadline("lock.requestRevoke", how);
      const [holder] = await contenders(deadline.rest());
      return holder !== undefined && (await requestRevoke(client, holder, identity, why, deadline.rest()));
    },
    evict: (token, how) => evict(client, path, token, how),
  };
}

/** Looks before it joins: a queue that is not empty costs one read and no write. */
export async function tryAcquire(
  client: Client,
  queueing: Queueing,
  options: AcquireOptions | undefined,
): Promise<Holding | undefined> {
  const deadline = client.deadline(queueing.op, options);
  return inTime(deadline, tryQueue(client, queueing, deadline, options), queueing.name);
}

async function tryQueue(
  client: Client,
  queueing: Queueing,
  deadline: Deadline,
  options: AcquireOptions | undefined,
): Promise<Holding | undefined> {
  const { op, name, blocks } = queueing;
  const session = await sessionFor(client, deadline);
  if (blocks(await contendersIn(client, name, deadline)) !== undefined) return undefined;
  const place = await join(client, session, queueing, deadline);
  const waiting = await orLeave(client, place, waitingFor(client, place, op, deadline, blocks));
  if (waiting === undefined) return confirmed(new Holding(client, name, place, options), op, deadline);
  // Somebody came between the look and the joining.
  const leaving = leavePlace(client, place);
  unseen(leaving);
  await deadline.race(leaving);
  return undefined;
}

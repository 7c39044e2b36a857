/**
 * A number of permits, each held by one. Curator's InterProcessSemaphoreV2, kazoo's Semaphore.
 *
 *     path/permits     how many there are, as JSON: one truth for all, changed by `resize`
 *     path/leases/…    an ephemeral for each permit that is held
 *     path/queue/…     an ephemeral for each who waits, in the order of coming
 *
 * Whoever wants a permit takes a place in the queue and exchanges it for a lease, in one transaction, as soon as there are more permits
 * than leases and places before it. The first in the queue watches the leases and the number; each other one only the place right
 * before it: a release wakes one.
 *
 * Never takes a permit away: after the number was lowered, `available()` is below 0 until enough have been released.
 */
import type { CallOptions, Client, Deadline, ReadOptions } from "@corral/client";
import { type AcquireOptions, confirmed, orLeave, patient } from "./hold/acquire.ts";
import { checkIdentity, contenderData, drawIdentity } from "./hold/contender-data.ts";
import { type Contender, contendersOf, evict, requestRevoke } from "./hold/contenders.ts";
import type { Held } from "./hold/held.ts";
import { Holding } from "./hold/holding.ts";
import { sessionFor } from "./hold/in-session.ts";
import { childOf, type Place } from "./hold/place.ts";
import { withHeld } from "./hold/with-held.ts";
import { Books, checkPermits } from "./semaphore/books.ts";
import { Waiters } from "./semaphore/waiters.ts";

export interface SemaphoreOptions {
  /** How many there are, 0 to 100,000. Stored by whoever comes first; see `onMismatch`. */
  readonly permits: number;
  /**
   * When another number is stored as this object first asks for a permit: `error` (default): `BAD_ARGUMENTS`, with the stored number as
   * `limit`; `use-stored`. Later it follows `resize`, by whomever.
   */
  readonly onMismatch?: "error" | "use-stored" | undefined;
  /** Who this is, for people; see `holders()`. At most 1,024 bytes. Default: random. */
  readonly identity?: string | undefined;
}

/**
 * Holds nothing itself: may be used again and again, and by many at once. The token of a permit is unique, and is no order: permits are
 * held side by side, so nobody can tell by it who is too late. What a permit protects in Corral is fenced by the permit's own `guard`.
 */
export interface Semaphore {
  readonly path: string;
  /**
   * Resolves when a permit is held, first come, first served. `timeoutMs`: none by default. Rejects with `TIMEOUT`, `ABORTED`,
   * `SESSION_EXPIRED` (asking again is to queue again), `GUARD_FAILED` if somebody deleted the place or the permit, or `BAD_ARGUMENTS`
   * (`onMismatch`). However it ends, neither a place nor a permit stays behind.
   */
  acquire(options?: AcquireOptions): Promise<Held>;
  /** Undefined if all permits are held or wanted by others. `timeoutMs` is for the server's answer. */
  tryAcquire(options?: AcquireOptions): Promise<Held | undefined>;
  /** Acquires, calls, releases; as `with` of a lock. */
  with<R>(use: (held: Held) => R | Promise<R>, options?: AcquireOptions): Promise<Awaited<R>>;
  /** How many permits nobody holds; below 0 while more are held than there are. */
  available(options?: ReadOptions): Promise<number>;
  /** Who holds a permit, in the order of getting it. */
  holders(options?: ReadOptions): Promise<Contender[]>;
  /** Who waits, in the order of coming. */
  waiters(options?: ReadOptions): Promise<Contender[]>;
  /** Changes how many there are. Lowering takes nothing away from anybody. Resolves with the number before; undefined if none was stored. */
  resize(permits: number, options?: CallOptions): Promise<number | undefined>;
  /** Asks the holder of this token to let go, by `held.revokeRequested`. False if that one has gone. */
  requestRevoke(token: number, why?: string, options?: CallOptions): Promise<boolean>;
  /** Takes the permit away from the holder, or the place from the waiter, of this token. False if that one has gone. */
  evict(token: number, options?: CallOptions): Promise<boolean>;
}

/** A semaphore on a path. Its number of permits stays there, and with it the znode, until somebody deletes them. */
export function semaphore(client: Client, path: string, options: SemaphoreOptions): Semaphore {
  checkPermits("semaphore", path, options.permits);
  const identity = checkIdentity("semaphore", path, options.identity ?? drawIdentity(client.random));
  const books = new Books(client, path, options.permits, options.onMismatch !== "use-stored");
  const queue = new Waiters(client, childOf(path, "queue"), books, contenderData.encode({ identity }));
  const holding = (lease: Place, op: string, deadline: Deadline, how?: AcquireOptions): Promise<Holding> =>
    confirmed(new Holding(client, path, lease, how), op, deadline);

  async function acquire(how?: AcquireOptions): Promise<Holding> {
    const op = "semaphore.acquire";
    const deadline = patient(client, op, how);
    const session = await sessionFor(client, deadline);
    await books.agree(op, deadline);
    const place = await queue.join(session, op, deadline);
    const lease = await orLeave(client, place, queue.lease(place, op, deadline, how?.onWait));
    return holding(lease, op, deadline, how);
  }

  /** Looks before it joins: a semaphore that has no permit to give costs reads only. */
  async function tryAcquire(how?: AcquireOptions): Promise<Holding | undefined> {
    const op = "semaphore.tryAcquire";
    const deadline = client.deadline(op, how);
    const session = await sessionFor(client, deadline);
    if (!(await queue.wouldPass(op, deadline))) return undefined;
    const place = await queue.join(session, op, deadline);
    const lease = await orLeave(client, place, queue.leaseNow(place, op, deadline));
    if (lease !== undefined) return holding(lease, op, deadline, how);
    await new Holding(client, path, place).release(deadline.rest());
    return undefined;
  }

  const holders = async (how?: ReadOptions): Promise<Contender[]> => {
    const all = await contendersOf(client, books.leases, () => true, how);
    return all.sort((a, b) => a.token - b.token);
  };
  return {
    path,
    acquire,
    tryAcquire,
    with: (use, how) => withHeld(acquire(how), use),
    async available(how) {
      const count = await books.read(how);
      return count === undefined ? options.permits : count.permits - count.leases;
    },
    holders,
    waiters: (how) => contendersOf(client, queue.path, () => false, how),
    resize: (permits, how) => books.resize(permits, how),
    async requestRevoke(token, why = "", how) {
      const deadline = client.deadline("semaphore.requestRevoke", how);
      const holder = (await holders(deadline.rest())).find((one) => one.token === token);
      return holder !== undefined && (await requestRevoke(client, holder, identity, why, deadline.rest()));
    },
    async evict(token, how) {
      const deadline = client.deadline("semaphore.evict", how);
      return (
        (await evict(client, books.leases, token, deadline.rest())) ||
        (await evict(client, queue.path, token, deadline.rest()))
      );
    },
  };
}

/**
 * The queue of a semaphore: from wanting a permit to the lease.
 *
 * A place becomes a lease, in one transaction, when there are more permits than leases and places before it. The queue is read before
 * the leases, so whoever stood before is counted as the one or the other, or has let go. So of any number of holders the one
 * who joined last had counted all others: there are never more of them than permits.
 */
import { type Client, type Deadline, isCorralError, type SessionInfo } from "@corral/client";
import { type ContenderName, drawPrefix } from "../hold/contender-name.ts";
import { whileIn } from "../hold/in-session.ts";
import { unseen } from "../hold/let-go.ts";
import { movePlace } from "../hold/move-place.ts";
import { childOf, evicted, type Place, takePlace } from "../hold/place.ts";
import { contendersIn, type OnWait, type Waiting } from "../hold/turn.ts";
import type { Books, Count } from "./books.ts";

export class Waiters {
  /** Path of the queue. */
  readonly path: string;
  readonly #client: Client;
  readonly #books: Books;
  /** Of places and leases. */
  readonly #data: Uint8Array | null;

  constructor(client: Client, path: string, books: Books, data: Uint8Array | null) {
    this.path = path;
    this.#client = client;
    this.#books = books;
    this.#data = data;
  }

  join(session: SessionInfo, op: string, deadline: Deadline): Promise<Place> {
    const prefix = drawPrefix(this.#client.random, "curator", "lock");
    return takePlace(this.#client, session, op, deadline, { parent: this.path, prefix, data: this.#data });
  }

  /** Would there be a permit for one who joined now? */
  async wouldPass(op: string, deadline: Deadline): Promise<boolean> {
    const waiters = await contendersIn(this.#client, this.path, deadline);
    return hasPermit(await this.#books.count(op, deadline), waiters.length);
  }

  /** The lease, if there is a permit for this place now. */
  async leaseNow(place: Place, op: string, deadline: Deadline): Promise<Place | undefined> {
    const { count, position } = await this.#look(place, op, deadline, place.queue);
    return hasPermit(count, position) ? this.#exchange(place, count, op, deadline) : undefined;
  }

  /** The lease, as soon as there is a permit for this place. */
  async lease(place: Place, op: string, deadline: Deadline, onWait: OnWait | undefined): Promise<Place> {
    let seen = await this.#look(place, op, deadline, place.queue);
    let watch: Watch | undefined;
    let own: Promise<unknown> | undefined;
    try {
      for (;;) {
        if (hasPermit(seen.count, seen.position)) {
          const lease = await this.#exchange(place, seen.count, op, deadline);
          if (lease !== undefined) return lease;
        } else if (watch === undefined) {
          watch = this.#watch(seen.behind);
          // The first looks once more: what it watches it had read before. A place that has gone meanwhile cannot be watched.
          if (seen.position > 0) continue;
        } else {
          onWait?.(seen);
          // Never taken back: it ends with the place.
          own ??= this.#next(place.path).finally(() => {
            own = undefined;
          });
          await deadline.race(whileIn(place.session, op, place.path, Promise.race([watch.change, own])));
          watch.end();
          watch = undefined;
        }
        seen = await this.#look(place, op, deadline);
      }
    } finally {
      watch?.end();
    }
  }

  async #look(place: Place, op: string, deadline: Deadline, queue?: readonly ContenderName[]): Promise<Look> {
    const inSession = <T>(promise: Promise<T>): Promise<T> => whileIn(place.session, op, place.path, promise);
    const waiters = queue ?? (await inSession(contendersIn(this.#client, this.path, deadline)));
    const position = waiters.findIndex(({ name }) => name === place.name);
    if (position < 0) throw evicted(op, place.path);
    const count = await inSession(this.#books.count(op, deadline));
    const behind = position === 0 ? this.#books.leases : childOf(this.path, waiters[position - 1]!.name);
    return { position, behind, count };
  }

  /** Undefined if the number of permits has been changed since it was counted, or the place was deleted. */
  async #exchange(place: Place, { mzxid }: Count, op: string, deadline: Deadline): Promise<Place | undefined> {
    const { leases, permits } = this.#books;
    const lease = { parent: leases, name: place.name, data: this.#data, guard: { path: permits, mzxid } };
    try {
      return await movePlace(this.#client, place, op, deadline, lease);
    } catch (error) {
      if (isCorralError(error, "GUARD_FAILED", "NO_NODE")) return undefined;
      throw error;
    }
  }

  /** For whatever may end the waiting: of the first the leases and the number of permits, of others the place before. */
  #watch(behind: string): Watch {
    const { leases, permits } = this.#books;
    const given = new AbortController();
    const change =
      behind === leases
        ? Promise.race([this.#next(leases, "children", given.signal), this.#next(permits, "znode", given.signal)])
        : this.#next(behind, "znode", given.signal);
    // Nobody may come to wait for it.
    unseen(change);
    return {
      change,
      end() {
        given.abort();
      },
    };
  }

  /** The next change of a znode that is there; at once if it is not. */
  async #next(path: string, of: "znode" | "children" = "znode", signal?: AbortSignal): Promise<void> {
    try {
      await this.#client.nextEvent(path, { of, existing: true, signal, timeoutMs: Infinity });
    } catch (error) {
      if (!isCorralError(error, "NO_NODE")) throw error;
    }
  }
}

/** `behind`: the place right before; for the first the leases. */
interface Look extends Waiting {
  readonly count: Count;
}

interface Watch {
  readonly change: Promise<unknown>;
  /** The watches go too, at the server. */
  end(): void;
}

/** Each who stands before takes at most one. */
const hasPermit = ({ leases, permits }: Count, position: number): boolean => leases + position < permits;

/**
 * A lock of two kinds: many may read at once, one alone may write, in the order of asking. ZooKeeper's recipe for shared locks, Curator's
 * InterProcessReadWriteLock, kazoo's ReadLock and WriteLock, whose contenders stand in one queue with ours.
 *
 * A reader waits for the nearest writer before it, a writer for whoever is right before it: the readers behind a writer wake together,
 * and of many writers one. Nobody overtakes: a reader that comes after a waiting writer waits too.
 *
 * Never turns a read lock into a write lock: two who wanted that would wait for each other. The other way is `downgrade`.
 *
 * What a store that is protected by tokens must do: keep the greatest token of a *writer* that it has seen, and refuse everything that
 * comes with a smaller one. Readers' tokens are there to be refused, never to be kept: several readers hold at once.
 */
import { type CallOptions, type Client, CorralError, type ReadOptions, type SessionInfo } from "@corral/client";
import { acquire, type AcquireOptions, confirmed, type Queueing } from "./hold/acquire.ts";
import { checkIdentity, contenderData, drawIdentity } from "./hold/contender-data.ts";
import { type ContenderName, contenderName, drawPrefix } from "./hold/contender-name.ts";
import { type Contender, contendersOf, evict, requestRevoke } from "./hold/contenders.ts";
import type { Held, HoldOptions, RevokeRequest } from "./hold/held.ts";
import { Holding } from "./hold/holding.ts";
import { unseen } from "./hold/let-go.ts";
import { sessionOver } from "./hold/in-session.ts";
import { movePlace } from "./hold/move-place.ts";
import type { Place } from "./hold/place.ts";
import { type Blocks, nearest } from "./hold/turn.ts";
import { withHeld } from "./hold/with-held.ts";
import { type Lock, type LockOptions, tryAcquire } from "./lock.ts";

/** What a contender of a read-write lock wants, or has. */
export type ReadOrWrite = "read" | "write";

/** Of one that has downgraded, `token` is the zxid of the znode that stands for it now, not the token that its holder has kept. */
export interface ReadWriteContender extends Contender {
  readonly wants: ReadOrWrite;
}

/** One object stands for one party: independent tasks of a program, which may wait for each other, take one each. */
export interface ReadWriteLock {
  readonly path: string;
  /** Its `contenders()` are readers, and `requestRevoke()` asks all who hold. `evict()` takes the token of any contender. */
  readonly read: Lock;
  /**
   * Refuses with `BAD_ARGUMENTS`, at once, while the read lock is held by this same object: it would wait for itself. Asking for either
   * lock while it holds the write lock is to wait for itself, as with `lock`.
   */
  readonly write: Lock;
  /**
   * From writing to reading, with nobody in between: whoever queues behind the writer stays behind. Takes a write lock that this object
   * acquired; that one is over from the call on, whatever comes of it: if this rejects, nothing is held. The new one has the same
   * token. Rejects with why the write lock is lost, `SESSION_EXPIRED`, `GUARD_FAILED`, `ABORTED`, `TIMEOUT`; with `BAD_ARGUMENTS` for
   * anything else than a write lock of this object, which stays what it is.
   */
  downgrade(held: Held, options?: CallOptions & HoldOptions): Promise<Held>;
  /** Who holds, and who waits, in the order of the queue. */
  contenders(options?: ReadOptions): Promise<ReadWriteContender[]>;
}

/** Whoever is in the queue for something else than to read, a plain lock on the same path for instance, writes. */
const wants = ({ purpose }: ContenderName): ReadOrWrite => (purpose === "read" ? "read" : "write");
const nearestWriter: Blocks = (before) => before.findLast((contender) => wants(contender) === "write");
const BLOCKS: Readonly<Record<ReadOrWrite, Blocks>> = { read: nearestWriter, write: nearest };

/** A read-write lock on a path; the znode is made as a container when it is first wanted, and goes some time after its last contender. */
export function readWriteLock(client: Client, path: string, options: LockOptions = {}): ReadWriteLock {
  const identity = checkIdentity("readWriteLock", path, options.identity ?? drawIdentity(client.random));
  const layout = options.layout ?? "curator";
  const readers = new Set<Held>();
  const writers = new WeakSet<Held>();

  const contenders = async (how?: ReadOptions): Promise<ReadWriteContender[]> => {
    const holds = (name: ContenderName, before: readonly ContenderName[]): boolean =>
      BLOCKS[wants(name)](before) === undefined;
    const all = await contendersOf(client, path, holds, how);
    return all.map((one) => ({ ...one, wants: wants(contenderName(nameOf(one.path))!) }));
  };

  const side = (purpose: ReadOrWrite, remember: (holding: Holding) => void, refuse: (op: string) => void): Lock => {
    const remembered = async <H extends Holding | undefined>(
      action: string,
      hold: (queueing: Queueing) => Promise<H>,
    ): Promise<H> => {
      const op = `readWriteLock.${purpose}.${action}`;
      refuse(op);
      const prefix = drawPrefix(client.random, layout, purpose);
      const holding = await hold({ op, name: path, prefix, identity, blocks: BLOCKS[purpose] });
      if (holding !== undefined) remember(holding);
      return holding;
    };
    const acquireHere = (how?: AcquireOptions): Promise<Holding> =>
      remembered("acquire", (queueing) =>
        acquire(client, queueing, how, (place) => new Holding(client, path, place, how)),
      );
    const own = async (how?: ReadOptions): Promise<Contender[]> =>
      (await contenders(how)).filter((contender) => contender.wants === purpose);
    return {
      path,
      acquire: acquireHere,
      tryAcquire: (how) => remembered("tryAcquire", (queueing) => tryAcquire(client, queueing, how)),
      with: (use, how) => withHeld(acquireHere(how), use),
      contenders: own,
      async requestRevoke(why = "", how) {
        const deadline = client.deadline(`readWriteLock.${purpose}.requestRevoke`, how);
        const holders = (await own(deadline.rest())).filter(({ holds }) => holds);
        let isAsked = false;
        for (const holder of holders)
          isAsked = (await requestRevoke(client, holder, identity, why, deadline.rest())) || isAsked;
        return isAsked;
      },
      evict: (token, how) => evict(client, path, token, how),
    };
  };

  const reads = (holding: Holding): void => {
    readers.add(holding);
    holding.signal.addEventListener("abort", () => readers.delete(holding), { once: true });
    if (holding.signal.aborted) readers.delete(holding);
  };
  const refuseUpgrade = (op: string): void => {
    if (![...readers].some(({ isValid }) => isValid)) return;
    throw new CorralError("BAD_ARGUMENTS", {
      op,
      detail: { path },
      means: "this object holds the read lock and would wait for itself: release that first, there is no upgrading",
    });
  };

  return {
    path,
    read: side("read", reads, () => {}),
    write: side("write", (holding) => writers.add(holding), refuseUpgrade),
    async downgrade(held, how) {
      const op = "readWriteLock.downgrade";
      if (!writers.has(held)) throw notOurs(op, path);
      held.assertValid();
      const deadline = client.deadline(op, how);
      const { session } = client;
      if (session === undefined) throw sessionOver(op, path, undefined);
      const place = placeOf(held, path, session);
      const name = drawPrefix(client.random, layout, "read") + place.name.slice(-SEQUENCE_DIGITS);
      const revoke = held.revokeRequested.reason as RevokeRequest | undefined;
      const data = contenderData.encode({ identity, revoke });
      const moving = movePlace(client, place, op, deadline, { parent: path, name, data });
      // Is executed after the move, and does something only if that came to nothing.
      unseen(held.release({ timeoutMs: Infinity }));
      // The token stays: writers who queue already have greater ones, but smaller than the zxid of the new znode.
      const reader = new Holding(client, path, await moving, how, held.token);
      reads(reader);
      return confirmed(reader, op, deadline);
    },
    contenders,
  };
}

const SEQUENCE_DIGITS = 10;

const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** What is certainly held belongs to the present session. */
function placeOf({ path, guard }: Held, parent: string, session: SessionInfo): Place {
  const { czxid } = guard as { readonly czxid: number };
  return { path, name: nameOf(path), parent, czxid, session };
}

function notOurs(op: string, path: string): CorralError {
  return new CorralError("BAD_ARGUMENTS", {
    op,
    detail: { path, name: "held" },
    means: "only a write lock that this object acquired can be downgraded",
  });
}

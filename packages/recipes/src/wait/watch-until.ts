/**
 * Waiting until a znode is as it was wished for: with one watch, which is set before each look so that nothing falls between them, and
 * is taken back at the server when the waiting ends.
 *
 * Holds nothing: a waiter whose session ends waits on in the next one, unless it is told to belong to one session.
 */
import { type Client, type Deadline, isCorralError, type SessionInfo, type WatchEvent } from "@corral/client";
import { sessionFor, whileIn } from "../hold/in-session.ts";

export interface Wished<T> {
  readonly path: string;
  /** Nothing is to be watched while there is no such znode: for those who wait for its end. */
  readonly existing?: boolean | undefined;
  /** Undefined: not yet. Asked at the beginning and after each event, when the watch has been set. */
  readonly look: () => Promise<T | undefined>;
  /** What an event proves, so that no other watch is needed; undefined: look again. */
  readonly told?: ((event: WatchEvent) => T | undefined | Promise<T | undefined>) | undefined;
  /** Ends the waiting when it rejects. */
  readonly alarm?: Promise<never> | undefined;
  /** The waiting ends with this session, by `SESSION_EXPIRED`. */
  readonly session?: SessionInfo | undefined;
}

/** Rejects with `ABORTED`, `TIMEOUT`, and whatever `look` rejects with. */
export async function watchUntil<T>(client: Client, op: string, deadline: Deadline, wished: Wished<T>): Promise<T> {
  const { path, existing, look, told, alarm, session } = wished;
  const race = <R>(promise: Promise<R>): Promise<R> =>
    deadline.race(session === undefined ? promise : whileIn(session, op, path, promise));
  for (;;) {
    const given = new AbortController();
    try {
      if (session === undefined) await sessionFor(client, deadline);
      const next = client.nextEvent(path, { existing, signal: given.signal, timeoutMs: Infinity });
      // It is waited for only after the look.
      next.catch(() => {});
      const found = await race(look());
      if (found !== undefined) return found;
      const event = await race(alarm === undefined ? next : Promise.race([next, alarm]));
      const proven = told === undefined ? undefined : await race(Promise.resolve(told(event)));
      if (proven !== undefined) return proven;
    } catch (error) {
      const isAnother = session === undefined && isCorralError(error, "SESSION_EXPIRED");
      const isGone = existing === true && isCorralError(error, "NO_NODE") && error.path === path;
      if (!isAnother && !isGone) throw error;
    } finally {
      given.abort();
    }
  }
}

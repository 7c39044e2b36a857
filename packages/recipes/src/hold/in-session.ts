/**
 * A recipe's call belongs to the session that it began in: what it holds there vanishes with that session, so nothing may go on
 * in the next one as if nothing had happened.
 *
 * For authors of recipes: begin with `sessionFor`, wrap whatever is waited for in `whileIn`, and compare `ephemeralOwner` with the
 * session's id wherever something is taken for one's own.
 */
import { type Client, CorralError, type Deadline, isCorralError, type SessionInfo } from "@corral/client";

/**
 * A session that is connected and certainly lives, awaited if there is none: what is asked then is not kept in a queue while the
 * connection is broken, where nobody could take it back.
 */
export async function sessionFor(client: Client, deadline: Deadline): Promise<SessionInfo> {
  for (;;) {
    deadline.check();
    const { session, state } = client;
    if (state.name === "connected" && session?.isValid === true) return session;
    try {
      // Waits as every call does, and makes the client notice a session whose time is over.
      await deadline.race(client.sync("/", deadline.rest()));
    } catch (error) {
      if (!isCorralError(error, "SESSION_EXPIRED")) throw error;
    }
  }
}

/** The error of a call whose session is over. The same call, made again, begins in a new one. */
export function sessionOver(op: string, path: string, cause: unknown): CorralError {
  return new CorralError("SESSION_EXPIRED", { op, detail: { path }, outcome: "no", retryable: true, cause });
}

const waiting = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls once when the session is over; at once if it is. The function returned ends the waiting. One listener a session, however many
 * wait: to add a listener to a signal takes the longer the more it has.
 */
export function whenOver({ signal }: SessionInfo, call: () => void): () => void {
  if (signal.aborted) {
    call();
    return () => {};
  }
  const calls = waiting.get(signal) ?? listenTo(signal);
  // One function may wait more than once.
  const one = (): void => {
    call();
  };
  calls.add(one);
  return () => {
    calls.delete(one);
  };
}

function listenTo(signal: AbortSignal): Set<() => void> {
  const calls = new Set<() => void>();
  waiting.set(signal, calls);
  signal.addEventListener(
    "abort",
    () => {
      waiting.delete(signal);
      for (const call of calls) call();
    },
    { once: true },
  );
  return calls;
}

/** Rejects with `SESSION_EXPIRED` when the session ends before the promise has come to something. What that stands for goes on. */
export function whileIn<T>(session: SessionInfo, op: string, path: string, promise: Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const stop = whenOver(session, () => {
      reject(sessionOver(op, path, session.signal.reason));
    });
    promise.then(
      (value) => {
        stop();
        resolve(value);
      },
      (error: CorralError) => {
        stop();
        reject(error);
      },
    );
  });
}

/**
 * A recipe's call belongs to the session that it began in: what it holds there vanishes with that session, so nothing may go on
 * in the next one as if nothing had happened.
 */
import { type Client, CorralError, type Deadline, type SessionInfo } from "@corral/client";

/** The present session, awaited if there is none. */
export async function sessionFor(client: Client, deadline: Deadline): Promise<SessionInfo> {
  deadline.check();
  const { session } = client;
  return session?.isValid === true ? session : client.ready(deadline.rest());
}

/** The error of a call whose session is over. The same call, made again, begins in a new one. */
export function sessionOver(op: string, path: string, cause: unknown): CorralError {
  return new CorralError("SESSION_EXPIRED", { op, detail: { path }, outcome: "no", retryable: true, cause });
}

/** Rejects with `SESSION_EXPIRED` when the session ends before the promise has come to something. What that stands for goes on. */
export function whileIn<T>(session: SessionInfo, op: string, path: string, promise: Promise<T>): Promise<T> {
  const { signal } = session;
  return new Promise<T>((resolve, reject) => {
    const over = (): void => {
      reject(sessionOver(op, path, signal.reason));
    };
    signal.addEventListener("abort", over);
    promise.then(resolve, reject).finally(() => {
      signal.removeEventListener("abort", over);
    });
    if (signal.aborted) over();
  });
}

/**
 * Deleting what stands for somebody, for certain: tried until it is done, refused, or its session is over, which does the same.
 *
 * For authors of recipes: whatever has been made for a session and is not wanted any more goes by `letGo`, never by a plain delete,
 * whose error somebody would have to deal with. Promises that nobody waits for go through `unseen`.
 */
import { type Client, type CorralError, isCorralError, type SessionInfo } from "@corral/client";
import { backoffMs } from "../wait/backoff.ts";
import { whenOver } from "./in-session.ts";
import { LET_GO_PAUSE_FIRST_MS, LET_GO_PAUSE_MAX_MS } from "./limits.ts";

/** `was-gone`: it had been deleted by somebody else, or its session is over here, and it goes with that. */
export type LetGo = "released" | "was-gone";

/** A life of an ephemeral. */
interface Node {
  readonly path: string;
  readonly czxid: number;
}

/** Deletes it. Takes as long as it takes, at most until the session ends. Rejects only if the server refuses, as with `NO_AUTH`. */
export async function letGo(client: Client, session: SessionInfo, node: Node): Promise<LetGo> {
  for (const pauses = new Pauses(client, session); session.isValid; await pauses.next()) {
    try {
      return (await remove(client, node)) > 0 ? "released" : "was-gone";
    } catch (error) {
      // With the client its session has ended. (Not by `detach()`: whoever takes the session over has what it holds.)
      if (isCorralError(error, "SESSION_EXPIRED", "OUTCOME_UNKNOWN", "CLOSED")) return "was-gone";
      if (!isCorralError(error) || !error.retryable) throw error;
    }
  }
  return "was-gone";
}

/** How many were deleted. */
async function remove(client: Client, { path, czxid }: Node): Promise<number> {
  const how = { missing: "ok", timeoutMs: Infinity } as const;
  try {
    return await client.delete(path, { ...how, ifMatch: { czxid } });
  } catch (error) {
    if (!isCorralError(error, "GUARD_FAILED")) throw error;
  }
  // Another life of the path; or ours, with an ACL by which it may not be read, so that no guard on it holds.
  if (await isReadable(client, path)) return 0;
  const own = await client.ephemerals(path, { timeoutMs: Infinity });
  return own.includes(path) ? client.delete(path, how) : 0;
}

/** Where there is no znode, too: there is nothing that one may not read. */
async function isReadable(client: Client, path: string): Promise<boolean> {
  try {
    await client.stat(path, { timeoutMs: Infinity });
    return true;
  } catch (error) {
    if (isCorralError(error, "NO_AUTH")) return false;
    throw error;
  }
}

/** Between tries of what the client or the server refused for being full: random, longer each time, over when the session is. */
export class Pauses {
  readonly #client: Client;
  readonly #session: SessionInfo;
  #tries = 0;

  constructor(client: Client, session: SessionInfo) {
    this.#client = client;
    this.#session = session;
  }

  next(): Promise<void> {
    const ms = backoffMs(this.#client, ++this.#tries, LET_GO_PAUSE_FIRST_MS, LET_GO_PAUSE_MAX_MS);
    return new Promise((resolve) => {
      const cancel = this.#client.clock.setTimeout(() => {
        stop();
        resolve();
      }, ms);
      const stop = whenOver(this.#session, () => {
        cancel();
        resolve();
      });
    });
  }
}

/** Of a promise whose outcome nobody waits for any more. */
export function unseen(promise: Promise<unknown>, onRefused: (error: CorralError) => void = () => {}): void {
  promise.catch((error: unknown) => {
    if (isCorralError(error)) onRefused(error);
    else throw error;
  });
}

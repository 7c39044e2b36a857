/** The end of a directory before that of its session. */
import { type Client, isCorralError, op, type SessionInfo } from "@corral/client";
import { type LetGo, Pauses } from "../hold/let-go.ts";

/** Leaves of a directory too large for one transaction go so many at a time. */
const LEAVES_PER_TRANSACTION = 500;

/** For certain, unless the session ends, which does the same. Rejects only if the server refuses. */
export async function remove(client: Client, session: SessionInfo, path: string): Promise<LetGo> {
  let isTooLarge = false;
  for (const pauses = new Pauses(client, session); session.isValid; await pauses.next()) {
    try {
      if (isTooLarge) await removeLeaves(client, path);
      const how = { recursive: true, missing: "ok", timeoutMs: Infinity } as const;
      return (await client.delete(path, how)) > 0 ? "released" : "was-gone";
    } catch (error) {
      if (isCorralError(error, "SESSION_EXPIRED", "OUTCOME_UNKNOWN", "CLOSED")) return "was-gone";
      isTooLarge = isCorralError(error, "LIMIT_EXCEEDED");
      if (!isTooLarge && (!isCorralError(error) || !error.retryable)) throw error;
    }
  }
  return "was-gone";
}

/** The oldest first, which is the one that holds the directory. */
async function removeLeaves(client: Client, path: string): Promise<void> {
  const leaves = await client.ephemerals(path, { timeoutMs: Infinity });
  for (let i = 0; i < leaves.length; i += LEAVES_PER_TRANSACTION) {
    const some = leaves.slice(i, i + LEAVES_PER_TRANSACTION);
    await client.multiEach(
      some.map((leaf) => op.delete(leaf)),
      { timeoutMs: Infinity },
    );
  }
}

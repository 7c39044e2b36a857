/** Deleting claims that have been seen, and none that was made since. */
import { type CallOptions, type Client, type Guard, isCorralError, op } from "@corral/client";

/** Operations of one transaction. */
const CHUNK_MAX = 200;

export interface ClaimNode {
  readonly path: string;
  readonly czxid: number;
}

/** What has gone meanwhile is left out. Rejects with `GUARD_FAILED`, and the path of the guard, where one of the guards does not hold. */
export async function deleteClaims(
  client: Client,
  claims: readonly ClaimNode[],
  guard: readonly Guard[],
  rest: () => CallOptions,
): Promise<void> {
  for (let at = 0; at < claims.length; at += CHUNK_MAX)
    await deleteChunk(client, claims.slice(at, at + CHUNK_MAX), guard, rest);
}

/** All at once; if some have gone, each by itself. */
async function deleteChunk(
  client: Client,
  claims: readonly ClaimNode[],
  guard: readonly Guard[],
  rest: () => CallOptions,
): Promise<void> {
  const operations = claims.map(({ path, czxid }) => op.delete(path, { ifMatch: { czxid } }));
  try {
    await client.multi(operations, { ...rest(), guard });
  } catch (error) {
    const isGone = isCorralError(error, "GUARD_FAILED", "NO_NODE") && claims.some(({ path }) => path === error.path);
    if (!isGone) throw error;
    if (claims.length > 1) for (const claim of claims) await deleteChunk(client, [claim], guard, rest);
  }
}

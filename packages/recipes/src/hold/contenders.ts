/**
 * Who stands in a queue, and what others may do about whoever holds.
 *
 * For authors of recipes: everything here is of the past when it is read. Whatever is done by it names the token, so that it strikes
 * the one that was seen or nobody.
 */
import { type CallOptions, type Child, type Client, isCorralError, type ReadOptions } from "@corral/client";
import { type ContenderData, contenderData } from "./contender-data.ts";
import { type ContenderName, inOrder } from "./contender-name.ts";

/** Somebody in a queue. */
export interface Contender {
  readonly path: string;
  /** As it gave it; of foreign clients, the text of the znode's data. */
  readonly identity: string;
  /** Log-clock time of its coming, milliseconds since 1970. */
  readonly since: number;
  /** Its token when it holds. */
  readonly token: number;
  readonly sessionId: number;
  /** Does this client's session own it? */
  readonly isMine: boolean;
  /** Does it hold? */
  readonly holds: boolean;
}

/** In the order of the queue; without those that this session may not read. */
export async function contendersOf(
  client: Client,
  path: string,
  holds: (contender: ContenderName, before: readonly ContenderName[]) => boolean,
  options: ReadOptions | undefined,
): Promise<Contender[]> {
  const deadline = client.deadline("contenders", options);
  const children = await deadline.race(childrenOf(client, path, { ...options, ...deadline.rest() }));
  const names = inOrder([...children.keys()]);
  return names.flatMap((name, i) => {
    const { path: at, value, stat } = children.get(name.name)!;
    if (stat === undefined) return [];
    return [
      {
        path: at,
        identity: value?.identity ?? "",
        since: stat.ctime,
        token: stat.czxid,
        sessionId: stat.ephemeralOwner,
        isMine: stat.ephemeralOwner === client.session?.id,
        holds: holds(name, names.slice(0, i)),
      },
    ];
  });
}

async function childrenOf(
  client: Client,
  path: string,
  options: ReadOptions,
): Promise<ReadonlyMap<string, Child<ContenderData>>> {
  const children = new Map<string, Child<ContenderData>>();
  try {
    for await (const child of client.list(path, { ...options, include: "data", codec: contenderData }))
      children.set(child.name, child);
  } catch (error) {
    // No queue, no contenders.
    if (!isCorralError(error, "NO_NODE")) throw error;
  }
  return children;
}

/** Asks whoever is there to let go; see {@link Held.revokeRequested}. False if it has gone. */
export async function requestRevoke(
  client: Client,
  contender: Contender,
  by: string,
  why: string,
  options: CallOptions | undefined,
): Promise<boolean> {
  try {
    await client.update(
      contender.path,
      (now) => ({ ...(now?.value ?? { identity: contender.identity }), revoke: { by, why } }),
      { ...options, codec: contenderData, guard: { path: contender.path, czxid: contender.token } },
    );
    return true;
  } catch (error) {
    if (isCorralError(error, "NO_NODE", "GUARD_FAILED")) return false;
    throw error;
  }
}

/** Takes its place away from whoever has this token. Its holder learns of that by `signal`. False if there is none. */
export async function evict(
  client: Client,
  path: string,
  token: number,
  options: CallOptions | undefined,
): Promise<boolean> {
  const deadline = client.deadline("evict", options);
  const contenders = await contendersOf(client, path, () => false, deadline.rest());
  const at = contenders.find((contender) => contender.token === token)?.path;
  if (at === undefined) return false;
  try {
    await client.delete(at, { ...deadline.rest(), ifMatch: { czxid: token } });
    return true;
  } catch (error) {
    if (isCorralError(error, "NO_NODE", "GUARD_FAILED")) return false;
    throw error;
  }
}

/** Who leads, as the tree shows it. */
import { type Client, type Entry, isCorralError, type ReadOptions } from "@corral/client";
import { type ContenderData, contenderData } from "../hold/contender-data.ts";
import { inOrder } from "../hold/contender-name.ts";
import { childOf } from "../hold/turn.ts";

/** The candidate at the head of the queue. It may not know of it yet, and one whose session ends leads until the server says so. */
export interface Leader {
  /** As it gave it; of foreign clients, the text of the znode's data. */
  readonly identity: string;
  /** Grows from leader to leader. */
  readonly term: number;
  /** What it proclaimed last. */
  readonly value: Uint8Array | undefined;
  /** Does this client's session own it? */
  readonly isMine: boolean;
}

export function leaderIn(client: Client, { value, stat }: Pick<Entry<ContenderData>, "value" | "stat">): Leader {
  return {
    identity: value.identity,
    term: stat.czxid,
    value: value.value,
    isMine: stat.ephemeralOwner === client.session?.id,
  };
}

/** Undefined if there is no candidate. Two reads, however many there are; two more each time that a leader goes in between. */
export async function leaderOf(
  client: Client,
  path: string,
  options: ReadOptions | undefined,
): Promise<Leader | undefined> {
  const deadline = client.deadline("election.current", options);
  const consistency = options?.consistency;
  for (;;) {
    let names: readonly string[];
    try {
      names = await client.children(path, { ...deadline.rest(), consistency });
    } catch (error) {
      // No queue, no candidates.
      if (isCorralError(error, "NO_NODE")) return undefined;
      throw error;
    }
    const first = inOrder(names)[0];
    if (first === undefined) return undefined;
    const found = await client.find(childOf(path, first.name), {
      ...deadline.rest(),
      consistency,
      codec: contenderData,
    });
    if (found !== undefined) return leaderIn(client, found);
  }
}

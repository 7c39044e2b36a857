/** Who is controller, as every broker follows it. */
import type { Client } from "@corral/client";
import { election } from "@corral/recipes";
import type { ClusterPaths } from "../layout.ts";

export interface ControllerView {
  readonly broker: number;
  /** Greater than that of every controller before. */
  readonly epoch: number;
  /** Is it this process, in its present session? It may not know of it yet. */
  readonly isMe: boolean;
}

export interface FollowOptions {
  readonly client: Client;
  readonly paths: ClusterPaths;
  /** Called with the present one, then with each that follows; undefined: there is none. Whoever is slow gets the newest. */
  readonly tell: (controller: ControllerView | undefined) => void;
  readonly signal: AbortSignal;
}

/** Survives sessions. Resolves when the signal aborts; rejects when the client is closed, or with what `tell` throws. */
export async function followController({ client, paths, tell, signal }: FollowOptions): Promise<void> {
  let told: ControllerView | undefined;
  let isFirst = true;
  for await (const leader of election(client, paths.controller).observe({ signal })) {
    const now =
      leader === undefined ? undefined : { broker: Number(leader.identity), epoch: leader.term, isMe: leader.isMine };
    if (!isFirst && now?.epoch === told?.epoch && now?.isMe === told?.isMe) continue;
    isFirst = false;
    told = now;
    tell(now);
  }
}

/**
 * A barrier: while it is raised, whoever comes waits; when it is lowered, all go on. ZooKeeper's recipe for barriers, Curator's
 * DistributedBarrier, kazoo's Barrier, etcd's recipe of the same name. Curator's and kazoo's are the same znode: they and this one work
 * together.
 *
 * The barrier is the znode, and each raising is a generation: its czxid. Whoever saw one generation is let go when that one is over, also
 * if the next has come before he could look. Never holds anything for whoever waits, and never lowers itself, unless it was raised as
 * an ephemeral.
 */
import {
  type CallOptions,
  type Client,
  CorralError,
  isCorralError,
  type ReadOptions,
  type WriteOptions,
} from "@corral/client";
import { inTime, patient } from "./hold/acquire.ts";
import { watchUntil } from "./wait/watch-until.ts";

/** Barriers that are lowered between the attempt to raise one and the look at it: so many times. */
const RAISE_TRIES_MAX = 10;

export interface RaiseOptions extends WriteOptions {
  /** `ephemeral`: it falls with this client's session. Default `persistent`. Means nothing where it is raised already. */
  readonly lifetime?: "persistent" | "ephemeral" | undefined;
}

export interface LowerOptions extends WriteOptions {
  /** Only this one, as `raise` returned it. Default: whichever there is. */
  readonly generation?: number | undefined;
}

/** Holds nothing itself: may be used again and again, and by many at once. */
export interface Barrier {
  readonly path: string;
  /**
   * Resolves with the generation: a zxid, greater than those before. Where it is raised already, nothing changes, and the present
   * generation is returned. After an error of outcome `unknown` it may be raised: raise or lower it again to know.
   */
  raise(options?: RaiseOptions): Promise<number>;
  /** Lets all go who wait. False if it was not raised, or not any more with this generation. `NOT_EMPTY` if somebody put children below it. */
  lower(options?: LowerOptions): Promise<boolean>;
  /**
   * Resolves when it is not raised, or when the generation is over that was seen; at once if it is not raised. `timeoutMs`: none by
   * default. Goes on over the end of a session. Rejects with `TIMEOUT`, `ABORTED`, `CLOSED`.
   */
  wait(options?: CallOptions): Promise<void>;
  isRaised(options?: ReadOptions): Promise<boolean>;
}

/** A barrier on a path. It is down at first; parents that are missing are made when it is raised. */
export function barrier(client: Client, path: string): Barrier {
  return {
    path,
    raise: (options) => raise(client, path, options),
    lower: (options) => lower(client, path, options),
    wait: (options) => wait(client, path, options),
    isRaised: (options) => client.exists(path, options),
  };
}

async function raise(client: Client, path: string, options: RaiseOptions | undefined): Promise<number> {
  const op = "barrier.raise";
  const deadline = client.deadline(op, options);
  const { guard, lifetime = "persistent" } = options ?? {};
  for (let tries = 0; tries < RAISE_TRIES_MAX; tries++) {
    try {
      const { stat } = await client.create(path, null, { ...deadline.rest(), guard, lifetime, parents: true });
      return stat.czxid;
    } catch (error) {
      if (!isCorralError(error, "NODE_EXISTS")) throw error;
    }
    const stat = await client.stat(path, deadline.rest());
    if (stat !== undefined) return stat.czxid;
  }
  throw new CorralError("OVERLOADED", {
    op,
    detail: { path, name: "raiseTries", limit: RAISE_TRIES_MAX },
    means: "others lowered it again each time",
  });
}

async function lower(client: Client, path: string, options: LowerOptions | undefined): Promise<boolean> {
  const { generation, ...how } = options ?? {};
  if (generation === undefined) return (await client.delete(path, { ...how, missing: "ok" })) > 0;
  try {
    return (await client.delete(path, { ...how, ifMatch: { czxid: generation } })) > 0;
  } catch (error) {
    // The condition on the generation comes after the guards of the caller.
    const guards = how.guard === undefined ? [] : [how.guard].flat();
    if (isCorralError(error, "GUARD_FAILED") && error.index === guards.length) return false;
    throw error;
  }
}

function wait(client: Client, path: string, options: CallOptions | undefined): Promise<void> {
  const op = "barrier.wait";
  const deadline = patient(client, op, options);
  /** The generation that is waited for. */
  let seen = Infinity;
  const waiting = watchUntil(client, op, deadline, {
    path,
    existing: true,
    async look() {
      const stat = await client.stat(path, { ...deadline.rest(), consistency: "linearizable" });
      if (stat === undefined || stat.czxid > seen) return true;
      // A smaller one than before is that of a server that went back: then it is this one that is up.
      seen = stat.czxid;
      return undefined;
    },
    told: ({ kind }) => (kind === "deleted" ? true : undefined),
  });
  return inTime(
    deadline,
    waiting.then(() => {}),
    path,
  );
}

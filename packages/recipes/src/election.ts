/**
 * An election: of many candidates one leads, until it resigns or is lost; then the next in the queue. ZooKeeper's recipe for leader
 * election; Curator's LeaderLatch (`campaign`) and LeaderSelector (`run`); kazoo's Election; etcd's.
 *
 * Never makes a leader of one who was: each term is a leadership of its own, with a token that grows from leader to leader. The end of
 * a leader wakes the next candidate only.
 */
import type { CallOptions, Client, ReadOptions, StreamReader } from "@corral/client";
import { leaderOf, type Leader } from "./election/leader.ts";
import { type Leadership, Term } from "./election/leadership.ts";
import { Observation } from "./election/observe.ts";
import { type Lead, runTerms, type RunOptions } from "./election/run.ts";
import { acquire, type AcquireOptions } from "./hold/acquire.ts";
import { checkIdentity, drawIdentity } from "./hold/contender-data.ts";
import { drawPrefix, type Layout } from "./hold/contender-name.ts";
import { type Contender, contendersOf, evict, requestRevoke } from "./hold/contenders.ts";
import { nearest } from "./hold/turn.ts";

export type { Leader } from "./election/leader.ts";
export type { Leadership } from "./election/leadership.ts";
export type { Lead, RunOptions } from "./election/run.ts";

export interface ElectionOptions {
  /** Who this is, for people and for those who observe. At most 1,024 bytes. Default: random. */
  readonly identity?: string | undefined;
  /** How candidates are named: `curator` (default) as LeaderSelector, `curator-latch` as LeaderLatch, `kazoo`; all queue together. */
  readonly layout?: Layout | undefined;
}

/** Leads nothing itself: may be used again and again, and by many at once. */
export interface Election {
  readonly path: string;
  /**
   * Resolves when it leads. `timeoutMs`: none by default. Rejects with `TIMEOUT`, `ABORTED`, `SESSION_EXPIRED` (to campaign again is
   * to queue again), or `GUARD_FAILED` if somebody deleted the candidate. However it ends, no candidate stays behind.
   */
  campaign(options?: AcquireOptions): Promise<Leadership>;
  /**
   * Campaigns, calls `lead`, resigns when that has ended; again and again with `again`. What `lead` throws ends it, and is thrown on once
   * the leadership is resigned; what it throws because it had to stop does not. Without `again` it rejects with why the leadership was
   * lost. Rejects with `TIMEOUT` if `lead`, told to stop, goes on for `stopGraceMs`; it is never called a second time beside that.
   * With `again` it resolves when the signal aborts; without, it rejects then with `ABORTED` if it did not lead yet.
   */
  run(lead: Lead, options?: RunOptions): Promise<void>;
  /** Undefined if nobody leads. */
  current(options?: ReadOptions): Promise<Leader | undefined>;
  /**
   * Who leads now, then each change of that or of its value, `undefined` when nobody does. One who is slow gets the newest; terms never go
   * back. Begins when it is first read, ends by leaving the loop or by the signal; survives sessions; throws when the client is closed.
   */
  observe(options?: { readonly signal?: AbortSignal | undefined }): StreamReader<Leader | undefined>;
  /** Who leads (`holds`), and who would be next, in the order of the queue. */
  candidates(options?: ReadOptions): Promise<Contender[]>;
  /** Asks the leader to resign, by `leadership.revokeRequested`. False if nobody leads. */
  requestRevoke(why?: string, options?: CallOptions): Promise<boolean>;
  /** Takes its place away from the leader or candidate of this token. False if that one has gone. */
  evict(token: number, options?: CallOptions): Promise<boolean>;
}

/** An election on a path; the znode is made as a container when somebody first stands, and goes some time after the last candidate. */
export function election(client: Client, path: string, options: ElectionOptions = {}): Election {
  const identity = checkIdentity("election", path, options.identity ?? drawIdentity(client.random));
  const campaign = (how?: AcquireOptions): Promise<Term> => {
    const prefix = drawPrefix(client.random, options.layout ?? "curator", "lock");
    const queueing = { op: "election.campaign", name: path, prefix, identity, blocks: nearest };
    return acquire(client, queueing, how, (place) => new Term(client, path, place, how));
  };
  const candidates = (how?: ReadOptions): Promise<Contender[]> =>
    contendersOf(client, path, (_one, before) => before.length === 0, how);
  return {
    path,
    campaign,
    run: (lead, how = {}) => runTerms(client, path, campaign, lead, how),
    current: (how) => leaderOf(client, path, how),
    observe: (how) => new Observation(client, path, how?.signal),
    candidates,
    async requestRevoke(why = "", how) {
      const [leader] = await candidates(how);
      return leader !== undefined && (await requestRevoke(client, leader, identity, why, how));
    },
    evict: (token, how) => evict(client, path, token, how),
  };
}

/**
 * Who is in sync, as the leader sees it: followers that fall behind leave, those that caught up may come, and what all of them have is
 * committed (the high watermark).
 *
 * One change is in flight at a time. Until its outcome is known, the larger set counts (`maximalIsr`): a lost answer can then never lose
 * what was acknowledged. Times are milliseconds of one monotonic clock.
 */
import { checkInteger } from "../check.ts";
import { type PartitionState, without } from "./state.ts";

/** A follower that was not caught up for so long has fallen behind. */
export const REPLICA_LAG_TIME_MS = 30_000;

/** What a leader knows of one follower. */
export interface FollowerProgress {
  /** All before this offset is in the follower's log. */
  readonly endOffset: number;
  /** When it last had all that the leader had then. */
  readonly caughtUpAt: number;
  readonly fetchedAt: number;
  /** Where the leader's log ended at that fetch. */
  readonly leaderEndAtFetch: number;
  /** The life of the follower's broker that fetched last; null before the first fetch. */
  readonly brokerEpoch: number | null;
}

export interface FollowerFetch {
  /** The first offset that it asks for. */
  readonly offset: number;
  readonly at: number;
  readonly brokerEpoch: number;
}

/** What a new leader knows of its followers: those in sync have until the lag time from now to show themselves. */
export function startProgress(state: PartitionState, leader: number, now: number): Map<number, FollowerProgress> {
  const progress = new Map<number, FollowerProgress>();
  for (const id of state.replicas) {
    if (id === leader) continue;
    const caughtUpAt = state.isr.includes(id) ? now : Number.NEGATIVE_INFINITY;
    progress.set(id, {
      endOffset: 0,
      caughtUpAt,
      fetchedAt: Number.NEGATIVE_INFINITY,
      leaderEndAtFetch: 0,
      brokerEpoch: null,
    });
  }
  return progress;
}

/**
 * A follower fetched. Asking for the leader's end, it is caught up now; asking for where the leader ended at the fetch before, it was caught
 * up then, however fast the leader grows. A late fetch of an earlier life of its broker changes nothing.
 */
export function afterFetch(before: FollowerProgress, fetch: FollowerFetch, leaderEnd: number): FollowerProgress {
  checkInteger(fetch.offset, "fetch offset", 0);
  checkInteger(leaderEnd, "leaderEnd", 0);
  if (before.brokerEpoch !== null && fetch.brokerEpoch < before.brokerEpoch) return before;
  let { caughtUpAt } = before;
  if (fetch.offset >= leaderEnd) caughtUpAt = Math.max(caughtUpAt, fetch.at);
  else if (fetch.offset >= before.leaderEndAtFetch) caughtUpAt = Math.max(caughtUpAt, before.fetchedAt);
  return {
    endOffset: fetch.offset,
    caughtUpAt,
    fetchedAt: fetch.at,
    leaderEndAtFetch: leaderEnd,
    brokerEpoch: fetch.brokerEpoch,
  };
}

/** What a leader looks at: its partition, its log and its followers. */
export interface LeaderView {
  readonly state: PartitionState;
  readonly leaderEnd: number;
  readonly followers: ReadonlyMap<number, FollowerProgress>;
  readonly now: number;
  /** Default REPLICA_LAG_TIME_MS. */
  readonly lagTimeMs?: number | undefined;
}

/** Those in sync that have fallen behind and should leave, in the order of the in-sync replicas. */
export function laggards(view: LeaderView): number[] {
  return view.state.isr.filter((id) => id !== view.state.leader && !isCaughtUp(view, progressOf(view, id)));
}

/** What is known of a broker where a follower lives. */
export interface BrokerStanding {
  readonly epoch: number;
  readonly fenced: boolean;
  /** On its way out: moves its leaderships, and takes nothing new. */
  readonly draining: boolean;
}

/** Why a follower may not come into the in-sync replicas; `eligible` if it may. */
export type JoinVerdict =
  | "eligible"
  | "not-a-replica"
  | "in-sync"
  | "recovering"
  | "unregistered"
  | "fenced"
  | "draining"
  | "stale-broker-epoch"
  | "behind-high-watermark"
  | "behind-epoch-start";

/** `epochStart`: where the leader's own epoch begins in its log. `broker`: undefined if it is not registered. */
export function judgeJoin(
  view: LeaderView,
  follower: number,
  broker: BrokerStanding | undefined,
  { highWatermark, epochStart }: { readonly highWatermark: number; readonly epochStart: number },
): JoinVerdict {
  const { state } = view;
  if (follower === state.leader || state.isr.includes(follower)) return "in-sync";
  if (!state.replicas.includes(follower)) return "not-a-replica";
  if (state.recovering) return "recovering";
  const progress = progressOf(view, follower);
  const standing = judgeBroker(broker, progress);
  if (standing !== "eligible") return standing;
  if (progress.endOffset < highWatermark) return "behind-high-watermark";
  // Before its own epoch's start the leader may have what the follower has not: equal ends do not mean equal logs.
  if (progress.endOffset < epochStart) return "behind-epoch-start";
  return "eligible";
}

/** Everybody who is in sync, or will be if the change in flight goes through. `proposed`: the set that is asked for, null if none is. */
export function maximalIsr(state: PartitionState, proposed: readonly number[] | null): readonly number[] {
  return proposed === null ? state.isr : [...state.isr, ...without(proposed, state.isr)];
}

export interface Watermark {
  readonly current: number;
  readonly minInSync: number;
  /** The in-sync replicas asked for and not answered; null if there are none. */
  readonly proposed: readonly number[] | null;
  /** Brokers by id: what an earlier life of one had fetched does not count, and followers that could join at any moment are waited for. */
  readonly brokers: ReadonlyMap<number, BrokerStanding>;
}

/**
 * The offset before which all is committed. Never falls, and stands still while too few are in sync. Waits for the maximal in-sync
 * replicas, each in its present life, and for followers that are caught up and may join: otherwise they would be behind it at the very moment of
 * joining.
 */
export function nextHighWatermark(view: LeaderView, { current, minInSync, proposed, brokers }: Watermark): number {
  if (!hasEnoughInSync(view.state, minInSync)) return current;
  const counted = maximalIsr(view.state, proposed);
  let least = view.leaderEnd;
  for (const [id, progress] of view.followers) {
    const isCounted = counted.includes(id);
    // What it had, it may have lost with the life in which it had it; nobody knows until it fetches, or is taken out.
    if (isCounted && brokers.get(id)?.epoch !== progress.brokerEpoch) return current;
    const waitedFor =
      isCounted || (isCaughtUp(view, progress) && judgeBroker(brokers.get(id), progress) === "eligible");
    if (waitedFor) least = Math.min(least, progress.endOffset);
  }
  return Math.max(current, least);
}

/** Whether a write that wants everybody's acknowledgement may be taken. No more are required than there are replicas. */
export function hasEnoughInSync(state: PartitionState, minInSync: number): boolean {
  return state.isr.length >= requiredInSync(state, minInSync);
}

/**
 * What comes of a write that ends at `endOffset` and wants everybody's acknowledgement. `too-few`: it is stored, but fewer than required
 * were in sync when it was.
 */
export function acknowledgement(
  state: PartitionState,
  endOffset: number,
  { current, minInSync, proposed }: Pick<Watermark, "current" | "minInSync" | "proposed">,
): "acknowledged" | "waiting" | "too-few" {
  checkInteger(endOffset, "endOffset", 0);
  if (current < endOffset) return "waiting";
  return maximalIsr(state, proposed).length >= requiredInSync(state, minInSync) ? "acknowledged" : "too-few";
}

function requiredInSync(state: PartitionState, minInSync: number): number {
  checkInteger(minInSync, "minInSync", 1);
  return Math.min(minInSync, state.replicas.length);
}

function isCaughtUp({ leaderEnd, now, lagTimeMs = REPLICA_LAG_TIME_MS }: LeaderView, of: FollowerProgress): boolean {
  return of.endOffset === leaderEnd || now - of.caughtUpAt <= lagTimeMs;
}

function judgeBroker(
  broker: BrokerStanding | undefined,
  progress: FollowerProgress,
): "eligible" | "unregistered" | "fenced" | "draining" | "stale-broker-epoch" {
  if (broker === undefined) return "unregistered";
  if (broker.fenced) return "fenced";
  if (broker.draining) return "draining";
  return broker.epoch === progress.brokerEpoch ? "eligible" : "stale-broker-epoch";
}

function progressOf(view: LeaderView, id: number): FollowerProgress {
  const progress = view.followers.get(id);
  if (progress === undefined) throw new RangeError(`followers has no progress of replica ${id}`);
  return progress;
}

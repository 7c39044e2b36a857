/**
 * Leading one partition, for one leader epoch: what followers have, what is committed, and who is in sync.
 *
 * Owns the rule that one change of the in-sync replicas is under way at a time, and that the larger set counts until its outcome is known. What
 * it knows of the partition comes from the image, and from the answers to its own writes; of two states the one of the greater version counts.
 * Never reads, never decides who leads.
 */
import { CorralError, type Guard } from "@corral/client";
import { checkInteger } from "../check.ts";
import type { PartitionView } from "../image/views.ts";
import {
  acknowledgement,
  afterFetch,
  type FollowerProgress,
  hasEnoughInSync,
  judgeJoin,
  laggards,
  type LeaderView,
  maximalIsr,
  nextHighWatermark,
  startProgress,
  type Watermark,
} from "../partition/isr.ts";
import { type PartitionState, withIsr, without, withRecovered } from "../partition/state.ts";
import type { LeaderToken, Leading, PartitionId } from "./api.ts";
import { type Commitment, CommitWaiters } from "./commit-waiters.ts";
import type { IsrOutcome } from "./isr-changes.ts";
import type { LeaderWorld } from "./leader-world.ts";
import { LISTENERS_MAX } from "./limits.ts";

/** A change that is asked for: until the image shows another version, it may have been made. */
interface Pending {
  readonly state: PartitionState;
  readonly version: number;
}

export class Leader implements Leading {
  readonly id: PartitionId;
  readonly leaderEpoch: number;
  readonly #world: LeaderWorld;
  readonly #over = new AbortController();
  #state: PartitionState;
  #version: number;
  /** Of this state. Whoever is in sync by it is so in the life that he was in then. */
  #mzxid: number;
  #pending: Pending | undefined;
  #followers: ReadonlyMap<number, FollowerProgress>;
  /** Undefined before the first `appended`. */
  #log: { readonly epochStart: number; readonly end: number } | undefined;
  #highWatermark = 0;
  readonly #listeners = new Set<(offset: number) => void>();
  readonly #waiters = new CommitWaiters();
  /** For `recovered`. */
  #repaired: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;

  constructor(id: PartitionId, { state, version, mzxid }: PartitionView, world: LeaderWorld) {
    this.id = id;
    this.leaderEpoch = state.leaderEpoch;
    this.#world = world;
    this.#state = state;
    this.#version = version;
    this.#mzxid = mzxid;
    this.#followers = startProgress(state, world.broker, world.nowMs());
  }

  get token(): LeaderToken {
    return { leaderEpoch: this.leaderEpoch, version: this.#version };
  }

  get state(): PartitionState {
    return this.#state;
  }

  get isValid(): boolean {
    return !this.signal.aborted && this.#world.life.isValid;
  }

  get signal(): AbortSignal {
    return this.#over.signal;
  }

  get guards(): readonly Guard[] {
    return [this.#world.life.guard, { path: this.#world.path, version: this.#version }];
  }

  get highWatermark(): number {
    return this.#highWatermark;
  }

  get canAppend(): true | "NOT_ENOUGH_REPLICAS" | "NOT_LEADER" {
    if (!this.isValid) return "NOT_LEADER";
    return hasEnoughInSync(this.#state, this.#world.minInSync()) ? true : "NOT_ENOUGH_REPLICAS";
  }

  appended(endOffset: number): void {
    const log = this.#log ?? { epochStart: endOffset, end: endOffset };
    checkInteger(endOffset, "endOffset", log.end);
    this.#log = { ...log, end: endOffset };
    this.#advance();
  }

  fetched(follower: number, offset: number, brokerEpoch: number): void {
    const before = this.#followers.get(follower);
    if (this.#log === undefined || before === undefined || offset > this.#log.end) return;
    const fetch = { offset, brokerEpoch, at: this.#world.nowMs() };
    const after = afterFetch(before, fetch, this.#log.end);
    if (after === before) return;
    (this.#followers as Map<number, FollowerProgress>).set(follower, after);
    this.#considerJoin(follower);
    this.#advance();
  }

  onHighWatermark(listener: (offset: number) => void): () => void {
    if (this.#listeners.size >= LISTENERS_MAX) {
      const detail = { path: this.#world.path, name: "listenersMax", limit: LISTENERS_MAX };
      throw new CorralError("LIMIT_EXCEEDED", { op: "onHighWatermark", detail });
    }
    // One function may be given twice.
    const own = (offset: number): void => {
      listener(offset);
    };
    this.#listeners.add(own);
    return () => {
      this.#listeners.delete(own);
    };
  }

  committed(offset: number, signal?: AbortSignal): Promise<Commitment> {
    checkInteger(offset, "offset", 0);
    const commitment = this.#commitment(offset);
    return commitment === undefined ? this.#waiters.add(offset, signal, this.#world.path) : Promise.resolve(commitment);
  }

  async recovered(): Promise<void> {
    this.signal.throwIfAborted();
    if (!this.#state.recovering) return;
    this.#repaired ??= promiseOf();
    this.#considerRepair();
    await this.#repaired.promise;
    // It is resolved by the end too, so that nobody must look at it who does not wait.
    if (this.#state.recovering) this.signal.throwIfAborted();
  }

  // ---- told by the agent ------------------------------------------------------------------------------------------------

  /** The partition as the image shows it: same leader, same epoch. */
  update({ state, version, mzxid }: Pick<PartitionView, "state" | "version" | "mzxid">): void {
    if (version <= this.#version) return;
    this.#state = state;
    this.#version = version;
    this.#mzxid = mzxid;
    // Whatever was asked for on an earlier version is now either in this one, or can never be made.
    this.#pending = undefined;
    const known = this.#followers;
    const start = startProgress(state, this.#world.broker, this.#world.nowMs());
    this.#followers = new Map(Array.from(start, ([id, progress]) => [id, known.get(id) ?? progress]));
    if (state.recovering) this.#considerRepair();
    else this.#repaired?.resolve();
    this.#advance();
  }

  /** Settings, or what is known of brokers, may have changed. */
  look(): void {
    this.#advance();
  }

  /** Who has fallen behind is to leave. */
  checkLag(): void {
    if (this.#log === undefined || this.#pending !== undefined || !this.isValid) return;
    const behind = laggards(this.#view(this.#log.end));
    if (behind.length > 0) this.#askFor(without(this.#state.isr, behind), []);
  }

  /** It leads no more. */
  end(why: CorralError): void {
    if (this.signal.aborted) return;
    this.#over.abort(why);
    this.#waiters.settle(Number.POSITIVE_INFINITY, "NOT_LEADER");
    this.#repaired?.resolve();
    this.#listeners.clear();
  }

  // ---- in-sync replicas -------------------------------------------------------------------------------------------------

  #considerJoin(follower: number): void {
    if (this.#log === undefined || this.#pending !== undefined || !this.isValid) return;
    const { end, epochStart } = this.#log;
    const standing = this.#world.standings().get(follower);
    const bounds = { highWatermark: this.#highWatermark, epochStart };
    if (judgeJoin(this.#view(end), follower, standing, bounds) !== "eligible") return;
    const joins = this.#world.unchanged(follower);
    if (joins !== undefined) this.#askFor([...this.#state.isr, follower], [joins]);
  }

  /** Without those who are in sync by an earlier life of theirs: what they had, they may have lost. `joins`: of who is not in sync yet. */
  #askFor(isr: readonly number[], joins: readonly Guard[]): void {
    const guards = [...joins];
    const kept = isr.filter((id) => {
      if (id === this.#world.broker || !this.#state.isr.includes(id)) return true;
      const same = this.#world.sameLife(id, this.#mzxid);
      if (same !== undefined) guards.push(same);
      return same !== undefined;
    });
    this.#ask(withIsr(this.#state, kept), guards);
  }

  #considerRepair(): void {
    const isDue = this.#repaired !== undefined && this.#state.recovering;
    if (!isDue || this.#pending !== undefined || !this.isValid) return;
    this.#ask(withRecovered(this.#state), []);
  }

  #ask(state: PartitionState, guards: readonly Guard[]): void {
    const pending: Pending = { state, version: this.#version };
    this.#pending = pending;
    const settle = (outcome: IsrOutcome): void => {
      this.#settle(pending, outcome);
    };
    this.#world.write({ path: this.#world.path, version: this.#version, state, guards, settle });
  }

  #settle(pending: Pending, outcome: IsrOutcome): void {
    // The image was quicker, or it leads no more.
    if (this.#pending !== pending || this.signal.aborted) return;
    // Nobody knows yet what stands there: the larger set counts, until the image says.
    if (outcome.kind === "overtaken") return;
    if (outcome.kind === "written") {
      const { version, mzxid } = outcome;
      this.update({ state: pending.state, version, mzxid });
      return;
    }
    this.#pending = undefined;
    this.#advance();
    if (outcome.kind === "later") this.#considerRepair();
  }

  // ---- what is committed ------------------------------------------------------------------------------------------------

  #view(leaderEnd: number): LeaderView {
    const { nowMs, lagTimeMs } = this.#world;
    return { state: this.#state, leaderEnd, followers: this.#followers, now: nowMs(), lagTimeMs: lagTimeMs() };
  }

  #watermark(): Watermark {
    const { minInSync, standings } = this.#world;
    const proposed = this.#pending?.state.isr ?? null;
    return { current: this.#highWatermark, minInSync: minInSync(), proposed, brokers: standings() };
  }

  #advance(): void {
    if (this.#log === undefined || !this.isValid) return;
    const next = nextHighWatermark(this.#view(this.#log.end), this.#watermark());
    const moved = next > this.#highWatermark;
    this.#highWatermark = next;
    this.#settleWaiters();
    if (moved) for (const listener of [...this.#listeners]) this.#tell(listener, next);
  }

  #tell(listener: (offset: number) => void, offset: number): void {
    if (!this.#listeners.has(listener)) return;
    try {
      listener(offset);
    } catch (error) {
      this.#world.failed(error, "onHighWatermark");
    }
  }

  #settleWaiters(): void {
    for (let { next } = this.#waiters; next !== undefined; { next } = this.#waiters) {
      const commitment = this.#commitment(next);
      if (commitment === undefined) return;
      // What holds of this offset holds of all up to the high watermark; beyond it, of all.
      this.#waiters.settle(next > this.#highWatermark ? Number.POSITIVE_INFINITY : this.#highWatermark, commitment);
    }
  }

  /** Undefined: nobody knows yet. */
  #commitment(offset: number): Commitment | undefined {
    if (!this.isValid) return "NOT_LEADER";
    const watermark = this.#watermark();
    const what = acknowledgement(this.#state, offset, watermark);
    if (what === "acknowledged") return "committed";
    if (what === "too-few") return "NOT_ENOUGH_REPLICAS_AFTER_APPEND";
    // While so few are in sync, the high watermark stands still: there is nothing to wait for that is soon to come.
    const isr = maximalIsr(this.#state, watermark.proposed);
    return hasEnoughInSync({ ...this.#state, isr }, watermark.minInSync)
      ? undefined
      : "NOT_ENOUGH_REPLICAS_AFTER_APPEND";
  }
}

function promiseOf(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

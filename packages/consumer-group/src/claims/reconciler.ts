/**
 * From what a member is to have to what it has: gives back what is not its any more, takes what is, waits for what another still has. Partitions
 * that it has and is to have are never touched.
 *
 * Owns the claims, one at most of a partition, and the rule that a partition is not claimed again before all that was done under the last
 * claim has ended. Handles no message, and decides nothing about who gets what.
 */
import { type CorralError, type Guard, isCorralError } from "@corral/client";
import { backoffMs, unseen } from "@corral/recipes/authoring";
import { keyOf, type TraceEvent } from "../history.ts";
import type { GroupPaths } from "../layout.ts";
import type { Membership, Target } from "../membership/api.ts";
import type { TopicPartition } from "../source.ts";
import { HeldClaim } from "./claim.ts";
import { Returning, type ReturningOptions } from "./returning.ts";
import { awaitFree, CLAIMS_MAX, dropClaim, freeOwn, type Made, takeClaims, type Taker } from "./take.ts";
import type { MutableWard, Ward } from "./ward.ts";

/** Between tries to take a partition whose claim is refused for other reasons than that another has it, milliseconds. */
const REFUSED_FIRST_MS = 1_000;
const REFUSED_MAX_MS = 30_000;

export interface ReconcilerOptions extends ReturningOptions {
  readonly paths: GroupPaths;
  readonly membership: Membership;
  readonly isAlone: boolean;
  readonly trace: (event: TraceEvent) => void;
  /** Just taken: messages may be handed out when the listener has been told. */
  readonly taken: (claims: readonly HeldClaim[]) => void;
  readonly lost: (claims: readonly HeldClaim[], why: CorralError) => void;
  /** Another has it. Called at the first time only. */
  readonly busy: (partition: TopicPartition) => void;
  readonly changed: () => void;
}

export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #taker: Taker;
  readonly #returning: Returning;
  readonly #wards = new Map<string, MutableWard>();
  #target: Target | undefined;
  /** Keys of the target's partitions. */
  #wanted: ReadonlySet<string> = new Set();
  #toTake = new Set<MutableWard>();
  #isTaking = false;
  #reached = 0;
  #whenFree: (() => void)[] = [];

  constructor(options: ReconcilerOptions) {
    const { client, paths, membership } = options;
    this.#options = options;
    this.#returning = new Returning(options, (ward, claim) => this.#end(ward, claim));
    this.#taker = { client, paths, membership, isAlone: options.isAlone };
  }

  get wards(): Iterable<Ward> {
    return this.#wards.values();
  }

  get hasTarget(): boolean {
    return this.#target !== undefined;
  }

  /** Of the target that was last reached in full. */
  get reached(): number {
    return this.#reached;
  }

  ward(partition: TopicPartition): Ward | undefined {
    return this.#wards.get(keyOf(partition));
  }

  /** Those that are held, and not to be given back or not yet. */
  *claims(): Iterable<HeldClaim> {
    for (const { claim, state } of this.#wards.values())
      if (claim !== undefined && state !== "ending" && !claim.isOver) yield claim;
  }

  /** Undefined: nothing is to be had for now, and what is held stays as it is. */
  setTarget(target: Target | undefined): void {
    this.#target = target;
    if (target === undefined) {
      for (const ward of [...this.#wards.values()]) if (ward.state === "waiting") this.#forget(ward);
      return this.#options.changed();
    }
    const wanted = new Map<string, TopicPartition>();
    for (const [topic, numbers] of target.partitions)
      for (const partition of numbers) wanted.set(keyOf({ topic, partition }), { topic, partition });
    this.#wanted = new Set(wanted.keys());
    for (const [key, partition] of wanted) {
      if (this.#wards.has(key)) continue;
      const ward: MutableWard = { partition, state: "waiting", claim: undefined, waiting: undefined, refusals: 0 };
      this.#wards.set(key, ward);
    }
    this.#step();
  }

  /** Everything is to be given back, in this time, and nothing taken. Resolves when nothing is held. */
  giveBack(timeoutMs: number): Promise<void> {
    this.setTarget(undefined);
    this.#wanted = new Set();
    this.#returning.timeoutMs = timeoutMs;
    for (const ward of [...this.#wards.values()]) if (ward.state === "claimed") void this.#returning.revoke(ward);
    this.#options.changed();
    return new Promise((resolve) => {
      this.#whenFree.push(resolve);
      this.#tellFree();
    });
  }

  /** What is done is committed, and the partition given back, without waiting for its handlers. */
  giveUp(claim: HeldClaim, why: CorralError): void {
    const ward = this.#wards.get(keyOf(claim.partition));
    if (ward?.claim === claim && !claim.isOver) this.#returning.giveUp(ward, claim, why);
  }

  #tellFree(): void {
    for (const { state } of this.#wards.values()) if (state === "claimed" || state === "revoking") return;
    for (const resolve of this.#whenFree.splice(0)) resolve();
  }

  /** The member lives no more: all that it had is lost. */
  lifeLost(why: CorralError): void {
    this.#reached = 0;
    this.lose([...this.claims()], why, true);
  }

  /** Those that are held no more. `drop`: the znodes may be there still, if the session is. */
  lose(claims: Iterable<HeldClaim>, why: CorralError, drop: boolean): void {
    const lost = [...claims].filter((claim) => claim.end(why));
    for (const claim of lost) {
      if (drop) dropClaim(this.#options.client, claim);
      this.#trace("lost", claim);
      const ward = this.#wards.get(keyOf(claim.partition));
      if (ward?.claim === claim) this.#end(ward, claim);
    }
    if (lost.length > 0) this.#options.lost(lost, why);
    this.#options.changed();
  }

  /** Brings every partition on its way to where it is to be. Repeated at will. */
  #step(): void {
    for (const [key, ward] of [...this.#wards]) {
      const isWanted = this.#wanted.has(key);
      if (ward.state === "claimed" && !isWanted) void this.#returning.revoke(ward);
      else if (ward.state === "waiting" && !isWanted) this.#forget(ward);
      else if (ward.state === "waiting" && ward.waiting === undefined) this.#toTake.add(ward);
    }
    void this.#takeAll();
    this.#options.changed();
    this.#tellReached();
  }

  #tellReached(): void {
    const target = this.#target;
    if (target === undefined || target.epoch === this.#reached) return;
    const all = [...this.#wards.values()];
    if (all.length !== this.#wanted.size || all.some(({ state }) => state !== "claimed")) return;
    this.#reached = target.epoch;
    // For people: whoever does not learn of it learns of the next.
    unseen(this.#options.membership.reached(target.epoch));
  }

  #forget(ward: MutableWard): void {
    ward.waiting?.abort();
    ward.waiting = undefined;
    this.#toTake.delete(ward);
    this.#wards.delete(keyOf(ward.partition));
  }

  /** One transaction at a time; what is to be tried meanwhile goes into the next. */
  async #takeAll(): Promise<void> {
    if (this.#isTaking) return;
    this.#isTaking = true;
    try {
      while (this.#toTake.size > 0) {
        const target = this.#target;
        const { guard, isValid } = this.#options.membership;
        // With the next target they are tried again.
        if (target === undefined || guard === undefined || !isValid) return this.#toTake.clear();
        const next = [...this.#toTake].slice(0, CLAIMS_MAX);
        for (const ward of next) this.#toTake.delete(ward);
        // Some may have been taken since they were put there.
        const wards = next.filter(({ state, waiting }) => state === "waiting" && waiting === undefined);
        if (wards.length === 0) continue;
        try {
          await this.#take(wards, [guard, target.guard]);
        } catch (error) {
          if (!isCorralError(error)) throw error;
          if (!isCorralError(error, "GUARD_FAILED", "SESSION_EXPIRED", "OUTCOME_UNKNOWN", "CLOSED"))
            for (const ward of wards) this.#refused(ward, error);
          // Else with the next target, which may be there already.
          else if (this.#target !== target) this.#again(wards);
        }
      }
    } finally {
      this.#isTaking = false;
    }
  }

  async #take(wards: readonly MutableWard[], [life, target]: readonly [Guard, Guard]): Promise<void> {
    const partitions = wards.map(({ partition }) => partition);
    const { made, busy, refused } = await takeClaims(this.#taker, [life, target], partitions);
    this.#adopt(made, life);
    for (const { partition, error } of refused) this.#refused(this.#wards.get(keyOf(partition)), error);
    if (busy.length > 0) {
      const mayTry = await freeOwn(this.#taker, life, busy);
      for (const [index, partition] of busy.entries()) {
        const ward = this.#wards.get(keyOf(partition));
        if (ward?.state !== "waiting") continue;
        if (mayTry[index] === true) this.#again([ward]);
        else this.#await(ward);
      }
    }
    this.#step();
  }

  /** What was made in a life that is over, or for nobody, is undone. */
  #adopt(made: readonly Made[], life: Guard): void {
    const { client, membership, taken } = this.#options;
    const isAlive = membership.isValid && isSame(membership.guard, life);
    const claims: HeldClaim[] = [];
    for (const one of made) {
      const ward = this.#wards.get(keyOf(one.partition));
      if (!isAlive || !one.session.isValid || ward?.state !== "waiting") {
        dropClaim(client, one);
        continue;
      }
      const claim = new HeldClaim(one, membership);
      ward.claim = claim;
      ward.state = "claimed";
      ward.refusals = 0;
      const { partition, member, token, found } = one;
      this.#options.trace({ kind: "claim", partition, member, token, offset: found?.offset });
      claims.push(claim);
    }
    if (claims.length > 0) taken(claims);
  }

  #again(wards: readonly MutableWard[]): void {
    for (const ward of wards) if (this.#wards.get(keyOf(ward.partition)) === ward) this.#toTake.add(ward);
    // Also when called from outside of the loop.
    void this.#takeAll();
  }

  /** One watch, for the end of the claim that is in the way. */
  #await(ward: MutableWard): void {
    const waiting = new AbortController();
    ward.waiting = waiting;
    this.#options.busy(ward.partition);
    awaitFree(this.#taker, ward.partition, waiting.signal).then(
      () => {
        if (ward.waiting !== waiting) return;
        ward.waiting = undefined;
        this.#again([ward]);
      },
      (error: unknown) => {
        if (ward.waiting !== waiting) return;
        ward.waiting = undefined;
        if (!isCorralError(error)) throw error;
        if (!isCorralError(error, "CLOSED", "SESSION_EXPIRED")) this.#refused(ward, error);
      },
    );
  }

  #refused(ward: MutableWard | undefined, error: CorralError): void {
    if (ward?.state !== "waiting") return;
    const { client, refused } = this.#options;
    const waiting = new AbortController();
    ward.waiting = waiting;
    ward.refusals++;
    const cancel = client.clock.setTimeout(
      () => {
        if (ward.waiting !== waiting) return;
        ward.waiting = undefined;
        this.#again([ward]);
      },
      REFUSED_FIRST_MS + backoffMs(client, ward.refusals, REFUSED_FIRST_MS, REFUSED_MAX_MS),
    );
    waiting.signal.addEventListener("abort", cancel, { once: true });
    refused(ward.partition, error);
  }

  /** The claim is over: when nothing is done for it any more, the partition may be claimed again. */
  #end(ward: MutableWard, claim: HeldClaim): void {
    ward.state = "ending";
    this.#tellFree();
    void this.#options.stop(claim).then(() => {
      if (ward.claim !== claim) return;
      ward.claim = undefined;
      ward.state = "waiting";
      if (this.#target === undefined || !this.#wanted.has(keyOf(ward.partition))) this.#forget(ward);
      this.#step();
    });
  }

  #trace(kind: "lost", { partition, member, token }: HeldClaim): void {
    this.#options.trace({ kind, partition, member, token });
  }
}

/** The same life: guards may be made anew at each look. */
function isSame(one: Guard | undefined, other: Guard): boolean {
  return one?.path === other.path && JSON.stringify(one) === JSON.stringify(other);
}

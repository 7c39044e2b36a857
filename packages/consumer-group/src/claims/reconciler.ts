/**
 * From what a member is to have to what it has: gives back what is not its any more, takes what is, waits for what another still has. Partitions
 * that it has and is to have are never touched.
 *
 * Owns the claims, one at most of a partition, and the rule that a partition is not claimed again before all that was done under the last
 * claim has ended. Handles no message, and decides nothing about who gets what.
 */
import type { CorralError } from "@corral/client";
import { unseen } from "@corral/recipes/authoring";
import { keyOf } from "../history.ts";
import type { Target } from "../membership/api.ts";
import type { TopicPartition } from "../source.ts";
import type { HeldClaim } from "./claim.ts";
import { Returning, type ReturningOptions } from "./returning.ts";
import { dropClaim } from "./take.ts";
import { Taking, type TakingOptions } from "./taking.ts";
import type { MutableWard, Ward } from "./ward.ts";

export interface ReconcilerOptions extends TakingOptions, ReturningOptions {
  readonly lost: (claims: readonly HeldClaim[], why: CorralError) => void;
  readonly changed: () => void;
}

export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #taking: Taking;
  readonly #returning: Returning;
  readonly #wards = new Map<string, MutableWard>();
  #target: Target | undefined;
  /** Keys of the target's partitions. */
  #wanted: ReadonlySet<string> = new Set();
  #reached = 0;
  #whenFree: (() => void)[] = [];

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#returning = new Returning(options, (ward, claim) => this.#end(ward, claim));
    this.#taking = new Taking(options, {
      target: () => this.#target,
      ward: (partition) => this.#wards.get(keyOf(partition)),
      tried: () => this.#step(),
    });
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
    const toTake: MutableWard[] = [];
    for (const [key, ward] of [...this.#wards]) {
      const isWanted = this.#wanted.has(key);
      if (ward.state === "claimed" && !isWanted) void this.#returning.revoke(ward);
      else if (ward.state === "waiting" && !isWanted) this.#forget(ward);
      else if (ward.state === "waiting" && ward.waiting === undefined) toTake.push(ward);
    }
    this.#taking.take(toTake);
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
    this.#taking.forget(ward);
    this.#wards.delete(keyOf(ward.partition));
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

/**
 * Taking partitions: all that are to be had at the moment in one transaction; those that another has are waited for, with one watch each, and those
 * that are refused are tried again after a pause.
 *
 * Owns what is to be tried, and the rule that one such transaction is under way at most. Decides nothing about what is to be had.
 */
import { type Client, type CorralError, type Guard, isCorralError } from "@corral/client";
import { backoffMs } from "@corral/recipes/authoring";
import type { TraceEvent } from "../history.ts";
import type { GroupPaths } from "../layout.ts";
import type { Membership, Target } from "../membership/api.ts";
import type { TopicPartition } from "../source.ts";
import { HeldClaim } from "./claim.ts";
import { awaitFree, CLAIMS_MAX, dropClaim, freeOwn, type Made, takeClaims, type Taker } from "./take.ts";
import type { MutableWard } from "./ward.ts";

/** Between tries to take a partition whose claim is refused for other reasons than that another has it, milliseconds. */
const REFUSED_FIRST_MS = 1_000;
const REFUSED_MAX_MS = 30_000;

export interface TakingOptions {
  readonly client: Client;
  readonly paths: GroupPaths;
  readonly membership: Membership;
  /** No member of the group: partitions named by hand. */
  readonly isAlone: boolean;
  readonly trace: (event: TraceEvent) => void;
  /** Just taken: messages may be handed out when the listener has been told. */
  readonly taken: (claims: readonly HeldClaim[]) => void;
  /** Another has it. */
  readonly busy: (partition: TopicPartition) => void;
  /** The claim, or the giving back, was refused. */
  readonly refused: (partition: TopicPartition, error: CorralError) => void;
}

interface Aims {
  target(): Target | undefined;
  ward(partition: TopicPartition): MutableWard | undefined;
  /** Some have been taken, or cannot be had now. */
  tried(): void;
}

export class Taking {
  readonly #options: TakingOptions;
  readonly #taker: Taker;
  readonly #aims: Aims;
  readonly #toTake = new Set<MutableWard>();
  #isTaking = false;

  constructor(options: TakingOptions, aims: Aims) {
    this.#options = options;
    this.#taker = options;
    this.#aims = aims;
  }

  /** As soon as possible. */
  take(wards: Iterable<MutableWard>): void {
    for (const ward of wards) this.#toTake.add(ward);
    void this.#takeAll();
  }

  /** It is not to be had any more. */
  forget(ward: MutableWard): void {
    ward.waiting?.abort();
    ward.waiting = undefined;
    this.#toTake.delete(ward);
  }

  /** One transaction at a time; what is to be tried meanwhile goes into the next. */
  async #takeAll(): Promise<void> {
    if (this.#isTaking) return;
    this.#isTaking = true;
    try {
      while (this.#toTake.size > 0) {
        const target = this.#aims.target();
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
          else if (this.#aims.target() !== target) this.#again(wards);
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
    for (const { partition, error } of refused) this.#refused(this.#aims.ward(partition), error);
    if (busy.length > 0) {
      const mayTry = await freeOwn(this.#taker, life, busy);
      for (const [index, partition] of busy.entries()) {
        const ward = this.#aims.ward(partition);
        if (ward?.state !== "waiting") continue;
        if (mayTry[index] === true) this.#again([ward]);
        else this.#await(ward);
      }
    }
    this.#aims.tried();
  }

  /** What was made in a life that is over, or for nobody, is undone. */
  #adopt(made: readonly Made[], life: Guard): void {
    const { client, membership, taken } = this.#options;
    const isAlive = membership.isValid && isSame(membership.guard, life);
    const claims: HeldClaim[] = [];
    for (const one of made) {
      const ward = this.#aims.ward(one.partition);
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
    this.take(wards.filter((ward) => this.#aims.ward(ward.partition) === ward));
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
}

/** The same life: guards may be made anew at each look. */
function isSame(one: Guard | undefined, other: Guard): boolean {
  return one?.path === other.path && JSON.stringify(one) === JSON.stringify(other);
}

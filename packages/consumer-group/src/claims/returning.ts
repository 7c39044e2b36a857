/**
 * Giving partitions back: first nothing more is handed out, then handlers come to an end, then the listener is told, then the final offset and the
 * claim go in one transaction.
 *
 * Owns the order of these steps, and their time.
 */
import { type Client, type CorralError, isCorralError } from "@corral/client";
import type { TopicPartition } from "../source.ts";
import type { HeldClaim } from "./claim.ts";
import type { Committer } from "./committer.ts";
import { dropClaim } from "./take.ts";
import type { MutableWard } from "./ward.ts";

export interface ReturningOptions {
  readonly client: Client;
  readonly committer: Committer;
  readonly rebalanceTimeoutMs: number;
  /** Hands out nothing more; resolves when nothing is being done for the claim. */
  readonly stop: (claim: HeldClaim) => Promise<void>;
  /** About to be given back; resolves when the listener is done, and never rejects. */
  readonly revoked: (claims: readonly HeldClaim[]) => Promise<void>;
  /** The claim, or the giving back, was refused. */
  readonly refused: (partition: TopicPartition, error: CorralError) => void;
}

export class Returning {
  /** For handlers to come to an end, milliseconds. */
  timeoutMs: number;
  readonly #options: ReturningOptions;
  readonly #ended: (ward: MutableWard, claim: HeldClaim) => void;
  /** Ends the waiting for the handlers of a claim. */
  readonly #impatient = new Map<HeldClaim, () => void>();
  #ready: MutableWard[] = [];
  #isReleasing = false;

  /** `ended`: the claim is over, whatever became of its znode. */
  constructor(options: ReturningOptions, ended: (ward: MutableWard, claim: HeldClaim) => void) {
    this.timeoutMs = options.rebalanceTimeoutMs;
    this.#options = options;
    this.#ended = ended;
  }

  /** Comes to an end with it, in the time that there is, and gives it back. */
  async revoke(ward: MutableWard): Promise<void> {
    const { client, stop } = this.#options;
    const { claim } = ward;
    if (claim === undefined) return;
    ward.state = "revoking";
    claim.revoke();
    const impatient = new Promise<void>((resolve) => this.#impatient.set(claim, resolve));
    const inTime = client.deadline("rebalance", { timeoutMs: this.timeoutMs, signal: claim.signal });
    try {
      await inTime.race(Promise.race([stop(claim), impatient]));
    } catch (error) {
      if (!isCorralError(error, "TIMEOUT", "ABORTED")) throw error;
      claim.overdue ??= error;
    }
    this.#impatient.delete(claim);
    if (!claim.isOver) await this.#release(ward);
  }

  /** Without waiting for its handlers. */
  giveUp(ward: MutableWard, claim: HeldClaim, why: CorralError): void {
    claim.overdue = why;
    claim.revoke();
    // It may be waited for already: then that ends now.
    if (ward.state === "revoking") this.#impatient.get(claim)?.();
    else {
      ward.state = "revoking";
      void this.#release(ward);
    }
  }

  /** All that can be given back at the moment in one transaction; what comes meanwhile goes into the next. */
  async #release(ward: MutableWard): Promise<void> {
    this.#ready.push(ward);
    if (this.#isReleasing) return;
    this.#isReleasing = true;
    try {
      while (this.#ready.length > 0) await this.#releaseSome(this.#ready.splice(0));
    } finally {
      this.#isReleasing = false;
    }
  }

  async #releaseSome(ready: readonly MutableWard[]): Promise<void> {
    const { client, committer, revoked, refused } = this.#options;
    // What has been lost meanwhile is not there to be given back.
    const wards = ready.filter(({ claim }) => claim?.isOver === false);
    const claims = wards.map(({ claim }) => claim!);
    if (claims.length === 0) return;
    await revoked(claims);
    try {
      await committer.release(claims);
    } catch (error) {
      if (!isCorralError(error)) throw error;
      // With the session the claims are gone. Else they are in the way until it ends: that must be told.
      if (!isCorralError(error, "SESSION_EXPIRED", "OUTCOME_UNKNOWN", "CLOSED")) {
        for (const claim of claims) dropClaim(client, claim);
        refused(claims[0]!.partition, error);
      }
    }
    for (const ward of wards) if (ward.state === "revoking") this.#ended(ward, ward.claim!);
  }
}

/** One call of the handler for one message: what it may know and do. */
import { type CallOptions, CorralError, type Guard, type Operation } from "@corral/client";
import { type HeldClaim, movedAway } from "../claims/claim.ts";
import { checkMetadata } from "../claims/committer.ts";
import type { HandlerContext } from "../consumer.ts";
import type { TopicPartition } from "../source.ts";
import type { Handling } from "./handling.ts";
import type { Entry, Progress } from "./progress.ts";

export class Attempt implements HandlerContext {
  readonly #handling: Handling<never>;
  readonly #claim: HeldClaim;
  readonly #entry: Entry;
  readonly #progress: Progress;
  /** Has the position been moved meanwhile? */
  readonly #isMoved: () => boolean;
  #hasCommitted = false;
  #isCommitting = false;

  constructor(handling: Handling<never>, claim: HeldClaim, entry: Entry, progress: Progress, isMoved: () => boolean) {
    this.#handling = handling;
    this.#claim = claim;
    this.#entry = entry;
    this.#progress = progress;
    this.#isMoved = isMoved;
  }

  get partition(): TopicPartition {
    return this.#claim.partition;
  }
  get token(): number {
    return this.#claim.token;
  }
  get guard(): Guard {
    return this.#claim.guard;
  }
  get isValid(): boolean {
    return this.#claim.isValid;
  }
  get validForMs(): number {
    return this.#claim.validForMs;
  }
  get signal(): AbortSignal {
    return this.#claim.signal;
  }
  get revoked(): AbortSignal {
    return this.#claim.revoked;
  }
  get committed(): number {
    return this.#claim.committed;
  }

  async commit(options: CallOptions & { readonly metadata?: string } = {}): Promise<void> {
    const entry = this.#entry;
    const metadata = checkMetadata(options.metadata ?? "", this.#claim);
    this.#check("commit");
    const deadline = this.#handling.client.deadline("commit", options);
    deadline.check();
    entry.metadata = metadata;
    entry.isWanted = true;
    this.#progress.finish(entry);
    await deadline.race(this.#handling.committer.commitUpTo(this.#claim, entry.next));
  }

  async commitWith(operations: readonly Operation<unknown>[], options: CallOptions = {}): Promise<void> {
    const entry = this.#entry;
    this.#check("commitWith");
    if (this.#hasCommitted || this.#isCommitting) throw this.#countsAlready();
    if (entry.isDone && !entry.hasEffects) throw this.#countsAlready();
    const deadline = this.#handling.client.deadline("commitWith", options);
    deadline.check();
    this.#isCommitting = true;
    try {
      await deadline.race(this.#inTurn(operations));
    } finally {
      this.#isCommitting = false;
    }
  }

  async #inTurn(operations: readonly Operation<unknown>[]): Promise<void> {
    const [claim, entry, progress] = [this.#claim, this.#entry, this.#progress];
    await progress.whenNext(entry);
    const { next: offset, leaderEpoch, metadata } = entry;
    // An earlier call of the handler may have done it, without having waited for the answer.
    const isDone = (): boolean => {
      this.#check("commitWith");
      // The handler has not waited, and has ended before its turn came.
      if (entry.isDone && !entry.hasEffects) throw this.#countsAlready();
      return entry.hasEffects;
    };
    const wrote = (): void => void (entry.hasEffects = true);
    await this.#handling.committer.commitWith(claim, { offset, leaderEpoch, metadata }, operations, { isDone, wrote });
    this.#hasCommitted = true;
    progress.finish(entry);
  }

  #check(op: string): void {
    const { cause } = this.#claim;
    if (cause !== undefined) throw cause;
    if (this.#isMoved()) throw movedAway(this.#claim.path);
    const { mode } = this.#handling;
    if (mode === "external") throw this.#refused(op, "in mode external the sink keeps the offsets");
    if (mode === "at-most-once")
      throw this.#refused(op, "in mode at-most-once a message is committed before it is handled");
    if (!this.#claim.isValid) this.#handling.doubt(this.#claim);
    if (this.#claim.cause !== undefined) throw this.#claim.cause;
  }

  #countsAlready(): CorralError {
    return this.#refused("commitWith", "this message counts as handled already: its effects go into one call");
  }

  #refused(op: string, means: string): CorralError {
    return new CorralError("BAD_ARGUMENTS", { op, detail: { path: this.#claim.path }, outcome: "no", means });
  }
}

/**
 * One claim of a partition: the ephemeral that makes it this member's, and what is known of its offset.
 *
 * Owns the signals, and who waits for which commit. Writes nothing: see committer.ts.
 */
import { CorralError, type Guard, type SessionInfo } from "@corral/client";
import type { Claim } from "../consumer.ts";
import type { OffsetRecord } from "../records.ts";
import type { TopicPartition } from "../source.ts";

/** What is to be written as the partition's offset. */
export interface Position {
  readonly offset: number;
  readonly metadata: string;
  readonly leaderEpoch: number | null;
}

/** Who lives as long as the claim can: the member. */
interface Living {
  readonly isValid: boolean;
  readonly validForMs: number;
}

interface Waiter {
  readonly offset: number;
  readonly resolve: () => void;
  readonly reject: (error: CorralError) => void;
}

export class HeldClaim implements Claim {
  readonly partition: TopicPartition;
  /** Whose it is. */
  readonly member: string;
  readonly token: number;
  readonly path: string;
  readonly session: SessionInfo;
  /** What stood there when it was made. */
  readonly found: OffsetRecord | undefined;
  /** Is there a znode for the offset? */
  hasOffset: boolean;
  /** What is to be committed next; undefined when all is. */
  pending: Position | undefined;
  /** A write of the offset under way: there is never more than one. */
  writing: Promise<void> | undefined;
  /** Why it is given back although its handlers have not ended. */
  overdue: CorralError | undefined;
  #committed: number;
  readonly #living: Living;
  readonly #over = new AbortController();
  readonly #revoke = new AbortController();
  #waiters: Waiter[] = [];
  /** No commit will be above this: the message there was given up. */
  #blockedAt = Infinity;

  constructor(
    made: {
      readonly partition: TopicPartition;
      readonly member: string;
      readonly token: number;
      readonly path: string;
      readonly session: SessionInfo;
      readonly found: OffsetRecord | undefined;
    },
    living: Living,
  ) {
    this.partition = made.partition;
    this.member = made.member;
    this.token = made.token;
    this.path = made.path;
    this.session = made.session;
    this.found = made.found;
    this.hasOffset = made.found !== undefined;
    this.#committed = made.found?.offset ?? 0;
    this.#living = living;
  }

  get guard(): Guard {
    return { path: this.path, czxid: this.token };
  }

  get signal(): AbortSignal {
    return this.#over.signal;
  }

  get revoked(): AbortSignal {
    return this.#revoke.signal;
  }

  get isValid(): boolean {
    return this.validForMs > 0;
  }

  get validForMs(): number {
    if (this.isOver || !this.#living.isValid) return 0;
    return Math.min(this.#living.validForMs, this.session.validForMs);
  }

  get committed(): number {
    return this.#committed;
  }

  /** Lost or given back. */
  get isOver(): boolean {
    return this.#over.signal.aborted;
  }

  /** Why it is over. */
  get cause(): CorralError | undefined {
    return this.#over.signal.reason as CorralError | undefined;
  }

  /** It is to be given back. */
  revoke(): void {
    this.#revoke.abort();
  }

  /** For good. False if it was over before. */
  end(why: CorralError): boolean {
    if (this.isOver) return false;
    this.#revoke.abort();
    this.#over.abort(why);
    for (const { reject } of this.#waiters.splice(0)) reject(why);
    return true;
  }

  /** Written, and answered. */
  wrote(offset: number): void {
    this.hasOffset = true;
    this.#committed = offset;
    if (this.pending !== undefined && this.pending.offset === offset) this.pending = undefined;
    const done = this.#waiters.filter((waiter) => waiter.offset <= offset);
    this.#waiters = this.#waiters.filter((waiter) => waiter.offset > offset);
    for (const { resolve } of done) resolve();
  }

  /** The message there will not be handled by this claim: nothing behind it can be committed. */
  block(offset: number): void {
    this.#blockedAt = Math.min(this.#blockedAt, offset);
    const vain = this.#waiters.filter((waiter) => waiter.offset > this.#blockedAt);
    this.#waiters = this.#waiters.filter((waiter) => waiter.offset <= this.#blockedAt);
    for (const { reject } of vain) reject(this.#blocked());
  }

  /** The position was moved: who waits for what came before waits in vain, and what was given up is forgotten. */
  moved(): void {
    this.#blockedAt = Infinity;
    for (const { reject } of this.#waiters.splice(0)) reject(movedAway(this.path));
  }

  /** Does somebody wait for what is pending? */
  get isAwaited(): boolean {
    const { pending } = this;
    return pending !== undefined && this.#waiters.some(({ offset }) => offset <= pending.offset);
  }

  /** Resolves when the offset in the tree is at least this one. */
  whenCommitted(offset: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#committed >= offset) resolve();
      else if (this.cause !== undefined) reject(this.cause);
      else if (offset > this.#blockedAt) reject(this.#blocked());
      else this.#waiters.push({ offset, resolve, reject });
    });
  }

  #blocked(): CorralError {
    const detail = { path: this.path, name: "offset", limit: this.#blockedAt };
    const means = "a message before it was given up, and will be handled by the next owner of the partition";
    return new CorralError("ABORTED", { op: "commit", detail, outcome: "no", means });
  }
}

export function movedAway(path: string): CorralError {
  const means = "the position of the partition was moved: what was handled before that does not count any more";
  return new CorralError("ABORTED", { op: "commit", detail: { path }, outcome: "no", means });
}

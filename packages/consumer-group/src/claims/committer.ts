/**
 * What a consumer writes for its claims: offsets, now and then, all of them in one transaction; and claims given back.
 *
 * Owns the rules that at most one such transaction of the consumer is under way, that at most one write of one offset is, and that an offset
 * never goes back unless it is moved. What could not be written in time is merged into the next write, never queued.
 */
import { CorralError, isCorralError, type Operation } from "@corral/client";
import { unseen } from "@corral/recipes/authoring";
import type { TraceEvent } from "../history.ts";
import type { HeldClaim, Position } from "./claim.ts";
import {
  metadataBytes,
  portionsOf,
  type Write,
  writeAll,
  type Writer,
  writeWith,
  type Written,
} from "./transaction.ts";

/** Of an offset's metadata, bytes as it is written: JSON. */
const METADATA_MAX = 4_096;

export interface CommitterOptions extends Writer {
  /** Those held at present. */
  readonly claims: () => Iterable<HeldClaim>;
  readonly intervalMs: number;
  readonly every: number;
  readonly trace: (event: TraceEvent) => void;
  /** A write in the background was refused, though the claims hold: `NO_AUTH`, a quota. It is tried again after the interval. */
  readonly refused: (error: CorralError, claim: HeldClaim) => void;
}

export class Committer {
  readonly #options: CommitterOptions;
  #flushing: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #timer: (() => void) | undefined;
  /** Messages handled since the last flush. */
  #handled = 0;

  constructor(options: CommitterOptions) {
    this.#options = options;
  }

  /** Of this claim there is something to be committed, by so many messages more. */
  handled(claim: HeldClaim, messages: number): void {
    this.#handled += messages;
    if (this.#handled >= this.#options.every || claim.isAwaited) this.soon();
    else if (this.#flushing === undefined) this.#arm();
  }

  /** In the background; merged with what is under way. */
  soon(): void {
    unseen(this.#flush().catch((error: unknown) => this.#failed(error)));
  }

  close(): void {
    this.#timer?.();
    this.#timer = undefined;
  }

  /** What is pending at this moment, until it is written. Rejects with why a claim was lost first, or with what the server refuses. */
  async commit(claims: Iterable<HeldClaim>): Promise<void> {
    const wanted = [...claims].flatMap((claim) => {
      const { pending } = claim;
      return pending === undefined ? [] : [claim.whenCommitted(pending.offset)];
    });
    if (wanted.length > 0) await Promise.all([...wanted, this.#flush()]);
  }

  /** Until the offset is written, which may depend on messages before it that are not done. */
  async commitUpTo(claim: HeldClaim, offset: number): Promise<void> {
    const written = claim.whenCommitted(offset);
    const isDue = claim.pending !== undefined && claim.pending.offset >= offset;
    await Promise.all([written, isDue ? this.#flush() : undefined]);
  }

  /**
   * The position and the operations in one transaction. `isDone`, asked in turn: is there nothing to be done any more? `wrote`: told in the turn
   * in which that is known. Never aborted: what was begun comes to an end, at most with the session.
   */
  commitWith(
    claim: HeldClaim,
    position: Position,
    operations: readonly Operation<unknown>[],
    { isDone, wrote }: { readonly isDone: () => boolean; readonly wrote: () => void },
  ): Promise<void> {
    return this.#alone(claim, async () => {
      if (isDone()) return;
      const zxid = await writeWith(this.#options, claim, position, operations);
      wrote();
      this.#wrote(claim, position, zxid, false);
    });
  }

  /** Sets the offset, also to a lower one. */
  move(claim: HeldClaim, position: Position): Promise<void> {
    return this.#alone(claim, async () => {
      claim.pending = undefined;
      const { partition, member, token } = claim;
      this.#options.trace({ kind: "seek", partition, member, token, offset: position.offset });
      const [written] = await writeAll(this.#options, [{ claim, position, release: false }]);
      if (written === undefined) throw claim.cause ?? ended(claim);
      this.#wrote(claim, position, written.zxid, true);
    });
  }

  /**
   * Gives claims back, each with its final offset in one transaction. Afterwards they are over, whatever happened: a claim that could not be
   * given back goes with its session.
   */
  async release(claims: readonly HeldClaim[]): Promise<void> {
    for (const some of portionsOf(claims)) await this.#releaseSome(some);
  }

  async #releaseSome(claims: readonly HeldClaim[]): Promise<void> {
    for (;;) {
      const writing = claims.find((claim) => claim.writing !== undefined);
      if (writing === undefined) break;
      await writing.writing;
    }
    const held = claims.filter(({ isOver }) => !isOver);
    // Their handlers are told before anybody else may have the partition.
    for (const claim of held) if (claim.overdue !== undefined) claim.end(claim.overdue);
    const writes = held.map((claim) => ({ claim, position: due(claim), release: true }));
    const writing = this.#write(writes).then((written) => {
      for (const { write, zxid } of written) {
        const { claim, position } = write;
        if (position !== undefined) this.#wrote(claim, position, zxid, false);
        this.#trace("release", claim);
      }
    });
    try {
      await writing;
    } finally {
      for (const claim of held) claim.end(ended(claim));
    }
  }

  /** One at a time for all claims; those who ask while one is under way share the next one. */
  #flush(): Promise<void> {
    if (this.#flushing === undefined) {
      this.#flushing = this.#flushAll().finally(() => {
        this.#flushing = undefined;
        // What came meanwhile.
        if (this.#hasDue()) this.#arm();
      });
      return this.#flushing;
    }
    this.#next ??= settled(this.#flushing).then(() => {
      this.#next = undefined;
      return this.#flush();
    });
    return this.#next;
  }

  #hasDue(): boolean {
    for (const claim of this.#options.claims()) if (due(claim) !== undefined) return true;
    return false;
  }

  async #flushAll(): Promise<void> {
    this.close();
    this.#handled = 0;
    const all = [...this.#options.claims()].filter((claim) => due(claim) !== undefined);
    for (const some of portionsOf(all)) {
      // What is being written by itself is due again when that is done.
      const writes = some.flatMap((claim): Write[] => {
        const position = claim.writing === undefined && !claim.isOver ? due(claim) : undefined;
        return position === undefined ? [] : [{ claim, position, release: false }];
      });
      const written = await this.#write(writes);
      for (const { write, zxid } of written) this.#wrote(write.claim, write.position!, zxid, false);
    }
  }

  #write(writes: readonly Write[]): Promise<readonly Written[]> {
    const writing = writeAll(this.#options, writes);
    const done = settled(writing);
    for (const { claim } of writes) {
      claim.writing = done;
      void done.then(() => {
        if (claim.writing === done) claim.writing = undefined;
      });
    }
    return writing;
  }

  /** A write of one claim's offset by itself, after those before it. */
  async #alone(claim: HeldClaim, write: () => Promise<void>): Promise<void> {
    while (claim.writing !== undefined) await claim.writing;
    if (claim.cause !== undefined) throw claim.cause;
    const writing = write();
    const done = settled(writing);
    claim.writing = done;
    try {
      await writing;
    } finally {
      if (claim.writing === done) claim.writing = undefined;
      if (due(claim) !== undefined) this.#arm();
    }
  }

  #wrote(claim: HeldClaim, { offset }: Position, zxid: number | undefined, sought: boolean): void {
    if (zxid !== undefined)
      this.#options.trace({
        kind: "commit",
        partition: claim.partition,
        member: claim.member,
        token: claim.token,
        offset,
        zxid,
        sought,
      });
    claim.wrote(offset);
  }

  #trace(kind: "release", { partition, member, token }: HeldClaim): void {
    this.#options.trace({ kind, partition, member, token });
  }

  #arm(): void {
    const { client, intervalMs } = this.#options;
    this.#timer ??= client.clock.setTimeout(() => {
      this.#timer = undefined;
      this.soon();
    }, intervalMs);
  }

  #failed(error: unknown): void {
    if (!isCorralError(error)) throw error;
    // The session is over: whoever had the claims is told so.
    if (isCorralError(error, "SESSION_EXPIRED", "OUTCOME_UNKNOWN", "CLOSED")) return;
    const [claim] = [...this.#options.claims()].filter((one) => due(one) !== undefined);
    if (claim === undefined) return;
    this.#options.refused(error, claim);
  }
}

/** What is to be written: never what would take the offset back. */
function due({ pending, hasOffset, committed }: HeldClaim): Position | undefined {
  return pending !== undefined && (!hasOffset || pending.offset > committed) ? pending : undefined;
}

/** Resolves when it has come to whatever it comes to. */
const settled = (promise: Promise<unknown>): Promise<void> =>
  promise.then(
    () => {},
    () => {},
  );

const ended = ({ path }: HeldClaim): CorralError =>
  new CorralError("CLOSED", { op: "consume", detail: { path }, outcome: "no", means: "the partition was given back" });

/** Refuses metadata that is too long. */
export function checkMetadata(metadata: string, { path }: HeldClaim): string {
  const actual = metadataBytes(metadata);
  if (actual <= METADATA_MAX) return metadata;
  const detail = { path, name: "metadata", limit: METADATA_MAX, actual };
  throw new CorralError("LIMIT_EXCEEDED", { op: "commit", detail, outcome: "no" });
}

/**
 * A job that is this holder's: a claim, with the ways of ending it. Each of them is one transaction, guarded by the claim: whoever has lost
 * it changes nothing any more.
 */
import {
  type CallOptions,
  CorralError,
  type Guard,
  isCorralError,
  op as operation,
  type Operation,
  type WriteOptions,
} from "@corral/client";
import type { Held, HoldOptions, Released } from "../hold/held.ts";
import { Holding } from "../hold/holding.ts";
import { unseen } from "../hold/let-go.ts";
import { bury, type Claimed, type Item } from "./claim.ts";
import { donePath } from "./layout.ts";
import { DELAY_MS_MAX, VISIBILITY_MS_MAX } from "./limits.ts";
import { notDue } from "./put.ts";
import { type JobRecord, jobRecord } from "./record.ts";
import { checkNumber, type QueueSetup } from "./setup.ts";

export interface AckOptions extends WriteOptions {
  /** Done in the same transaction: both happen, or neither. Refusals name them by their index in here. */
  readonly operations?: readonly Operation<unknown>[] | undefined;
}

export interface NackOptions extends CallOptions {
  /** Not to be taken again before so many milliseconds, by the server's clock. Default 0. */
  readonly delayMs?: number | undefined;
  /** For people; of a job that has become a dead letter it tells why. Cut to 500 characters. */
  readonly reason?: string | undefined;
}

/**
 * At least once: whoever holds may have lost it without knowing yet. Its effects go with the `token`, or with the `guard`, or into the
 * `operations` of `ack`. Disposed of without having been ended, it is given back.
 */
export interface Job<T> extends Held {
  readonly id: string;
  readonly value: T;
  readonly priority: number;
  /** The how many-eth time that it was taken, from 1; each is counted, whatever became of it. */
  readonly attempt: number;
  /**
   * Done with: the job and the claim go in one transaction. Rejects with `GUARD_FAILED`, and nothing happens, when it is not this holder's
   * any more; `NO_NODE` when somebody has deleted the job; `OUTCOME_UNKNOWN` when the session ends meanwhile. After `TIMEOUT` or `ABORTED` it goes on by itself; call it again to learn
   * what came of it. Refused for another reason it may be called again, or be given back.
   */
  ack(options?: AckOptions): Promise<void>;
  /**
   * Gives it back, to its old place in the order; to the dead letters if this was its last attempt. Rejects as `ack` does.
   */
  nack(options?: NackOptions): Promise<void>;
  /**
   * The holder is at it: from now on it has `ms` (default: the queue's `visibilityMs`) until it is given back. Asks nobody. Throws if the
   * job is lost.
   */
  extend(ms?: number): void;
}

type Way = "ack" | "nack";

export class TakenJob<T> extends Holding implements Job<T> {
  readonly id: string;
  readonly value: T;
  readonly priority: number;
  readonly attempt: number;
  readonly #setup: QueueSetup<T>;
  readonly #item: Item;
  readonly #name: string;
  readonly #record: JobRecord;
  /** How it is being ended, or was. */
  #ending: { readonly way: Way; readonly outcome: Promise<void>; isDone: boolean } | undefined;
  /** It was ended from here, perhaps in vain: that it is not held any more is no reason not to try again. */
  #wasEnding = false;
  /** Monotonic. */
  #dueMs = Infinity;
  #stopTimer: () => void = () => {};

  constructor(setup: QueueSetup<T>, { claim, item, record, value }: Claimed<T>, options?: HoldOptions) {
    super(setup.client, setup.paths.queue, claim, options);
    this.#setup = setup;
    this.#item = item;
    this.#name = claim.name;
    this.#record = record;
    this.id = record.id;
    this.value = value;
    this.priority = record.priority;
    this.attempt = record.attempts;
    this.signal.addEventListener("abort", () => this.#stopTimer(), { once: true });
    this.#expectEnd(setup.visibilityMs);
  }

  override get validForMs(): number {
    return Math.min(super.validForMs, Math.max(0, this.#dueMs - this.client.clock.monotonicMs()));
  }

  ack(options: AckOptions = {}): Promise<void> {
    const { paths } = this.#setup;
    const { dedupeMs } = this.#record;
    // The item first: by that the first in the line knows that the claim which goes after it is no news.
    const { path, czxid } = this.#item;
    const own: Operation<unknown>[] = [operation.delete(path, { ifMatch: { czxid } }), operation.delete(this.path)];
    if (dedupeMs !== undefined)
      own.push(operation.create(donePath(paths, this.#name), null, { lifetime: { ttlMs: dedupeMs }, parents: true }));
    return this.#end("ack", own, options);
  }

  async nack(options: NackOptions = {}): Promise<void> {
    const { reason } = options;
    const delayMs = checkNumber("queue.nack", this.path, "delayMs", Math.ceil(options.delayMs ?? 0), 0, DELAY_MS_MAX);
    const record = reason === undefined ? this.#record : { ...this.#record, reason };
    if (this.attempt >= this.#setup.attemptsMax) {
      const why = record.reason ?? "it was given back that often, without a reason";
      return this.#end(
        "nack",
        [...bury(this.#setup, this.#item, { ...record, reason: why }), operation.delete(this.path)],
        options,
      );
    }
    const own: Operation<unknown>[] = [];
    if (reason !== undefined)
      own.push(operation.set(this.#item.path, record, { codec: jobRecord, ifMatch: { czxid: this.#item.czxid } }));
    own.push(operation.delete(this.path));
    if (delayMs > 0) own.push(notDue(this.path, delayMs, this.#setup.identity));
    return this.#end("nack", own, options);
  }

  extend(ms: number | undefined = this.#setup.visibilityMs): void {
    if (ms !== undefined) checkNumber("queue.extend", this.path, "ms", Math.ceil(ms), 1, VISIBILITY_MS_MAX);
    this.assertValid();
    this.#expectEnd(ms);
  }

  override async release(options?: CallOptions): Promise<Released> {
    return this.#ending?.isDone === true ? "was-gone" : super.release(options);
  }

  async #end(way: Way, own: readonly Operation<unknown>[], options: AckOptions): Promise<void> {
    const op = `queue.${way}`;
    const deadline = this.client.deadline(op, options);
    deadline.check();
    try {
      await deadline.race(this.#begin(way, own, options));
    } catch (error) {
      if (!isCorralError(error, "TIMEOUT", "ABORTED")) throw error;
      const means = "it goes on by itself, at most until the session ends";
      const { code, cause } = error;
      throw new CorralError(code, { op, detail: { path: this.path }, outcome: "unknown", cause, means });
    }
  }

  #begin(way: Way, own: readonly Operation<unknown>[], { guard, operations = [] }: AckOptions): Promise<void> {
    const op = `queue.${way}`;
    const detail = { path: this.path };
    if (this.#ending?.way === way) return this.#ending.outcome;
    const { lost } = this;
    if (this.#ending !== undefined || (lost !== undefined && !this.#wasEnding)) {
      const means = "the job is not this holder's any more; nothing was changed";
      throw new CorralError("GUARD_FAILED", { op, detail, outcome: "no", cause: lost, means });
    }
    this.#wasEnding = true;
    this.lose(new CorralError("CLOSED", { op: "held", detail, outcome: "no", means: `it was ended by ${op}` }));
    // The caller's own come first: a refusal names them by their index. Never aborted: what was decided is to happen, or to be refused.
    const all = { operations: [...operations, ...own], guard: [...listOf(guard), this.guard] };
    const outcome = this.client.multi(all.operations, { guard: all.guard, timeoutMs: Infinity }).then(() => {});
    const ending = { way, outcome, isDone: false };
    this.#ending = ending;
    outcome.then(
      () => {
        ending.isDone = true;
      },
      () => {
        // Whoever waits has been told.
        this.#ending = undefined;
      },
    );
    return outcome;
  }

  #expectEnd(ms: number | undefined): void {
    this.#stopTimer();
    const { clock } = this.client;
    this.#dueMs = ms === undefined ? Infinity : clock.monotonicMs() + ms;
    if (ms === undefined || this.lost !== undefined) return;
    this.#stopTimer = clock.setTimeout(() => {
      this.#tooLate(ms);
    }, ms);
  }

  #tooLate(ms: number): void {
    const detail = { path: this.path, name: "visibilityMs", limit: ms };
    this.lose(
      new CorralError("TIMEOUT", { op: "held", detail, outcome: "no", means: "the job was not ended in time" }),
    );
    unseen(super.release({ timeoutMs: Infinity }));
  }
}

const listOf = (guard: Guard | readonly Guard[] | undefined): readonly Guard[] =>
  guard === undefined ? [] : Array.isArray(guard) ? (guard as readonly Guard[]) : [guard as Guard];

/**
 * The handling of one claimed partition, from the first message to the last: one chain of handlers, which begins when the claim does and has
 * ended before the partition may be claimed again in this process.
 *
 * Owns the position. Hands nothing out unless the claim is certainly held at that very moment.
 */
import { CorralError, isCorralError } from "@corral/client";
import { type HeldClaim, movedAway } from "../claims/claim.ts";
import type { Message } from "../source.ts";
import { Attempt } from "./attempt.ts";
import { type Handling, retryPause } from "./handling.ts";
import { Inflow } from "./inflow.ts";
import { type Entry, Progress } from "./progress.ts";
import { resetPosition } from "./start.ts";

/** Messages begun of which the first is not done: no more are begun behind one that takes long. */
const OUTSTANDING_MAX = 1_000;
/** After so many milliseconds of handlers that wait for nothing, others get their turn: heartbeats first of all. */
const TURN_MS = 50;

export class Delivery<M> {
  readonly claim: HeldClaim;
  readonly #handling: Handling<M>;
  readonly #inflow: Inflow<M>;
  /** Ends what the delivery itself waits for. */
  readonly #over = new AbortController();
  /** Undefined: it is not known where to begin. */
  #progress: Progress | undefined;
  /** Of handlers. */
  #running = 0;
  /** The position was moved while handlers were at work: they must end first. */
  #isDraining = false;
  #isPaused = false;
  #hasBegun = false;
  #moves = 0;
  /** Since the last message: how often the source had lost the offset. */
  #resets = 0;
  #cancelTurn: () => void = () => {};
  #idle: (() => void)[] = [];

  constructor(handling: Handling<M>, claim: HeldClaim) {
    this.#handling = handling;
    this.claim = claim;
    this.#inflow = new Inflow(
      handling,
      claim.partition,
      () => this.#pump(),
      () => void this.#reset(),
    );
    const ended = (): void => this.#progress?.end(claim.cause!);
    claim.signal.addEventListener("abort", ended, { once: true });
  }

  get position(): number | undefined {
    return this.#progress === undefined ? undefined : this.#inflow.position;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  get #isStopped(): boolean {
    return this.#over.signal.aborted;
  }

  /** The first message may be handed out. */
  begin(): void {
    this.#hasBegun = true;
    if (this.#isStopped) return;
    if (this.#progress !== undefined) this.#pump();
    // Else, a seek under way says where.
    else if (this.#moves === 0) void this.#findStart();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#pump();
  }

  /** Hands out no more, and drops what was not. Resolves when no handler is at work. */
  stop(): Promise<void> {
    this.#over.abort();
    this.#inflow.stop();
    this.#cancelTurn();
    if (this.#running === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** What is handled from now on begins here, also if that cannot be written. Resolves when it is. */
  async seek(offset: number): Promise<void> {
    const move = ++this.#moves;
    this.#progress?.end(movedAway(this.claim.path));
    this.#progress = undefined;
    this.#isDraining = this.#running > 0;
    this.#inflow.stop();
    this.claim.pending = undefined;
    this.claim.moved();
    try {
      if (this.#handling.mode !== "external")
        await this.#handling.committer.move(this.claim, { offset, metadata: "", leaderEpoch: null });
    } finally {
      if (move === this.#moves && !this.#isStopped) this.#beginAt(offset);
    }
  }

  /** All that is done is to be committed, also what no handler has asked for. */
  commitDone(): void {
    const done = this.#progress?.done;
    if (this.#handling.mode === "external" || done === undefined) return;
    if (done.offset > this.claim.committed || !this.claim.hasOffset) this.claim.pending = done;
  }

  async #findStart(): Promise<void> {
    const { start, mode } = this.#handling;
    const { found } = this.claim;
    const move = this.#moves;
    const from = await this.#untilKnown(async () => {
      const known = mode === "external" ? await start?.(this.claim) : found?.offset;
      return known ?? (await this.#byPolicy());
    });
    if (from === undefined || move !== this.#moves || this.#isStopped) return;
    this.#beginAt(from);
    if (mode === "external" || found !== undefined) return;
    // Where it began stands from then on: after a crash nobody begins at another end.
    this.claim.pending = { offset: from, metadata: "", leaderEpoch: null };
    this.#handling.committer.soon();
  }

  /** The source has lost the offset. */
  async #reset(): Promise<void> {
    const move = this.#moves;
    // It may have lost the offset that it named, too.
    if (++this.#resets > 1) await retryPause(this.#handling.client, this.#resets - 1, this.#over.signal);
    const from = await this.#untilKnown(() => this.#byPolicy());
    if (from === undefined || move !== this.#moves || this.#isStopped) return;
    try {
      await this.seek(from);
    } catch (error) {
      if (!this.claim.isOver) this.#handling.fault(error, { partition: this.claim.partition, offset: from });
    }
  }

  #byPolicy(): Promise<number> {
    const { source, reset } = this.#handling;
    return resetPosition(source, this.claim.partition, reset, this.#over.signal);
  }

  /** Tried until it succeeds. Undefined: it is over, or only a seek can help. */
  async #untilKnown(find: () => Promise<number>): Promise<number | undefined> {
    const { client, fault, reset } = this.#handling;
    for (let tries = 1; !this.#isStopped; tries++) {
      try {
        const offset = await find();
        if (!Number.isSafeInteger(offset)) throw new RangeError(`${offset} is no offset to begin with`);
        return offset;
      } catch (error) {
        if (this.#isStopped) return undefined;
        const verdict = fault(error, { partition: this.claim.partition, offset: undefined });
        if (verdict === "stop" || reset === "none") return undefined;
      }
      await retryPause(client, tries, this.#over.signal);
    }
    return undefined;
  }

  #beginAt(offset: number): void {
    const auto = this.#handling.mode !== "manual";
    const progress: Progress = new Progress(auto, (position, messages) => {
      if (this.#progress !== progress || this.#handling.mode === "external" || position === undefined) return;
      if (this.claim.isOver) return;
      if (position.offset <= this.claim.committed && this.claim.hasOffset) return;
      this.claim.pending = position;
      this.#handling.committer.handled(this.claim, messages);
    });
    this.#progress = progress;
    this.#inflow.begin(offset);
    this.#handling.changed();
  }

  /** Hands out as much as may be at work at once. */
  #pump(): void {
    const { concurrency } = this.#handling;
    while (this.#hasBegun && !this.#isPaused && !this.#isStopped && !this.#isDraining && !this.#inflow.isEmpty) {
      const progress = this.#progress;
      if (progress === undefined || this.#running >= concurrency) return;
      if (progress.outstanding >= Math.max(OUTSTANDING_MAX, concurrency)) return;
      const message = this.#inflow.take();
      this.#resets = 0;
      void this.#run(message, progress.begin(message), progress);
    }
  }

  async #run(message: Message<M>, entry: Entry, progress: Progress): Promise<void> {
    this.#running++;
    try {
      await this.#handleIt(message, entry, progress);
    } finally {
      this.#running--;
      if (this.#running === 0) this.#isDraining = false;
      if (this.#running === 0) for (const resolve of this.#idle.splice(0)) resolve();
      this.#goOn();
    }
  }

  #goOn(): void {
    const { client, turn } = this.#handling;
    if (this.#isStopped) return;
    if (client.clock.monotonicMs() - turn.sinceMs < TURN_MS) return this.#pump();
    this.#cancelTurn();
    this.#cancelTurn = client.clock.setTimeout(() => {
      turn.sinceMs = client.clock.monotonicMs();
      this.#pump();
    }, 0);
  }

  /** Until it is done, or not this delivery's business any more. */
  async #handleIt(message: Message<M>, entry: Entry, progress: Progress): Promise<void> {
    const { client, trace, fault, doubt, handled, mode } = this.#handling;
    const { claim } = this;
    const { member, token } = claim;
    const where = { partition: claim.partition, offset: message.offset };
    if (mode === "at-most-once" && !(await this.#commitFirst(entry, progress))) return;
    for (let tries = 1; ; tries++) {
      if (!claim.isValid) return doubt(claim);
      trace({ kind: "deliver", partition: claim.partition, member, token, offset: message.offset });
      try {
        await this.#call(message, entry, progress);
        progress.finish(entry);
        return handled();
      } catch (error) {
        if (isCorralError(error, "GUARD_FAILED") && error.path === claim.path) this.#handling.lost(claim, error);
        // That the claim is over is no news.
        if (claim.isOver && error === claim.cause) return;
        const verdict = fault(error, where);
        if (claim.isOver || this.#progress !== progress) return;
        if (verdict === "skip" || entry.isDone) {
          progress.finish(entry);
          return handled();
        }
        if (verdict === "retry" && !this.#isStopped) await retryPause(client, tries, this.#over.signal);
        if (verdict === "stop" || this.#isStopped || this.#progress !== progress) return this.#giveUp(entry, progress);
      }
    }
  }

  async #call(message: Message<M>, entry: Entry, progress: Progress): Promise<void> {
    const { client, handle, handlerTimeoutMs, stuck } = this.#handling;
    const isMoved = (): boolean => this.#progress !== progress;
    const context = new Attempt(this.#handling as unknown as Handling<never>, this.claim, entry, progress, isMoved);
    const handling = handle(message, context);
    if (handling === undefined) return;
    const stop = client.clock.setTimeout(() => {
      stuck({ partition: this.claim.partition, offset: message.offset });
    }, handlerTimeoutMs);
    try {
      await handling;
    } finally {
      stop();
    }
  }

  /** False: it could not be, so the message is not handled at all. */
  async #commitFirst(entry: Entry, progress: Progress): Promise<boolean> {
    const { client, committer, fault } = this.#handling;
    const { claim } = this;
    progress.finish(entry);
    for (let tries = 1; ; tries++) {
      try {
        await committer.commitUpTo(claim, entry.next);
        return this.#progress === progress;
      } catch (error) {
        if (claim.isOver || this.#isStopped || this.#progress !== progress) return false;
        if (fault(error, { partition: claim.partition, offset: entry.offset }) === "stop") return false;
      }
      await retryPause(client, tries, this.#over.signal);
    }
  }

  /** Nothing behind it can be committed: who waits for that is told. */
  #giveUp({ offset }: Entry, progress: Progress): void {
    if (this.#progress !== progress) return;
    this.claim.block(offset);
    const detail = { path: this.claim.path };
    const means = "a message before it was given up, and will be handled by the next owner of the partition";
    progress.end(new CorralError("ABORTED", { op: "commitWith", detail, outcome: "no", means }));
  }
}

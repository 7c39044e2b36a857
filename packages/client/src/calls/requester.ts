/**
 * Requests as promises: time limits, signals, the bounds of the queue, and the order in which promises resolve.
 *
 * Owns the request table. Tells its owner by `wake` that there is something to send; never sends.
 */
import { isWrite, Op, type Guard, type Reply, type Request, type RequestBody } from "@corral/protocol";
import { CorralError } from "../error.ts";
import { instantOf, type Clock, type Instant } from "../world.ts";
import { AbortRegistry } from "./aborts.ts";
import { Answer, type ReadRefusal } from "./answer.ts";
import { Call, type Budget, type Settle } from "./call.ts";
import { HeldPromises } from "./held.ts";
import { sizeOf } from "./size.ts";
import { RequestTable } from "./table.ts";
import { Turns } from "./turns.ts";

/** How long a whole call may take, whatever its number of steps, and who may end it. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds for the whole call; Infinity for none. Default: the client's `timeoutMs`. */
  readonly timeoutMs?: number | undefined;
}

export interface QueueBounds {
  readonly calls: number;
  readonly bytes: number;
}

export class Requester {
  readonly table: RequestTable = new RequestTable();
  readonly #clock: Clock;
  readonly #bounds: QueueBounds;
  readonly #timeoutMs: number;
  readonly #gate: (now: Instant) => CorralError | undefined;
  readonly #wake: () => void;
  readonly #aborts = new AbortRegistry();
  #timer: { readonly atMs: number; readonly cancel: () => void } | undefined;
  readonly #held = new HeldPromises();
  readonly #turns = new Turns();

  /** `gate`: why nothing may be asked at present. `wake`: there is something to send. */
  constructor(
    world: { readonly clock: Clock; readonly bounds: QueueBounds; readonly timeoutMs: number },
    gate: (now: Instant) => CorralError | undefined,
    wake: () => void,
  ) {
    this.#clock = world.clock;
    this.#bounds = world.bounds;
    this.#timeoutMs = world.timeoutMs;
    this.#gate = gate;
    this.#wake = wake;
  }

  budget(op: string, options: CallOptions | undefined, toView: (path: string) => string = asItIs): Budget {
    const timeoutMs = options?.timeoutMs ?? this.#timeoutMs;
    return { op, signal: options?.signal, deadlineMs: this.#clock.monotonicMs() + timeoutMs, toView };
  }

  /**
   * Sends a request in its turn. `read` makes the result of an accepting reply; it runs at the reply's place among the
   * messages of the connection. Rejects with a {@link CorralError}.
   */
  request<T>(
    budget: Budget,
    body: RequestBody,
    guards: readonly Guard[] | null,
    read: (reply: Reply) => T,
    refused?: ReadRefusal<T>,
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const answer = new Answer(this.#held, this.#turns, read, refused, resolve, reject);
      const call = callOf(budget, body, guards, answer, false);
      const fault = this.#entryFault(call);
      if (fault !== undefined) {
        call.fail(fault);
        return;
      }
      const { signal } = budget;
      if (signal !== undefined) {
        answer.stopListening = this.#aborts.add(signal, () => {
          this.#giveUp(call, "ABORTED", signal.reason);
        });
      }
      this.table.add(call);
      this.#expectDeadline(budget.deadlineMs);
      this.#wake();
    });
  }

  /** Why a call has nothing left, if so: its signal is aborted or its time over. */
  fault(
    { op, signal, deadlineMs }: Budget,
    call?: Call,
    now: number = this.#clock.monotonicMs(),
  ): CorralError | undefined {
    if (signal?.aborted === true) {
      return new CorralError("ABORTED", { op, detail: { path: call?.path }, outcome: "no", cause: signal.reason });
    }
    if (now < deadlineMs) return undefined;
    return new CorralError("TIMEOUT", { op, detail: { path: call?.path }, outcome: "no" });
  }

  /** What a step of a call may take. */
  rest(budget: Budget): CallOptions {
    return { signal: budget.signal, timeoutMs: budget.deadlineMs - this.#clock.monotonicMs() };
  }

  /** For a call that is no single request: tells when its time is over or its signal aborts. The function returned ends that. */
  after(budget: Budget, over: (error: CorralError) => void): () => void {
    const { op, signal, deadlineMs } = budget;
    const cancel =
      deadlineMs === Infinity
        ? undefined
        : this.#clock.setTimeout(
            () => {
              over(new CorralError("TIMEOUT", { op, outcome: "no" }));
            },
            Math.max(0, deadlineMs - this.#clock.monotonicMs()),
          );
    const stopListening = signal === undefined ? undefined : this.onAbort(signal, op, over);
    return () => {
      cancel?.();
      stopListening?.();
    };
  }

  /** Between two steps of a call. Rejects when the time of the call is over or its signal aborts. */
  pause(budget: Budget, ms: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.setTimeout(() => {
        stopWaiting();
        resolve();
      }, ms);
      const stopWaiting = this.after(budget, (error) => {
        cancel();
        stopWaiting();
        reject(error);
      });
    });
  }

  /** For what lives longer than its requests. The function returned ends the waiting. */
  onAbort(signal: AbortSignal, op: string, aborted: (error: CorralError) => void): () => void {
    return this.#aborts.add(signal, () => {
      aborted(new CorralError("ABORTED", { op, outcome: "no", cause: signal.reason }));
    });
  }

  /** A request of the client's own about what a connection has; sent before all others, forgotten when the connection breaks. */
  urgent(op: string, body: RequestBody, settle: Settle): void {
    const budget = { op, signal: undefined, deadlineMs: Infinity, toView: asItIs };
    this.table.addUrgent(callOf(budget, body, null, settle, true));
    this.#wake();
  }

  #entryFault(call: Call): CorralError | undefined {
    // First: it may find that the session is over, and with that the call's own signal may abort.
    const now = instantOf(this.#clock);
    const closed = this.#gate(now);
    const over = this.fault(call.budget, call, now.monotonicMs);
    if (over !== undefined) return over;
    const { op } = call;
    if (closed !== undefined) {
      return new CorralError(closed.code, { op, detail: { path: call.path }, outcome: "no", cause: closed.cause });
    }
    const { calls, bytes } = this.#bounds;
    if (this.table.queued >= calls) {
      return new CorralError("OVERLOADED", {
        op,
        detail: { path: call.path, name: "queueCalls", limit: calls },
        means: "too many calls wait to be sent",
      });
    }
    if (this.table.queuedBytes + call.size.bytes > bytes) {
      return new CorralError("OVERLOADED", {
        op,
        detail: { path: call.path, name: "queueBytes", limit: bytes },
        means: "too many bytes wait to be sent",
      });
    }
    return undefined;
  }

  #giveUp(call: Call, code: "ABORTED" | "TIMEOUT", cause?: unknown): void {
    const { op, path, refusedWith } = call;
    const errorFor = (outcome: "unknown" | "no"): CorralError =>
      new CorralError(code, { op, detail: { path }, outcome, cause });
    if (this.#held.reject(call, errorFor(call.isWrite ? "unknown" : "no"))) return;
    if (call.isSettled) return;
    const open = this.table.giveUp(call);
    if (code === "TIMEOUT" && !open && refusedWith !== undefined) return call.fail(refusedWith);
    call.fail(errorFor(open && call.isWrite ? "unknown" : "no"));
    // A refused write that nobody wants any more still has to make way for the others.
    this.#wake();
  }

  #expectDeadline(atMs: number): void {
    if (atMs === Infinity || (this.#timer !== undefined && this.#timer.atMs <= atMs)) return;
    this.#timer?.cancel();
    const cancel = this.#clock.setTimeout(
      () => {
        this.#timer = undefined;
        this.#sweep();
      },
      Math.max(0, atMs - this.#clock.monotonicMs()),
    );
    this.#timer = { atMs, cancel };
  }

  /** Ends the calls whose time is over. Runs about once per time limit, not once per call. */
  #sweep(): void {
    const now = this.#clock.monotonicMs();
    let nextMs = Infinity;
    for (const call of [...this.#held.calls, ...this.table.waiting()]) {
      if (call.budget.deadlineMs <= now) this.#giveUp(call, "TIMEOUT");
      else nextMs = Math.min(nextMs, call.budget.deadlineMs);
    }
    this.#expectDeadline(nextMs);
  }

  /** From now on replies are read as they come, but their promises wait for `release`. */
  hold(): void {
    this.#held.hold();
  }

  release(): void {
    this.#held.release();
  }

  /** A message has been handed on: promises of later replies wait for those who loop over such messages. */
  told(): void {
    this.#turns.give();
  }

  /** The connection was closed over a credential: the oldest addAuth is not to be sent again, and this is its answer. */
  refuseCredential(cause: CorralError): void {
    const call = this.table.oldest(Op.addAuth);
    if (call === undefined) return;
    this.table.done(call);
    call.fail(new CorralError("AUTH_FAILED", { op: call.op, detail: { name: cause.limitName }, cause }));
  }

  /** The session is over: a write that was sent may have happened, everything else did not. */
  sessionOver(cause: CorralError): void {
    this.#endAll((call, happened) =>
      happened
        ? new CorralError("OUTCOME_UNKNOWN", { op: call.op, detail: { path: call.path }, cause })
        : new CorralError("SESSION_EXPIRED", { op: call.op, detail: { path: call.path }, outcome: "no", cause }),
    );
  }

  /** Nothing will be sent any more. */
  close(cause: CorralError | undefined): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#endAll(
      (call, happened) =>
        new CorralError("CLOSED", {
          op: call.op,
          detail: { path: call.path },
          outcome: happened ? "unknown" : "no",
          cause,
        }),
    );
  }

  #endAll(errorFor: (call: Call, happened: boolean) => CorralError): void {
    // The state that follows is told first.
    this.told();
    // What a write came to must be told; a read would show changes before their events.
    for (const call of [...this.#held.calls]) if (!call.isWrite) this.#held.reject(call, errorFor(call, false));
    this.release();
    // Before the table forgets, since it knows what was refused.
    const errors = new Map<Call, CorralError>();
    const own = this.table;
    for (const call of own.everything()) errors.set(call, errorFor(call, own.mayHaveHappened(call)));
    own.clear();
    for (const [call, error] of errors) call.fail(error);
  }
}

const asItIs = (path: string): string => path;

function callOf(
  budget: Budget,
  body: RequestBody,
  guards: readonly Guard[] | null,
  settle: Settle,
  isOfConnection: boolean,
): Call {
  const writes = isWrite(body as Request) || body.op === Op.addAuth;
  return new Call({ budget, body, guards, isWrite: writes, size: sizeOf(body, guards), isOfConnection }, settle);
}

/**
 * Requests as promises: time limits, signals, the bounds of the queue, and the order in which promises resolve.
 *
 * Owns the request table. Tells its owner by `wake` that there is something to send; never sends.
 */
import { isWrite, Op, type Guard, type Reply, type Request, type RequestBody } from "@corral/protocol";
import { CorralError } from "../error.ts";
import type { Clock } from "../world.ts";
import { AbortRegistry } from "./aborts.ts";
import { Call, type Settle } from "./call.ts";
import { HeldPromises } from "./held.ts";
import { sizeOf } from "./size.ts";
import { RequestTable } from "./table.ts";

/** How long a whole call may take, whatever its number of steps, and who may end it. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds for the whole call; Infinity for none. Default: the client's `timeoutMs`. */
  readonly timeoutMs?: number | undefined;
}

/** What is left to a call: made once, passed to each of its steps. */
export interface Budget {
  readonly op: string;
  readonly signal: AbortSignal | undefined;
  /** Monotonic. */
  readonly deadlineMs: number;
  /** From the server's paths to the caller's. */
  readonly toView: (path: string) => string;
}

export interface QueueBounds {
  readonly calls: number;
  readonly bytes: number;
}

/** The result of a refusal that is an answer like any other (no such znode), or undefined for one that is an error. */
export type ReadRefusal<T> = (reply: Reply) => { readonly value: T } | undefined;

export class Requester {
  readonly table: RequestTable = new RequestTable();
  readonly #clock: Clock;
  readonly #bounds: QueueBounds;
  readonly #timeoutMs: number;
  readonly #gate: () => CorralError | undefined;
  readonly #wake: () => void;
  readonly #aborts = new AbortRegistry();
  #timer: { readonly atMs: number; readonly cancel: () => void } | undefined;
  readonly #held = new HeldPromises();

  /** `gate`: why nothing may be asked at present. `wake`: there is something to send. */
  constructor(
    world: { readonly clock: Clock; readonly bounds: QueueBounds; readonly timeoutMs: number },
    gate: () => CorralError | undefined,
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
      let stopListening: (() => void) | undefined;
      const call = this.#makeCall(budget, body, guards, {
        answered: (reply, answered) => {
          const outcome = outcomeOf(reply, answered, read, refused);
          this.#held.settleInTurn(answered, {
            settle: () => {
              stopListening?.();
              if ("error" in outcome) reject(outcome.error);
              else resolve(outcome.value);
            },
            reject: (error) => {
              stopListening?.();
              reject(error);
            },
          });
        },
        failed: (error) => {
          stopListening?.();
          reject(error);
        },
      });
      const fault = this.#entryFault(budget, call);
      if (fault !== undefined) {
        call.fail(fault);
        return;
      }
      if (budget.signal !== undefined) {
        stopListening = this.#aborts.add(budget.signal, () => {
          this.#giveUp(call, "ABORTED", budget.signal?.reason);
        });
      }
      this.table.add(call);
      this.#expectDeadline(call.deadlineMs);
      this.#wake();
    });
  }

  /** Why a call has nothing left, if so: its signal is aborted or its time over. */
  fault({ op, signal, deadlineMs }: Budget, path?: string): CorralError | undefined {
    const detail = { path };
    if (signal?.aborted === true)
      return new CorralError("ABORTED", { op, detail, outcome: "no", cause: signal.reason });
    if (this.#clock.monotonicMs() >= deadlineMs) return new CorralError("TIMEOUT", { op, detail, outcome: "no" });
    return undefined;
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
    this.table.addUrgent(this.#makeCall(budget, body, null, settle, true));
    this.#wake();
  }

  #makeCall(
    budget: Budget,
    body: RequestBody,
    guards: readonly Guard[] | null,
    settle: Settle,
    isOfConnection = false,
  ): Call {
    const { op, deadlineMs, toView } = budget;
    const { bytes: cost, elements } = sizeOf(body, guards);
    const path = "path" in body ? toView(body.path) : undefined;
    const writes = isWrite(body as Request) || body.op === Op.addAuth;
    return new Call(
      { op, path, toView, body, guards, isWrite: writes, cost, elements, deadlineMs, isOfConnection },
      settle,
    );
  }

  #entryFault(budget: Budget, call: Call): CorralError | undefined {
    const { op } = budget;
    const detail = { path: call.path };
    // First: it may find that the session is over, and with that the call's own signal may abort.
    const closed = this.#gate();
    const over = this.fault(budget, call.path);
    if (over !== undefined) return over;
    if (closed !== undefined) {
      return new CorralError(closed.code, { op, detail, outcome: "no", cause: closed.cause });
    }
    const { calls, bytes } = this.#bounds;
    if (this.table.queued >= calls) {
      return new CorralError("OVERLOADED", {
        op,
        detail: { ...detail, name: "queueCalls", limit: calls },
        means: "too many calls wait to be sent",
      });
    }
    if (this.table.queuedBytes + call.cost > bytes) {
      return new CorralError("OVERLOADED", {
        op,
        detail: { ...detail, name: "queueBytes", limit: bytes },
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
      if (call.deadlineMs <= now) this.#giveUp(call, "TIMEOUT");
      else nextMs = Math.min(nextMs, call.deadlineMs);
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

function outcomeOf<T>(
  reply: Reply,
  call: Call,
  read: (reply: Reply) => T,
  refused: ReadRefusal<T> | undefined,
): { readonly value: T } | { readonly error: CorralError } {
  try {
    if (reply.code === 0) return { value: read(reply) };
    return refused?.(reply) ?? { error: call.refusalOf(reply) };
  } catch (error) {
    if (error instanceof CorralError) return { error };
    const { op, path } = call;
    const means = "the reply cannot be read";
    return {
      error: new CorralError("PROTOCOL_ERROR", { op, detail: { path }, outcome: "unknown", cause: error, means }),
    };
  }
}

/**
 * One request from its call to its answer. A call has two lives: the caller's promise, which a signal or a time limit may
 * end early, and the request, which once sent stays outstanding until it is answered, so that replies keep their order.
 */
import type { Guard, Reply, RequestBody } from "@corral/protocol";
import { refusal, type CorralError } from "../error.ts";
import type { Instant } from "../world.ts";
import type { Linked, LinkedList } from "./list.ts";
import type { Size } from "./size.ts";

/** What is left to a call: made once, passed to each of its steps. */
export interface Budget {
  /** As the method of the client is called; for errors. */
  readonly op: string;
  readonly signal: AbortSignal | undefined;
  /** Monotonic time after which the caller has given up; Infinity for the client's own calls. */
  readonly deadlineMs: number;
  /** From the server's paths to the caller's. */
  readonly toView: (path: string) => string;
}

export class Call implements Linked<Call> {
  readonly budget: Budget;
  readonly body: RequestBody;
  readonly guards: readonly Guard[] | null;
  /** Goes through the log, so that it must not be repeated in another session. */
  readonly isWrite: boolean;
  readonly size: Size;
  /** Concerns one connection only: forgotten when that breaks. */
  readonly isOfConnection: boolean;

  /** 0 until first sent. */
  xid = 0;
  sentAt: Instant | undefined = undefined;
  /** Was it sent on a connection that broke before the answer? Then only its answer can tell whether it was applied. */
  inDoubt = false;
  /** Why the server did not take it, while it waits to be sent again. */
  refusedWith: CorralError | undefined = undefined;

  /** Where it stands: among those that wait to be sent, or to be answered. Set by the list alone. */
  list: LinkedList<Call> | undefined = undefined;
  before: Call | undefined = undefined;
  after: Call | undefined = undefined;

  /** The frame in which it was first sent, and where in it. No view of it: hardly any call is sent again. */
  #frame: Uint8Array | undefined = undefined;
  #start = 0;
  #end = 0;
  /** Undefined once the caller has its answer, or has given up. */
  #settle: Settle | undefined;

  constructor(facts: CallFacts, settle: Settle) {
    this.budget = facts.budget;
    this.body = facts.body;
    this.guards = facts.guards;
    this.isWrite = facts.isWrite;
    this.size = facts.size;
    this.isOfConnection = facts.isOfConnection;
    this.#settle = settle;
  }

  get op(): string {
    return this.budget.op;
  }

  /** As the caller knows it. */
  get path(): string | undefined {
    return "path" in this.body ? this.budget.toView(this.body.path) : undefined;
  }

  /** The error that a refusing reply stands for. */
  refusalOf(reply: Reply): CorralError {
    const { path } = reply.detail;
    const detail = path === undefined ? reply.detail : { ...reply.detail, path: this.budget.toView(path) };
    return refusal(reply.code, detail, this.op, this.path);
  }

  get isSettled(): boolean {
    return this.#settle === undefined;
  }

  get wasSent(): boolean {
    return this.xid !== 0;
  }

  /** As sent, for sending again. */
  get bytes(): Uint8Array {
    return this.#frame!.subarray(this.#start, this.#end);
  }

  /** It stands there in the frame that is being made. */
  writtenAt(start: number, end: number): void {
    this.#start = start;
    this.#end = end;
  }

  sentIn(frame: Uint8Array): void {
    this.#frame = frame;
  }

  answer(reply: Reply): void {
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.answered(reply, this);
  }

  fail(error: CorralError): void {
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.failed(error);
  }
}

export interface CallFacts {
  readonly budget: Budget;
  readonly body: RequestBody;
  readonly guards: readonly Guard[] | null;
  readonly isWrite: boolean;
  readonly size: Size;
  readonly isOfConnection: boolean;
}

/** Both run at their place among the messages of the connection, and must not throw. Replies may be refusals. */
export interface Settle {
  answered(reply: Reply, call: Call): void;
  failed(error: CorralError): void;
}

/**
 * One request from its call to its answer. A call has two lives: the caller's promise, which a signal or a time limit may
 * end early, and the request, which once sent stays outstanding until it is answered, so that replies keep their order.
 */
import type { Guard, Reply, RequestBody } from "@corral/protocol";
import { refusal, type CorralError } from "../error.ts";
import type { Instant } from "../world.ts";

export class Call {
  /** As the method of the client is called; for errors. */
  readonly op: string;
  readonly path: string | undefined;
  readonly #toView: (path: string) => string;
  readonly body: RequestBody;
  readonly guards: readonly Guard[] | null;
  /** Goes through the log, so that it must not be repeated in another session. */
  readonly isWrite: boolean;
  /** About the bytes it takes; for the bounds of the queue. */
  readonly cost: number;
  /** Upper bound of its MessagePack elements; for the bound of a frame. */
  readonly elements: number;
  /** Concerns one connection only: forgotten when that breaks. */
  readonly isOfConnection: boolean;
  /** Monotonic time after which the caller has given up; Infinity for the client's own calls. */
  readonly deadlineMs: number;

  /** 0 until first sent. */
  xid = 0;
  /** As sent, for sending again. */
  bytes: Uint8Array | undefined = undefined;
  sentAt: Instant | undefined = undefined;
  /** Was it sent on a connection that broke before the answer? Then only its answer can tell whether it was applied. */
  inDoubt = false;
  /** Why the server did not take it, while it waits to be sent again. */
  refusedWith: CorralError | undefined = undefined;

  /** Undefined once the caller has its answer, or has given up. */
  #settle: Settle | undefined;

  constructor(facts: CallFacts, settle: Settle) {
    this.op = facts.op;
    this.path = facts.path;
    this.#toView = facts.toView;
    this.body = facts.body;
    this.guards = facts.guards;
    this.isWrite = facts.isWrite;
    this.cost = facts.cost;
    this.elements = facts.elements;
    this.deadlineMs = facts.deadlineMs;
    this.isOfConnection = facts.isOfConnection;
    this.#settle = settle;
  }

  /** The error that a refusing reply stands for. */
  refusalOf(reply: Reply): CorralError {
    const { path } = reply.detail;
    const detail = path === undefined ? reply.detail : { ...reply.detail, path: this.#toView(path) };
    return refusal(reply.code, detail, this.op, this.path);
  }

  get isSettled(): boolean {
    return this.#settle === undefined;
  }

  get wasSent(): boolean {
    return this.xid !== 0;
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
  readonly op: string;
  /** As the caller knows it. */
  readonly path: string | undefined;
  /** From the server's paths to the caller's. */
  readonly toView: (path: string) => string;
  readonly body: RequestBody;
  readonly guards: readonly Guard[] | null;
  readonly isWrite: boolean;
  readonly cost: number;
  readonly elements: number;
  readonly deadlineMs: number;
  readonly isOfConnection: boolean;
}

/** Both run at their place among the messages of the connection, and must not throw. Replies may be refusals. */
export interface Settle {
  answered(reply: Reply, call: Call): void;
  failed(error: CorralError): void;
}

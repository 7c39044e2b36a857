/**
 * The caller's side of a call: a promise, and how a reply becomes what it resolves with. The reply is read at its place among
 * the messages of the connection, even where the promise has to wait.
 */
import type { Reply } from "@corral/protocol";
import { CorralError } from "../error.ts";
import type { Call, Settle } from "./call.ts";
import type { Held, HeldPromises } from "./held.ts";
import type { Turns } from "./turns.ts";

/** The result of a refusal that is an answer like any other (no such znode), or undefined for one that is an error. */
export type ReadRefusal<T> = (reply: Reply) => { readonly value: T } | undefined;

/** One object with the two functions of the promise, rather than closures that share them: there is one for each call. */
export class Answer<T> implements Settle, Held {
  /** Ends the listening to the signal of the call. */
  stopListening: (() => void) | undefined = undefined;
  readonly #held: HeldPromises;
  readonly #turns: Turns;
  readonly #read: (reply: Reply) => T;
  readonly #refused: ReadRefusal<T> | undefined;
  readonly #resolve: (value: T) => void;
  readonly #reject: (error: CorralError) => void;
  #outcome: Outcome<T> | undefined = undefined;

  constructor(
    held: HeldPromises,
    turns: Turns,
    read: (reply: Reply) => T,
    refused: ReadRefusal<T> | undefined,
    resolve: (value: T) => void,
    reject: (error: CorralError) => void,
  ) {
    this.#held = held;
    this.#turns = turns;
    this.#read = read;
    this.#refused = refused;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  answered(reply: Reply, call: Call): void {
    this.#outcome = outcomeOf(reply, call, this.#read, this.#refused);
    this.#held.settleInTurn(call, this);
  }

  settle(): void {
    const outcome = this.#outcome!;
    if ("error" in outcome) return this.failed(outcome.error);
    this.stopListening?.();
    if (this.#turns.isOver) this.#resolve(outcome.value);
    else this.#turns.wait(() => this.#resolve(outcome.value));
  }

  failed(error: CorralError): void {
    this.stopListening?.();
    if (this.#turns.isOver) this.#reject(error);
    else this.#turns.wait(() => this.#reject(error));
  }
}

type Outcome<T> = { readonly value: T } | { readonly error: CorralError };

function outcomeOf<T>(
  reply: Reply,
  call: Call,
  read: (reply: Reply) => T,
  refused: ReadRefusal<T> | undefined,
): Outcome<T> {
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

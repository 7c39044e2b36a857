/**
 * Promises whose answers are here, and that must not settle yet: while watches are being restored, replies come before the events
 * that they show. Time limits and signals still end them, since the connection may break before the events come.
 */
import type { CorralError } from "../error.ts";
import type { Call } from "./call.ts";

export interface Held {
  /** By its answer. */
  settle(): void;
  failed(error: CorralError): void;
}

export class HeldPromises {
  /** In the order of their replies; undefined while none are held back. */
  #held: Map<Call, Held> | undefined;

  /** From now on promises wait for `release`. */
  hold(): void {
    this.#held ??= new Map();
  }

  release(): void {
    const held = this.#held;
    this.#held = undefined;
    for (const each of held?.values() ?? []) each.settle();
  }

  settleInTurn(call: Call, held: Held): void {
    if (this.#held === undefined) held.settle();
    else this.#held.set(call, held);
  }

  get calls(): Iterable<Call> {
    return this.#held?.keys() ?? [];
  }

  /** False if it is not held. */
  reject(call: Call, error: CorralError): boolean {
    const held = this.#held?.get(call);
    this.#held?.delete(call);
    held?.failed(error);
    return held !== undefined;
  }
}

/**
 * A store outside of Corral that keeps the place with each effect: it refuses whoever comes with a smaller token than it has seen, and
 * what it knows already. A careless one takes everything.
 */
import type { Applied } from "../../check/groups/notes.ts";

/** What the sink says to whoever is too late. */
export class TokenRefused extends Error {}

export class Sink {
  readonly #places = new Map<string, { readonly token: number; readonly next: number }>();
  readonly #applied: Applied[];
  readonly #isCareless: boolean;
  /** How long the log is. */
  readonly #at: () => number;

  constructor(applied: Applied[], isCareless: boolean, at: () => number) {
    this.#applied = applied;
    this.#isCareless = isCareless;
    this.#at = at;
  }

  /** Of this partition, the next message. */
  next(key: string): number {
    return this.#places.get(key)?.next ?? 0;
  }

  /** Whoever asks where to begin shuts the door behind those before him. */
  begin(key: string, token: number): number {
    const next = this.next(key);
    this.#check(key, token);
    this.#places.set(key, { token, next });
    return next;
  }

  apply(key: string, token: number, offset: number): void {
    this.#check(key, token);
    const place = this.#places.get(key);
    // The answer was lost, or the handler has thrown after it.
    if (place !== undefined && place.token === token && offset < place.next) return;
    this.#places.set(key, { token, next: offset + 1 });
    this.#applied.push({ key, token, offset, at: this.#at() });
  }

  #check(key: string, token: number): void {
    const greatest = this.#places.get(key)?.token ?? 0;
    if (token < greatest && !this.#isCareless) throw new TokenRefused(`${key}: ${token} after ${greatest}`);
  }
}

/**
 * A state that changes, told to whoever reads it, however slow: of the states that a reader has not taken, only the newest is kept.
 *
 * Written by hand, as the client's streams are: a state told while a reader waits reaches it in that very turn.
 */
import type { StreamReader } from "@corral/client";

/** One reader. Leaving its loop, or the signal, ends it. */
export class NewestReader<T> implements StreamReader<T> {
  readonly #left: () => void;
  readonly #signal: AbortSignal | undefined;
  readonly #waiters: {
    readonly resolve: (result: IteratorResult<T>) => void;
    readonly reject: (error: Error) => void;
  }[] = [];
  #newest: { readonly value: T } | undefined;
  /** `error`: until it has been thrown. */
  #ended: { error: Error | undefined } | undefined;

  /** `left`: called once when it ends, unless the signal is aborted already. */
  constructor(left: () => void, signal?: AbortSignal) {
    this.#left = left;
    this.#signal = signal;
    if (signal?.aborted === true) this.#ended = { error: undefined };
    else signal?.addEventListener("abort", this.#leave);
  }

  get isEnded(): boolean {
    return this.#ended !== undefined;
  }

  readonly #leave = (): void => void this.return();

  tell(value: T): void {
    if (this.#ended !== undefined) return;
    const waiter = this.#waiters.shift();
    if (waiter === undefined) this.#newest = { value };
    else waiter.resolve({ done: false, value });
  }

  /** What was told and not taken can still be read; then the error is thrown, if there is one. */
  end(error?: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = { error };
    this.#signal?.removeEventListener("abort", this.#leave);
    for (const { resolve, reject } of this.#waiters.splice(0)) {
      const why = this.#error();
      if (why === undefined) resolve({ done: true, value: undefined });
      else reject(why);
    }
    this.#left();
  }

  #error(): Error | undefined {
    const error = this.#ended?.error;
    if (this.#ended !== undefined) this.#ended.error = undefined;
    return error;
  }

  next(): Promise<IteratorResult<T>> {
    const newest = this.#newest;
    this.#newest = undefined;
    if (newest !== undefined) return Promise.resolve({ done: false, value: newest.value });
    const error = this.#error();
    if (error !== undefined) return Promise.reject(error);
    if (this.#ended !== undefined) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
    });
  }

  return(): Promise<IteratorResult<T>> {
    this.#newest = undefined;
    this.#error();
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** A state and its readers: each is told the present one first. */
export class Newest<T> {
  readonly #readers = new Set<NewestReader<T>>();
  #present: { readonly value: T } | undefined;
  #ended: { readonly error: Error | undefined } | undefined;

  tell(value: T): void {
    if (this.#ended !== undefined) return;
    this.#present = { value };
    for (const reader of this.#readers) reader.tell(value);
  }

  /** For all readers, those to come too. */
  end(error?: Error): void {
    this.#ended ??= { error };
    for (const reader of this.#readers) reader.end(error);
  }

  read(signal?: AbortSignal): StreamReader<T> {
    const reader = new NewestReader<T>(() => this.#readers.delete(reader), signal);
    if (this.#present !== undefined) reader.tell(this.#present.value);
    if (this.#ended !== undefined) reader.end(this.#ended.error);
    else if (!reader.isEnded) this.#readers.add(reader);
    return reader;
  }
}

/**
 * A queue with an asynchronous reader. Written by hand: a value that is pushed while the reader waits resolves its promise in
 * that very turn, so that what is pushed first is seen first, also against other promises.
 *
 * The values not yet taken lie in a store. Its bound is the business of whoever pushes.
 */

/** What a `for await` reads. Leaving the loop ends it. */
export interface StreamReader<T> extends AsyncIterableIterator<T> {
  return(): Promise<IteratorResult<T>>;
}

interface Waiter<T> {
  readonly resolve: (result: IteratorResult<T>) => void;
  readonly reject: (error: Error) => void;
}

/** Where values wait to be taken. */
export interface Store<T> {
  readonly size: number;
  add(value: T): void;
  /** The next one; only when there is one. */
  take(): T;
  clear(): void;
}

/** First in, first out. */
export class Fifo<T> implements Store<T> {
  #values: T[] = [];
  /** Values before this index have been taken. */
  #head = 0;

  get size(): number {
    return this.#values.length - this.#head;
  }

  add(value: T): void {
    this.#values.push(value);
  }

  take(): T {
    const value = this.#values[this.#head] as T;
    this.#values[this.#head] = undefined as T;
    this.#head++;
    // Amortised: each value is moved at most once for each time the taken half is dropped.
    if (this.#head > 32 && this.#head * 2 > this.#values.length) {
      this.#values = this.#values.slice(this.#head);
      this.#head = 0;
    }
    return value;
  }

  clear(): void {
    this.#values = [];
    this.#head = 0;
  }
}

/** A later value takes the place of an earlier one of the same key, behind all others. */
export class Latest<T> implements Store<T> {
  readonly #keyOf: (value: T) => string;
  readonly #values = new Map<string, T>();

  constructor(keyOf: (value: T) => string) {
    this.#keyOf = keyOf;
  }

  get size(): number {
    return this.#values.size;
  }

  add(value: T): void {
    const key = this.#keyOf(value);
    this.#values.delete(key);
    this.#values.set(key, value);
  }

  take(): T {
    const [key, value] = this.#values.entries().next().value as [string, T];
    this.#values.delete(key);
    return value;
  }

  clear(): void {
    this.#values.clear();
  }
}

export interface StreamHooks<T> {
  /** The reader has gone, once. */
  readonly left: () => void;
  /** The reader asks for the next value: it is done with the one before. */
  readonly asked?: () => void;
  /** This value is given to the reader. */
  readonly taken?: (value: T) => void;
}

export class Stream<T> implements StreamReader<T> {
  readonly #store: Store<T>;
  readonly #hooks: StreamHooks<T>;
  readonly #waiters: Waiter<T>[] = [];
  #ended = false;
  #hasLeft = false;
  #error: Error | undefined;

  constructor(hooks: StreamHooks<T>, store: Store<T> = new Fifo()) {
    this.#hooks = hooks;
    this.#store = store;
  }

  get size(): number {
    return this.#store.size;
  }

  get isEnded(): boolean {
    return this.#ended;
  }

  push(value: T): void {
    if (this.#ended) return;
    const waiter = this.#waiters.shift();
    if (waiter === undefined) this.#store.add(value);
    else {
      this.#hooks.taken?.(value);
      waiter.resolve({ done: false, value });
    }
  }

  dropOldest(): void {
    this.#store.take();
  }

  /** Drops everything that has not been taken. */
  clear(): void {
    this.#store.clear();
  }

  /** No more values; those that are there can still be read. An error is thrown to the reader after them. */
  end(error?: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    for (const waiter of this.#waiters.splice(0)) {
      if (this.#error === undefined) waiter.resolve({ done: true, value: undefined });
      else {
        const thrown = this.#error;
        this.#error = undefined;
        waiter.reject(thrown);
      }
    }
  }

  next(): Promise<IteratorResult<T>> {
    this.#hooks.asked?.();
    if (this.size > 0) {
      const value = this.#store.take();
      this.#hooks.taken?.(value);
      return Promise.resolve({ done: false, value });
    }
    const error = this.#error;
    this.#error = undefined;
    if (error !== undefined) return Promise.reject(error);
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
    });
  }

  return(): Promise<IteratorResult<T>> {
    this.clear();
    this.#error = undefined;
    this.end();
    if (!this.#hasLeft) {
      this.#hasLeft = true;
      this.#hooks.left();
    }
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

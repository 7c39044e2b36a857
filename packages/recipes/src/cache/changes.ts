/**
 * What became of a cache, for those who read it change by change, each at its own speed.
 *
 * A reader keeps no changes: it keeps, for each path that is not what the reader was last told, what that was. What is told is the
 * difference to the present, found when it is asked for. So a reader that is slow, or never reads, has at most one path in mind for each
 * znode that it was told of or that there is; and the zxids that it is told never go back.
 */
import type { CorralError, Stat, StreamReader } from "@corral/client";
import { type CacheEntry, isSameState, type Known } from "./contents.ts";

export type CacheChange<T> =
  | { readonly kind: "added"; readonly path: string; readonly zxid: number; readonly now: CacheEntry<T> }
  /** With different czxids, the znode was deleted and created again in between. */
  | {
      readonly kind: "changed";
      readonly path: string;
      readonly zxid: number;
      readonly now: CacheEntry<T>;
      readonly before: CacheEntry<T>;
    }
  | { readonly kind: "removed"; readonly path: string; readonly zxid: number; readonly before: CacheEntry<T> }
  /** The codec refuses the data that the znode has now. `kept`: what the cache goes on to give for it, undefined for nothing. */
  | {
      readonly kind: "undecodable";
      readonly path: string;
      readonly zxid: number;
      readonly stat: Stat;
      readonly error: CorralError;
      readonly kept: CacheEntry<T> | undefined;
    };

/** Paths, and what was known of each before. */
export type Touched<T> = ReadonlyMap<string, Known<T> | undefined>;

/** From one state of a path to another: nothing, one change, or two when what was told is gone and what is there is refused. */
export function differences<T>(
  path: string,
  zxid: number,
  before: Known<T> | undefined,
  now: Known<T> | undefined,
): CacheChange<T>[] {
  if (isSame(before, now)) return [];
  const changes: CacheChange<T>[] = [];
  const [was, is] = [before?.entry, now?.entry];
  if (is === undefined) {
    if (was !== undefined) changes.push({ kind: "removed", path, zxid, before: was });
  } else if (was === undefined) changes.push({ kind: "added", path, zxid, now: is });
  else if (!isSameState(was.stat, is.stat)) changes.push({ kind: "changed", path, zxid, now: is, before: was });
  if (now?.refused !== undefined) {
    changes.push({ kind: "undecodable", path, zxid, stat: now.stat, error: now.refused, kept: is });
  }
  return changes;
}

/** Does nobody have to be told of anything? */
export function isSame<T>(before: Known<T> | undefined, now: Known<T> | undefined): boolean {
  if (before === undefined || now === undefined) return before === now;
  return isSameState(before.stat, now.stat);
}

interface Waiter<T> {
  readonly resolve: (result: IteratorResult<CacheChange<T>>) => void;
  readonly reject: (error: CorralError) => void;
}

export class ChangeReader<T> implements StreamReader<CacheChange<T>> {
  readonly #now: (path: string) => Known<T> | undefined;
  readonly #left: () => void;
  /** Paths to be told, those that changed last at the end: what the reader knows of them, and the zxid of the last change. */
  readonly #due = new Map<string, { readonly before: Known<T> | undefined; readonly zxid: number }>();
  /** Goes through `#due` as it grows: starting over at each look would pass what has been deleted every time. */
  #through: IterableIterator<string> | undefined;
  /** The rest of the differences of one path: one at most. */
  #rest: CacheChange<T>[] = [];
  readonly #waiting: Waiter<T>[] = [];
  #isOver = false;
  #error: CorralError | undefined;

  /** `now`: what is known of a path. `left`: called once, when it is over. */
  constructor(now: (path: string) => Known<T> | undefined, left: () => void) {
    this.#now = now;
    this.#left = left;
  }

  /** Paths that it has not told of. */
  get pending(): number {
    return this.#due.size;
  }

  /** These have become something else, as can be looked up now. */
  touched(paths: Touched<T>, zxid: number): void {
    for (const [path, known] of paths) {
      const due = this.#due.get(path);
      const before = due === undefined ? known : due.before;
      this.#due.delete(path);
      if (!isSame(before, this.#now(path))) this.#due.set(path, { before, zxid });
    }
    while (this.#waiting.length > 0) {
      const change = this.#take();
      if (change === undefined) return;
      this.#waiting.shift()!.resolve({ done: false, value: change });
    }
  }

  #take(): CacheChange<T> | undefined {
    for (;;) {
      const change = this.#rest.shift();
      if (change !== undefined) return change;
      const path = this.#nextPath();
      if (path === undefined) return undefined;
      const { before, zxid } = this.#due.get(path)!;
      this.#due.delete(path);
      this.#rest = differences(path, zxid, before, this.#now(path));
    }
  }

  #nextPath(): string | undefined {
    if (this.#due.size === 0) return undefined;
    this.#through ??= this.#due.keys();
    const { done, value } = this.#through.next();
    if (done !== true) return value;
    // It had come to its end before the last ones were added.
    this.#through = this.#due.keys();
    return this.#through.next().value as string;
  }

  /** Without an error it was by its owner. What was not told is dropped. */
  end(error?: CorralError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#error = error;
    this.#due.clear();
    this.#rest = [];
    this.#left();
    for (const waiter of this.#waiting.splice(0)) this.#finish(waiter);
  }

  /** The error is thrown once. */
  #finish({ resolve, reject }: Waiter<T>): void {
    const error = this.#error;
    this.#error = undefined;
    if (error === undefined) resolve({ done: true, value: undefined });
    else reject(error);
  }

  next(): Promise<IteratorResult<CacheChange<T>>> {
    return new Promise((resolve, reject) => {
      if (this.#isOver) return this.#finish({ resolve, reject });
      const change = this.#take();
      if (change !== undefined) resolve({ done: false, value: change });
      else this.#waiting.push({ resolve, reject });
    });
  }

  return(): Promise<IteratorResult<CacheChange<T>>> {
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/**
 * Several locks as one: all or nothing. Curator's InterProcessMultiLock.
 *
 * They are taken one after the other, sorted by path, so that two who want the same ones never wait for each other, whatever order
 * they name them in. One time limit is for all of them; the first that fails ends it, and what was taken is given back in reverse.
 *
 * Never waits on while one that it has already is lost. Never releases the rest by itself when one is lost later: whoever holds does.
 */
import { type CallOptions, type Client, CorralError, type Deadline, type Guard, isCorralError } from "@corral/client";
import { type AcquireOptions, patient } from "./hold/acquire.ts";
import type { Held, Released } from "./hold/held.ts";
import { unseen } from "./hold/let-go.ts";
import { DISPOSE_TIMEOUT_MS } from "./hold/limits.ts";
import { withHeld } from "./hold/with-held.ts";
import type { Lock } from "./lock.ts";

/** Locks of one multi lock: each costs some round trips, and is held while the next are waited for. */
export const MULTI_LOCK_LOCKS_MAX = 100;

/** What can be part of a multi lock: a lock, one side of a read-write lock, a semaphore. */
export type Lockable = Pick<Lock, "path" | "acquire" | "tryAcquire">;

/**
 * All of them. `isValid` is that all are, `validForMs` the shortest, `signal` aborts with the first that is lost, `revokeRequested` with
 * the first that somebody asks for. `token`, `guard`, `name` and `path` are those of the last one: for what one lock protects take its own.
 */
export interface MultiHeld extends Held {
  /** Sorted by path. */
  readonly holds: readonly Held[];
  readonly tokens: readonly number[];
  /** For the `guard` of writes: they happen only while all are held. */
  readonly guards: readonly Guard[];
}

export interface MultiLock {
  /** In the order in which they are taken. */
  readonly paths: readonly string[];
  /** Resolves when all are held. Rejects with what the first that fails says, `TIMEOUT` and `ABORTED` among it; nothing is held then. */
  acquire(options?: AcquireOptions): Promise<MultiHeld>;
  /** Undefined if one of them cannot be had now; nothing is held then. */
  tryAcquire(options?: AcquireOptions): Promise<MultiHeld | undefined>;
  /** As `with` of a lock. */
  with<R>(use: (held: MultiHeld) => R | Promise<R>, options?: AcquireOptions): Promise<Awaited<R>>;
}

/**
 * Throws `BAD_ARGUMENTS` for no lock at all, more than 100, or two of one path: the second would wait for the first. All paths must be
 * seen from the same root: they are what everybody sorts by.
 */
export function multiLock(client: Client, locks: readonly Lockable[]): MultiLock {
  const sorted = locks.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  checkLocks(sorted);
  const acquireAll = async (options?: AcquireOptions): Promise<MultiHolding> => {
    const deadline = patient(client, "multiLock.acquire", options);
    // Undefined is for those who only try.
    return (await takeAll(sorted, deadline, options, (one, how) => one.acquire(how)))!;
  };
  return {
    paths: sorted.map(({ path }) => path),
    acquire: acquireAll,
    tryAcquire: (options) =>
      takeAll(sorted, client.deadline("multiLock.tryAcquire", options), options, (one, how) => one.tryAcquire(how)),
    with: (use, options) => withHeld(acquireAll(options), use),
  };
}

async function takeAll(
  sorted: readonly Lockable[],
  deadline: Deadline,
  options: AcquireOptions | undefined,
  take: (one: Lockable, options: AcquireOptions) => Promise<Held | undefined>,
): Promise<MultiHolding | undefined> {
  const holds: Held[] = [];
  const stop = new FirstAborted();
  if (options?.signal !== undefined) stop.follow(options.signal);
  try {
    for (const one of sorted) {
      const held = await take(one, { ...options, timeoutMs: deadline.rest().timeoutMs, signal: stop.signal });
      if (held === undefined) {
        await releaseAll(holds, deadline.rest());
        return undefined;
      }
      holds.push(held);
      stop.follow(held.signal);
    }
    const lost = firstLost(holds);
    if (lost !== undefined) throw lost;
    return new MultiHolding(holds);
  } catch (error) {
    const lost = firstLost(holds);
    unseen(releaseAll(holds, { timeoutMs: Infinity }));
    throw lost ?? error;
  } finally {
    stop.end();
  }
}

class MultiHolding implements MultiHeld {
  readonly holds: readonly Held[];
  readonly #last: Held;
  readonly #over = new FirstAborted();
  readonly #revoke = new FirstAborted();

  /** At least one. */
  constructor(holds: readonly Held[]) {
    this.holds = holds;
    this.#last = holds.at(-1)!;
    for (const { signal, revokeRequested } of holds) {
      this.#over.follow(signal);
      this.#revoke.follow(revokeRequested);
    }
  }

  get tokens(): readonly number[] {
    return this.holds.map(({ token }) => token);
  }

  get guards(): readonly Guard[] {
    return this.holds.map(({ guard }) => guard);
  }

  get token(): number {
    return this.#last.token;
  }

  get guard(): Guard {
    return this.#last.guard;
  }

  get name(): string {
    return this.#last.name;
  }

  get path(): string {
    return this.#last.path;
  }

  get signal(): AbortSignal {
    return this.#over.signal;
  }

  get revokeRequested(): AbortSignal {
    return this.#revoke.signal;
  }

  get isValid(): boolean {
    return this.validForMs > 0;
  }

  get validForMs(): number {
    return Math.min(...this.holds.map(({ validForMs }) => validForMs));
  }

  /** Why they are not all held any more; undefined while they are. */
  get lost(): CorralError | undefined {
    return this.signal.aborted ? (this.signal.reason as CorralError) : firstLost(this.holds);
  }

  assertValid(marginMs?: number): void {
    if (this.signal.aborted) throw this.signal.reason as CorralError;
    for (const held of this.holds) held.assertValid(marginMs);
  }

  async verify(options?: CallOptions): Promise<boolean> {
    const answers = await Promise.all(this.holds.map((held) => held.verify(options)));
    return answers.every((isHeld) => isHeld);
  }

  async release(options?: CallOptions): Promise<Released> {
    const { path } = this;
    this.#over.abort(
      new CorralError("CLOSED", { op: "held", detail: { path }, outcome: "no", means: "it was released" }),
    );
    this.#over.end();
    this.#revoke.end();
    return releaseAll(this.holds, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release({ timeoutMs: DISPOSE_TIMEOUT_MS });
  }
}

/** In reverse. Every one is released, also if the server refuses that of another; what the first refusal says is the error then. */
async function releaseAll(holds: readonly Held[], options: CallOptions | undefined): Promise<Released> {
  const endings = await Promise.allSettled(holds.toReversed().map((held) => held.release(options)));
  const outcomes = endings.map((ending) => {
    if (ending.status === "rejected") throw ending.reason;
    return ending.value;
  });
  return (
    outcomes.find((outcome) => outcome === "will-be-released") ??
    (outcomes.includes("released") ? "released" : "was-gone")
  );
}

function firstLost(holds: readonly Held[]): CorralError | undefined {
  for (const held of holds) {
    try {
      held.assertValid();
    } catch (error) {
      if (isCorralError(error)) return error;
      throw error;
    }
  }
  return undefined;
}

/** Aborts with the first of several signals. As AbortSignal.any, of which older releases of Node never let go; here `end` does. */
class FirstAborted {
  readonly #controller = new AbortController();
  readonly #stops: (() => void)[] = [];

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  follow(signal: AbortSignal): void {
    const aborted = (): void => {
      this.abort(signal.reason);
    };
    if (signal.aborted) return aborted();
    signal.addEventListener("abort", aborted);
    this.#stops.push(() => {
      signal.removeEventListener("abort", aborted);
    });
  }

  abort(reason: unknown): void {
    this.#controller.abort(reason);
    this.end();
  }

  end(): void {
    for (const stop of this.#stops.splice(0)) stop();
  }
}

function checkLocks(sorted: readonly Lockable[]): void {
  const refuse = (means: string, path?: string): CorralError =>
    new CorralError("BAD_ARGUMENTS", {
      op: "multiLock",
      detail: { path, name: "locks", limit: MULTI_LOCK_LOCKS_MAX, actual: sorted.length },
      means,
    });
  if (sorted.length === 0) throw refuse("there is nothing to lock");
  if (sorted.length > MULTI_LOCK_LOCKS_MAX) throw refuse("too many locks at once");
  const twice = sorted.find(({ path }, i) => path === sorted[i + 1]?.path);
  if (twice !== undefined) throw refuse("one path twice: the second would wait for the first", twice.path);
}

/**
 * Whoever uses a service: its instances as they are known, and which of them to ask next.
 *
 * Keeps the last list that it knew of while the connection is broken, and says so. Never keeps one back because of its own errors alone.
 */
import { type CallOptions, type Client, CorralError, isCorralError, type StreamReader } from "@corral/client";
import { type Children, type ChildrenState } from "../group/children.ts";
import { changesOf, type ChangesOptions } from "../group.ts";
import { Health } from "./health.ts";
import { type Described, type Instance, instanceOf } from "./instance.ts";
import { type Choose, chooser, type Strategy } from "./strategy.ts";

/** An instance is down after so many errors … */
const DOWN_AFTER_ERRORS = 2;
/** … within so long, and for so long. */
const DOWN_FOR_MS = 30_000;
const EMPTY_WAIT_MS = 1_000;

/** The signal and the time limit are for the beginning. */
export interface ConsumeOptions<T> extends CallOptions {
  /** Default `round-robin`. */
  readonly strategy?: Strategy<T> | undefined;
  /** After so many errors within `downForMs` an instance is left out for `downForMs`. Default 2. */
  readonly downAfterErrors?: number | undefined;
  /** Milliseconds. Default 30,000. */
  readonly downForMs?: number | undefined;
  /** How long `pick` waits where there is no instance, milliseconds. Default 1,000. */
  readonly emptyWaitMs?: number | undefined;
}

export interface Picked<T> extends Instance<T> {
  /** Was the list that it was picked from what the server said then? */
  readonly isFresh: boolean;
  /** How it went: only the first report of a pick counts. A success clears what has failed before. */
  report(failed: boolean): void;
}

/** `await using` ends it. */
export interface Consumer<T> extends AsyncDisposable {
  readonly service: string;
  /** By id; the last known list while the connection is broken. */
  readonly instances: readonly Instance<T>[];
  /** Those whose znode cannot be decoded. */
  readonly undecodable: ReadonlyMap<string, CorralError>;
  /** Is that what the server says now? Else it may be old. */
  readonly isFresh: boolean;
  /** Is it left out for its errors at present? */
  isDown(id: string): boolean;
  /**
   * One of those that are not down; of all, if all are down: to ask one that has failed is better than to ask none. Rejects with `NO_NODE`
   * if there is none for `emptyWaitMs` (or the time limit of the call), `ABORTED`, `CLOSED`, `LIMIT_EXCEEDED` if there are too many.
   */
  pick(options?: CallOptions): Promise<Picked<T>>;
  /** As of a group. */
  changes(options?: ChangesOptions): StreamReader<readonly Instance<T>[]>;
  close(): Promise<void>;
}

export class ServiceConsumer<T> implements Consumer<T> {
  readonly service: string;
  readonly #client: Client;
  readonly #children: Children<Described<T>>;
  readonly #health: Health;
  readonly #choose: Choose<T>;
  readonly #emptyWaitMs: number;
  /** The list that was made of this state. */
  #seen: ChildrenState<Described<T>> | undefined;
  #instances: readonly Instance<T>[] = [];

  constructor(client: Client, service: string, children: Children<Described<T>>, options: ConsumeOptions<T>) {
    const { strategy = "round-robin", emptyWaitMs = EMPTY_WAIT_MS } = options;
    const { downAfterErrors = DOWN_AFTER_ERRORS, downForMs = DOWN_FOR_MS } = options;
    this.service = service;
    this.#client = client;
    this.#children = children;
    this.#health = new Health(client.clock, { downAfterErrors, downForMs });
    this.#choose = chooser(strategy, client.random);
    this.#emptyWaitMs = emptyWaitMs;
  }

  get instances(): readonly Instance<T>[] {
    const { state } = this.#children;
    if (state !== undefined && state !== this.#seen) {
      this.#seen = state;
      this.#instances = byId(state);
      this.#health.retain(state.members);
    }
    return this.#instances;
  }

  get undecodable(): ReadonlyMap<string, CorralError> {
    return this.#children.state?.undecodable ?? new Map<string, CorralError>();
  }

  get isFresh(): boolean {
    return this.#children.isFresh;
  }

  isDown(id: string): boolean {
    const epoch = this.#children.state?.members.get(id)?.epoch;
    return epoch !== undefined && this.#health.isDown({ id, epoch });
  }

  async pick(options?: CallOptions): Promise<Picked<T>> {
    this.#client.deadline("discovery.pick", options).check();
    this.#children.check();
    if (this.instances.length === 0) await this.#some(options);
    const instance = this.#choose(this.#health.among(this.instances));
    let isReported = false;
    return {
      ...instance,
      isFresh: this.isFresh,
      report: (failed) => {
        if (isReported) return;
        isReported = true;
        // One that has gone meanwhile, or lives anew, has no record.
        if (this.#children.state?.members.get(instance.id)?.epoch !== instance.epoch) return;
        if (failed) this.#health.failed(instance);
        else this.#health.worked(instance);
      },
    };
  }

  /** Until there is an instance. */
  async #some({ signal, timeoutMs = Infinity }: CallOptions = {}): Promise<void> {
    const op = "discovery.pick";
    const limitMs = Math.min(this.#emptyWaitMs, timeoutMs);
    const reader = this.#children.read();
    try {
      const deadline = this.#client.deadline(op, { signal, timeoutMs: limitMs });
      while (this.instances.length === 0) {
        if ((await deadline.race(reader.next())).done === true) this.#children.check();
      }
    } catch (error) {
      if (!isCorralError(error, "TIMEOUT")) throw error;
      throw new CorralError("NO_NODE", {
        op,
        detail: { path: this.#children.path, name: "emptyWaitMs", limit: limitMs },
        retryable: true,
        means: "the service has no instance",
      });
    } finally {
      await reader.return();
    }
  }

  changes(options?: ChangesOptions): StreamReader<readonly Instance<T>[]> {
    return mapped(changesOf(this.#client, this.#children, options), byId);
  }

  close(): Promise<void> {
    this.#children.close();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function byId<T>({ members }: ChildrenState<Described<T>>): readonly Instance<T>[] {
  return [...members].map(([id, member]) => instanceOf(id, member)).sort((a, b) => (a.id < b.id ? -1 : 1));
}

function mapped<A, B>(reader: StreamReader<A>, make: (value: A) => B): StreamReader<B> {
  const made = (result: IteratorResult<A>): IteratorResult<B> =>
    result.done === true ? result : { done: false, value: make(result.value) };
  return {
    next: async () => made(await reader.next()),
    return: async () => made(await reader.return()),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

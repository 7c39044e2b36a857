/**
 * A subtree as it is on the server, by one subscription: takes in whole transactions and whole states, and says what has changed.
 *
 * Two states at most: the one that is read, and, while the subtree is being sent, the one that comes, which nobody sees before the
 * server says that it is complete.
 */
import {
  type CallOptions,
  type Client,
  type Codec,
  CorralError,
  type Deadline,
  isCorralError,
  type Subscription,
  type SubscriptionEvent,
  type SubscriptionScope,
} from "@corral/client";
import { isSame, type Touched } from "./changes.ts";
import { Contents, type Known } from "./contents.ts";

export interface MirrorOptions<T> {
  readonly scope: SubscriptionScope;
  readonly codec: Codec<T> | undefined;
  readonly filter: ((path: string) => boolean) | undefined;
  /** Ends it. */
  readonly signal: AbortSignal | undefined;
  readonly entriesMax: number;
  readonly bytesMax: number;
}

export interface MirrorReader<T> {
  /** The server has told everything up to the present. `now` follows. */
  caughtUp(): void;
  /** What was told is no more certain to be the present: the subtree is sent again. */
  fellBehind(): void;
  /** The contents are those of this zxid. Called in the turn in which that is so. */
  now(touched: Touched<T>, zxid: number): void;
  /** Once, by itself or by `end`. Without an error it was by the signal. */
  over(why: CorralError | undefined): void;
}

/** What a subscription tells of one path. */
type Told<T> = Extract<SubscriptionEvent<T>, { readonly path: string }>;

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: CorralError) => void;
}

export class Mirror<T> {
  readonly #client: Client;
  readonly #path: string;
  readonly #options: MirrorOptions<T>;
  readonly #reader: MirrorReader<T>;
  #contents = new Contents<T>();
  /** The state that comes. */
  #coming: Contents<T> | undefined = new Contents();
  #zxid = -1;
  #subscription: Subscription<T> | undefined;
  /** How often the subtree was begun anew. */
  #resyncs = 0;
  #renewing: Promise<void> | undefined;
  /** For the next `synced`. */
  readonly #waiting = new Set<Waiter>();
  #over: CorralError | undefined;

  constructor(client: Client, path: string, options: MirrorOptions<T>, reader: MirrorReader<T>) {
    this.#client = client;
    this.#path = path;
    this.#options = options;
    this.#reader = reader;
  }

  get contents(): Contents<T> {
    return this.#contents;
  }

  get zxid(): number {
    return this.#zxid;
  }

  /** Is the subtree being sent? */
  get isComing(): boolean {
    return this.#coming !== undefined;
  }

  /** Resolves when it is in sync. */
  async begin(deadline: Deadline): Promise<void> {
    const subscription = await this.#subscribe(deadline.rest());
    const synced = this.#synced();
    void this.#follow(subscription);
    await deadline.race(synced);
  }

  #subscribe(options: CallOptions & { readonly since?: number }): Promise<Subscription<T>> {
    const { scope, codec, signal } = this.#options;
    return this.#client.subscribe(this.#path, { ...options, scope, codec, signal });
  }

  /** Resolves with the next `synced`; rejects when it is over. */
  #synced(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#over === undefined) this.#waiting.add({ resolve, reject });
      else reject(this.#over);
    });
  }

  /** Until another subscription takes its place, or the end. */
  async #follow(subscription: Subscription<T>): Promise<void> {
    this.#subscription = subscription;
    /** Of one zxid, and not complete. */
    let unit: Told<T>[] = [];
    try {
      for (let asked = subscription.next(); ;) {
        const { done, value: event } = await asked;
        if (subscription !== this.#subscription) return;
        if (done === true) return this.end(undefined);
        // Asking says that this event has been dealt with: the cursor moves if it was the last one of its unit.
        asked = subscription.next();
        if (event.kind === "resync") {
          unit = [];
          this.#resyncs++;
          this.#coming = new Contents();
          this.#reader.fellBehind();
        } else if (event.kind === "synced") this.#takeSynced(event.zxid);
        else if (this.#coming !== undefined) this.#gather(this.#coming, event);
        else {
          unit.push(event);
          if (subscription.cursor !== event.zxid) continue;
          this.#takeUnit(unit, event.zxid);
          unit = [];
        }
      }
    } catch (error) {
      if (!isCorralError(error)) throw error;
      if (subscription === this.#subscription) this.end(error);
    }
  }

  #gather(coming: Contents<T>, event: Told<T>): void {
    const { path } = event;
    if (!this.#keeps(path)) return;
    if (event.kind === "deleted") coming.delete(path);
    else coming.put(path, known(event, coming.get(path) ?? this.#contents.get(path)));
    this.#checkBounds(coming);
  }

  #takeUnit(unit: readonly Told<T>[], zxid: number): void {
    // A renewed subscription begins where this was when it was asked for.
    if (zxid <= this.#zxid) return;
    const contents = this.#contents;
    const touched = new Map<string, Known<T> | undefined>();
    for (const event of unit) {
      const { path } = event;
      if (!this.#keeps(path)) continue;
      const before = contents.get(path);
      if (!touched.has(path)) touched.set(path, before);
      if (event.kind === "deleted") contents.delete(path);
      else contents.put(path, known(event, before));
    }
    this.#checkBounds(contents);
    this.#now(touched, zxid);
  }

  #takeSynced(zxid: number): void {
    const [before, coming] = [this.#contents, this.#coming];
    const touched = new Map<string, Known<T> | undefined>();
    if (coming !== undefined) {
      for (const [path, was] of before.all()) if (!isSame(was, coming.get(path))) touched.set(path, was);
      for (const [path] of coming.all()) if (before.get(path) === undefined) touched.set(path, undefined);
      this.#contents = coming;
      this.#coming = undefined;
    }
    this.#reader.caughtUp();
    this.#now(touched, zxid);
    for (const { resolve } of this.#waiting) resolve();
    this.#waiting.clear();
  }

  #now(touched: Touched<T>, zxid: number): void {
    this.#zxid = zxid;
    this.#reader.now(touched, zxid);
  }

  #keeps(path: string): boolean {
    const { filter } = this.#options;
    try {
      return filter === undefined || filter(path);
    } catch (cause) {
      const detail = { path, name: "filter" };
      throw new CorralError("BAD_ARGUMENTS", { op: "cache", detail, cause, means: "the filter threw" });
    }
  }

  #checkBounds({ size, bytes }: Contents<T>): void {
    const { entriesMax, bytesMax } = this.#options;
    if (size <= entriesMax && bytes <= bytesMax) return;
    const [name, limit, actual] = size > entriesMax ? ["entriesMax", entriesMax, size] : ["bytesMax", bytesMax, bytes];
    throw new CorralError("LIMIT_EXCEEDED", {
      op: "cache",
      detail: { path: this.#path, name, limit, actual },
      means: "the subtree is too large for this cache",
    });
  }

  /** Resolves after a `synced` of a subscription that was opened again, or after the one that is awaited anyway. One at a time. */
  renewed(): Promise<void> {
    this.#renewing ??= this.#renew().finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  /**
   * An answer to a request says nothing of changes that the server could not send yet; the `synced` of a subscription that goes on
   * from here does.
   */
  async #renew(): Promise<void> {
    const before = this.#resyncs;
    if (this.#coming === undefined) {
      try {
        const subscription = await this.#subscribe({ since: this.#zxid, timeoutMs: Infinity });
        const old = this.#subscription;
        if (this.#over === undefined && before === this.#resyncs) {
          void this.#follow(subscription);
          await Promise.all([old?.close(), this.#synced()]);
          return;
        }
        // Begun anew meanwhile: the zxid may be one of a history that is no more.
        await subscription.close();
      } catch (error) {
        if (before === this.#resyncs) throw error;
      }
    }
    if (this.#coming !== undefined) await this.#synced();
  }

  /** Harmless when repeated. */
  end(why: CorralError | undefined): void {
    if (this.#over !== undefined) return;
    this.#over = why ?? closed(this.#path);
    this.#contents = new Contents();
    this.#coming = undefined;
    for (const { reject } of this.#waiting) reject(this.#over);
    this.#waiting.clear();
    this.#reader.over(why);
    void this.#subscription?.close();
  }
}

export function closed(path: string): CorralError {
  return new CorralError("CLOSED", { op: "cache", detail: { path }, outcome: "no", means: "the cache was closed" });
}

/** What is to be kept of what was told; `old`: what was known of this path. */
function known<T>(event: Exclude<Told<T>, { readonly kind: "deleted" }>, old: Known<T> | undefined): Known<T> {
  const { path, stat } = event;
  if (event.kind !== "undecodable") {
    return { stat, entry: { path, value: event.value, stat, refused: undefined }, refused: undefined };
  }
  const kept = old?.stat.czxid === stat.czxid ? old.entry : undefined;
  const { error: refused } = event;
  return { stat, entry: kept === undefined ? undefined : { ...kept, refused }, refused };
}

/**
 * A subtree kept in memory, fresh by a subscription and bounded by an LRU. What was dropped for want of room is read again when
 * it is asked for.
 */
import { EventType, statFrom, type Value } from "@corral/protocol";
import { LRUCache } from "lru-cache";
import type { CallOptions } from "../calls/requester.ts";
import { raw, type Codec, decodeAt } from "../codec.ts";
import { CorralError } from "../error.ts";
import { CACHE_BYTES_MAX, CACHE_ENTRIES_MAX } from "../limits.ts";
import type { Feed, FeedReader, Unit } from "../subscription/feed.ts";
import { findAt } from "./reads.ts";
import type { Entry, SubscriptionScope } from "./types.ts";
import type { View } from "./view.ts";

export interface CacheOptions<T> extends CallOptions {
  readonly codec?: Codec<T> | undefined;
  /** Default `tree`. */
  readonly scope?: SubscriptionScope | undefined;
  /** Znodes at most. Default 10,000. */
  readonly entriesMax?: number | undefined;
  /** Bytes of data at most. Default 64 MiB. */
  readonly bytesMax?: number | undefined;
}

export interface Cache<T> extends AsyncDisposable {
  readonly path: string;
  /** Everything that changed up to this zxid is in; undefined until first in sync, and while it starts over. */
  readonly zxid: number | undefined;
  /** Is it in sync, and does its connection stand? Else what it says may be old. */
  readonly isFresh: boolean;
  /** Is every znode of the subtree in it? False once something was dropped for want of room. */
  readonly isComplete: boolean;
  /** Znodes in it. */
  readonly size: number;
  /** From memory if it is there, else from the server. Undefined if there is no such znode. Rejects with `CODEC` for data that the codec refuses. */
  get(path: string, options?: CallOptions): Promise<Entry<T> | undefined>;
  /** From memory only; undefined also for what is not in it. */
  peek(path: string): Entry<T> | undefined;
  /** What is in it, in no order. What the codec refuses is left out. */
  entries(): IterableIterator<Entry<T>>;
  /** Resolves when it is in sync. */
  ready(options?: CallOptions): Promise<void>;
  /** Called after each unit of changes, with the paths concerned; an empty list means everything. The function returned ends it. */
  onChange(listener: (paths: readonly string[]) => void): () => void;
  close(): Promise<void>;
}

/** What is known of a path: the znode (its data as it came), as it was at this zxid. */
interface Known {
  readonly data: Uint8Array | null;
  readonly stat: Entry<unknown>["stat"];
  readonly zxid: number;
}

/** Beside the data, about, of one znode in the cache. */
const ENTRY_BYTES = 256;

export class SubtreeCache<T> implements Cache<T>, FeedReader {
  readonly path: string;
  readonly #view: View;
  readonly #codec: Codec<T>;
  readonly #known: LRUCache<string, Known>;
  readonly #listeners = new Set<(paths: readonly string[]) => void>();
  readonly #waiting = new Set<{ readonly resolve: () => void; readonly reject: (error: CorralError) => void }>();
  readonly pending = 0;
  #feed: Feed | undefined;
  #close: (() => void) | undefined;
  #late = 0;
  #zxid: number | undefined;
  #isComplete = false;
  /** Since the subtree was begun. */
  #hasDropped = false;
  #ended: CorralError | undefined;
  /** Deletions since the reads that are under way began. */
  #readsUnderWay = 0;
  readonly #deleted = new Map<string, number>();

  constructor(view: View, path: string, options: CacheOptions<T> | undefined) {
    this.path = path;
    this.#view = view;
    this.#codec = options?.codec ?? (raw as unknown as Codec<T>);
    this.#known = new LRUCache({
      max: options?.entriesMax ?? CACHE_ENTRIES_MAX,
      maxSize: options?.bytesMax ?? CACHE_BYTES_MAX,
      sizeCalculation: ({ data }, at) => ENTRY_BYTES + at.length + (data?.length ?? 0),
      dispose: (_value, _path, reason) => {
        if (reason === "evict") this.#hasDropped = true;
      },
    });
  }

  opened(feed: Feed, close: () => void): void {
    this.#feed = feed;
    this.#close = close;
    this.#grantLate();
  }

  get zxid(): number | undefined {
    return this.#zxid;
  }

  get isFresh(): boolean {
    return (
      this.#zxid !== undefined &&
      this.#ended === undefined &&
      this.#view.driver.state.name === "connected" &&
      this.#feed?.isCurrent === true
    );
  }

  get isComplete(): boolean {
    return this.#isComplete && !this.#hasDropped;
  }

  get size(): number {
    return this.#known.size;
  }

  unit(unit: Unit): void {
    const paths: string[] = [];
    if (unit.kind === "resync") {
      this.#known.clear();
      this.#zxid = undefined;
      this.#isComplete = this.#hasDropped = false;
    } else if (unit.kind === "synced") {
      this.#isComplete = true;
      this.#zxid = unit.zxid;
      for (const { resolve } of this.#waiting) resolve();
      this.#waiting.clear();
    } else {
      for (const item of unit.items) paths.push(this.#take(unit.kind, item, unit.zxid));
      if (this.#zxid !== undefined) this.#zxid = unit.zxid;
    }
    this.#late += unit.credits;
    this.#grantLate();
    for (const listener of [...this.#listeners]) this.#tell(listener, paths);
  }

  #grantLate(): void {
    if (this.#feed === undefined || this.#late === 0) return;
    this.#feed.grant(this.#late);
    this.#late = 0;
  }

  #tell(listener: (paths: readonly string[]) => void, paths: readonly string[]): void {
    try {
      listener(paths);
    } catch (error) {
      this.#view.driver.uncaught("cache listener", error);
    }
  }

  #take(kind: "page" | "changes", item: Value, zxid: number): string {
    const fields = item as readonly Value[];
    const [type, at, data, stat] = (kind === "page" ? [EventType.created, ...fields] : fields) as readonly [
      number,
      string,
      Uint8Array | null,
      readonly number[] | null,
    ];
    const path = this.#view.toView(at);
    if (type === EventType.deleted || stat === null) {
      if ((this.#known.peek(path)?.zxid ?? 0) <= zxid) this.#known.delete(path);
      if (this.#readsUnderWay > 0) this.#deleted.set(path, zxid);
    } else this.#put(path, { data: data === null ? null : new Uint8Array(data), stat: statFrom(stat), zxid });
    return path;
  }

  /** Unless something newer is known. */
  #put(path: string, known: Known): void {
    if ((this.#known.peek(path)?.zxid ?? 0) > known.zxid || (this.#deleted.get(path) ?? 0) > known.zxid) return;
    this.#known.set(path, known);
    // Too big for the cache alone: it stays out, and is read each time.
    if (!this.#known.has(path)) this.#hasDropped = true;
  }

  async get(path: string, options?: CallOptions): Promise<Entry<T> | undefined> {
    const here = this.#known.get(path);
    if (here !== undefined) return this.#entry(path, here);
    if (this.#ended !== undefined) throw this.#ended;
    if (this.isComplete && this.#zxid !== undefined && this.#covers(path)) return undefined;
    this.#readsUnderWay++;
    try {
      const found = await findAt(this.#view, path, options);
      if (found === undefined) return undefined;
      const known = { data: found.data, stat: found.stat, zxid: found.zxid };
      if (this.#covers(path) && this.#feed?.isCurrent === true) this.#put(path, known);
      return this.#entry(path, known);
    } finally {
      if (--this.#readsUnderWay === 0) this.#deleted.clear();
    }
  }

  #covers(path: string): boolean {
    return this.#feed !== undefined && this.#feed.covers(this.#view.toServer(path, "cache.get"));
  }

  #entry(path: string, { data, stat }: Known): Entry<T> {
    return { path, value: decodeAt(this.#codec, data, path, "cache.get"), stat };
  }

  peek(path: string): Entry<T> | undefined {
    const known = this.#known.get(path);
    return known === undefined ? undefined : this.#entry(path, known);
  }

  *entries(): IterableIterator<Entry<T>> {
    for (const [path, known] of this.#known.entries()) {
      let entry: Entry<T> | undefined;
      try {
        entry = this.#entry(path, known);
      } catch (error) {
        if (!(error instanceof CorralError)) throw error;
      }
      if (entry !== undefined) yield entry;
    }
  }

  ready(options?: CallOptions): Promise<void> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    if (this.#zxid !== undefined) return Promise.resolve();
    return new Promise<void>((resolve, reject) => {
      const stop = this.#view.requester.after(this.#view.budget("cache.ready", options), (error) => {
        this.#waiting.delete(waiter);
        stop();
        reject(error);
      });
      const waiter = {
        resolve: (): void => {
          stop();
          resolve();
        },
        reject: (error: CorralError): void => {
          stop();
          reject(error);
        },
      };
      this.#waiting.add(waiter);
    });
  }

  onChange(listener: (paths: readonly string[]) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  failed(error: CorralError): void {
    this.#ended ??= error;
    this.#known.clear();
    this.#isComplete = false;
    this.#zxid = undefined;
    for (const { reject } of this.#waiting) reject(error);
    this.#waiting.clear();
  }

  close(): Promise<void> {
    this.#close?.();
    this.#close = undefined;
    this.failed(
      new CorralError("CLOSED", {
        op: "cache",
        detail: { path: this.path },
        outcome: "no",
        means: "the cache has been closed",
      }),
    );
    this.#listeners.clear();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** A cache as its readers see it. */
import type { CallOptions, Codec, StreamReader, SubscriptionScope } from "@corral/client";
import type { CacheChange } from "./changes.ts";
import type { CacheEntry } from "./contents.ts";

/** The signal ends the cache, as `close()` does; the time limit is for being in sync for the first time. */
export interface CacheOptions<T> extends CallOptions {
  /** The znode alone, with its children, or with all below. Default `tree`. */
  readonly scope?: SubscriptionScope | undefined;
  readonly codec?: Codec<T> | undefined;
  /** Which paths to keep; must say the same of a path each time. What it refuses is for the cache not there. */
  readonly filter?: ((path: string) => boolean) | undefined;
  /** More znodes end the cache. Default 100,000. */
  readonly entriesMax?: number | undefined;
  /** More bytes of data and paths end the cache. Default 64 MiB. */
  readonly bytesMax?: number | undefined;
}

/**
 * `live`: changes come as they happen. `stale`: the connection is broken, or what was missed meanwhile is still on its way.
 * `resyncing`: the subtree is being sent again; what is read is the state before.
 */
export type Freshness = "live" | "stale" | "resyncing";

export interface ChangesOptions {
  /** Ends the loop. */
  readonly signal?: AbortSignal | undefined;
  /** Begin with an `added` for everything that is there. */
  readonly replay?: boolean | undefined;
}

/**
 * Every read throws once the cache is over: `CLOSED` after `close()`, `LIMIT_EXCEEDED`, or why the subscription ended. Reads of a path that is
 * not part of what is cached throw `BAD_ARGUMENTS`.
 */
export interface Cache<T> extends AsyncDisposable {
  readonly path: string;
  /** Everything that changed up to this zxid is in. Goes back only where the server's history did. */
  readonly zxid: number;
  /** As far as is known now; a stall of this process and a suspended machine are noticed at the look. */
  readonly freshness: Freshness;
  /** For how long it may be out of date: milliseconds since it was last certain to be live; 0 while it is. */
  readonly staleForMs: number;
  /** Znodes. */
  readonly size: number;
  /** Aborted when it is over, with a `CorralError`: `CLOSED` after `close()`, `LIMIT_EXCEEDED`, or why the subscription ended. */
  readonly signal: AbortSignal;
  /** Undefined if there is no such znode, or if its data have been refused by the codec all its life (then `has` is true). */
  get(path: string): CacheEntry<T> | undefined;
  has(path: string): boolean;
  /** The names of the children, in no order; none of a znode that is not there. */
  children(path: string): string[];
  /** Of one moment as long as nothing is awaited in between. In no order. Without what `get` has no value for. */
  entries(): IterableIterator<CacheEntry<T>>;
  /**
   * Resolves when everything up to this zxid is in: what one has just written (`stat.mzxid`), or what `client.sync()` resolved with. Mostly at
   * once; at most it costs two requests. Rejects with `BAD_ARGUMENTS` for a zxid that the server has not come to.
   */
  atLeast(zxid: number, options?: CallOptions): Promise<void>;
  /**
   * What becomes of it from now on, with zxids that never go back. A path that changes again before the reader has taken its change is told
   * once, as it is then, and a znode that came and went meanwhile is not mentioned: so the reader may be as slow as it likes, and has in
   * the end what the cache has. Whoever wants each transaction takes `on`. Ends with `close()`; otherwise throws why the cache is over.
   */
  changes(options?: ChangesOptions): StreamReader<CacheChange<T>>;
  /**
   * Called with all changes of a transaction, none left out unless the cache had to start over, when they are in and before the reply to
   * whatever made them is seen. What it throws is thrown by itself: the cache goes on. The function returned ends it.
   */
  on(listener: (changes: readonly CacheChange<T>[]) => void): () => void;
  /** Harmless when repeated. */
  close(): Promise<void>;
}

/** The client: what a program holds. Every method is one line here; what it does stands in the files it names. */
import type { AclEntry, Identity, Stat } from "@corral/protocol";
import type { Deadline } from "../calls/deadline.ts";
import type { CallOptions } from "../calls/requester.ts";
import type { Codec } from "../codec.ts";
import type { DetachedSession } from "../options.ts";
import type { SessionInfo } from "../session/session.ts";
import type { ClientState } from "../session/state.ts";
import type { StreamReader } from "../stream.ts";
import type { Subscription } from "../subscription/subscription.ts";
import type { WatchEvent } from "../watch/event.ts";
import type { Clock, Random } from "../world.ts";
import type { Watch } from "../watch/watch.ts";
import type { Cache, CacheOptions } from "./cache.ts";
import type { Operation, ReadOperation, ReadResults, Results, SettledResults } from "./multi.ts";
import type { WatchType } from "./streams.ts";
import type {
  Child,
  ClientStats,
  Created,
  CreateOptions,
  DeleteOptions,
  Entry,
  ListOptions,
  NextEventOptions,
  ReadOptions,
  ReadTreeOptions,
  SetOptions,
  SubscribeOptions,
  Tree,
  UpdateOptions,
  WatchedReadOptions,
  WriteOptions,
} from "./types.ts";

/**
 * A session with a cluster, and everything to be done in it. Every method that asks the server takes `signal` and `timeoutMs`,
 * and rejects with a `CorralError`. Calls wait while there is no connection. Reads and writes are executed in the order of
 * their calls. `await using` ends the session.
 */
export interface Client extends AsyncDisposable {
  readonly state: ClientState;
  /** The present session; undefined while there is none. */
  readonly session: SessionInfo | undefined;
  /** Every path is below this one. */
  readonly root: string;
  /** The present state, then each that follows; ends after `closed`. */
  states(): StreamReader<ClientState>;
  /** Called with each new state, before anything that follows from it. The function returned ends that. */
  on(event: "state", listener: (state: ClientState) => void): () => void;
  /** Resolves when connected. Rejects when the client is closed, with the cause. */
  ready(options?: CallOptions): Promise<SessionInfo>;

  create<T = Uint8Array | null>(path: string, value?: T | null, options?: CreateOptions<T>): Promise<Created>;
  /** `NO_NODE` if there is none. */
  get<T = Uint8Array | null>(
    path: string,
    options?: WatchedReadOptions & { readonly codec?: Codec<T> },
  ): Promise<Entry<T>>;
  /** Undefined if there is none. */
  find<T = Uint8Array | null>(
    path: string,
    options?: WatchedReadOptions & { readonly codec?: Codec<T> },
  ): Promise<Entry<T> | undefined>;
  /** Undefined if there is none. */
  stat(path: string, options?: WatchedReadOptions): Promise<Stat | undefined>;
  exists(path: string, options?: WatchedReadOptions): Promise<boolean>;
  set<T = Uint8Array | null>(path: string, value: T | null, options?: SetOptions<T>): Promise<Stat>;
  /** Reads, computes and writes again until nobody wrote in between. `change` may run several times: it must only compute. */
  update<T = Uint8Array | null>(
    path: string,
    change: (now: Entry<T> | undefined) => T,
    options?: UpdateOptions<T>,
  ): Promise<Entry<T>>;
  /** Resolves with the number of znodes deleted. */
  delete(path: string, options?: DeleteOptions): Promise<number>;
  /** The names of all children, in the order of their creation. */
  children(path: string, options?: WatchedReadOptions): Promise<string[]>;
  /** All children, page by page as they are asked for; the time limit is for each page. */
  list<T = Uint8Array | null>(path: string, options?: ListOptions<T>): AsyncGenerator<Child<T>, void, undefined>;
  getAcl(path: string, options?: ReadOptions): Promise<{ acl: AclEntry[]; stat: Stat }>;
  setAcl(
    path: string,
    acl: readonly AclEntry[],
    options?: WriteOptions & { readonly aversion?: number },
  ): Promise<Stat>;
  /** All or nothing; make the operations with `op`. */
  multi<const O extends readonly Operation<unknown>[]>(operations: O, options?: WriteOptions): Promise<Results<O>>;
  /** Each by itself, in one transaction. */
  multiEach<const O extends readonly Operation<unknown>[]>(
    operations: O,
    options?: WriteOptions,
  ): Promise<SettledResults<O>>;
  /** All at one zxid; make the reads with `read`. */
  multiRead<const O extends readonly ReadOperation<unknown>[]>(
    reads: O,
    options?: ReadOptions,
  ): Promise<ReadResults<O>>;
  /** Reads after it see everything that anyone was told before it. Resolves with a zxid. */
  sync(path?: string, options?: CallOptions): Promise<number>;
  /** The ephemerals of this session, oldest first. */
  ephemerals(prefix?: string, options?: CallOptions): Promise<string[]>;
  countDescendants(path: string, options?: ReadOptions): Promise<number>;
  whoAmI(options?: CallOptions): Promise<Identity[]>;
  /** Adds an identity to this session and those that follow. */
  addAuth(scheme: string, credential: string | Uint8Array, options?: CallOptions): Promise<void>;

  /** The next change of a znode, or of its set of children. The time limit is for setting it. */
  nextEvent(path: string, options?: NextEventOptions): Promise<WatchEvent>;
  /** A watch that stays. The signal ends it; the time limit is for setting it. */
  addWatch(path: string, options?: CallOptions & { readonly recursive?: boolean }): Promise<Watch>;
  removeWatches(path: string, options?: CallOptions & { readonly type?: WatchType }): Promise<void>;
  hasWatch(path: string, options?: CallOptions & { readonly type?: WatchType }): Promise<boolean>;
  /** A subtree and its changes, without a gap. The signal ends it; the time limit is for setting it. */
  subscribe<T = Uint8Array | null>(path: string, options?: SubscribeOptions<T>): Promise<Subscription<T>>;
  /** A subtree of any size as it is at one zxid. */
  readTree<T = Uint8Array | null>(path: string, options?: ReadTreeOptions<T>): Promise<Tree<T>>;
  /** A subtree in memory, kept fresh. Resolves when it is in sync. */
  cache<T = Uint8Array | null>(path: string, options?: CacheOptions<T>): Promise<Cache<T>>;

  /** For whatever is made of several calls, a recipe for instance: one time limit (default: the client's) and one signal for all of them. */
  deadline(op: string, options?: CallOptions): Deadline;
  /** The clock and the randomness of the world that the client lives in: with them, what is built on it can be tested like it. */
  readonly clock: Clock;
  readonly random: Random;

  /** The same session, seen from a path further down. Closing either closes both. */
  chroot(path: string): Client;
  stats(): ClientStats;
  /** Leaves the session alive at the server for another process, once everything asked is answered, and closes the client. */
  detach(options?: CallOptions): Promise<DetachedSession>;
  /** Ends the session, and its ephemerals with it, once everything asked is answered. Never rejects; waits 5 s at most by default. */
  close(options?: CallOptions): Promise<void>;
}

/**
 * The whole state of a cluster in memory, kept as it is on the server by one subscription: every broker has one, so that whoever becomes
 * controller has nothing to load.
 *
 * Owns the indices over it. Never writes; never shows half a transaction. What cannot be read as what its path says is listed in
 * `unreadable`; where there was something readable before, in the same life of the znode, that stays: nobody may act on a state that breaks
 * an invariant, and nobody may drop data because somebody mistyped.
 */
import { type CallOptions, type Client, type Clock, type CorralError, type Stat } from "@corral/client";
import { cache, type Cache, type CacheChange } from "@corral/recipes";
import type { ClusterPaths } from "../layout.ts";
import type { ClusterRecord } from "../records.ts";
import { building, type Building, type Found, put } from "./building.ts";
import { PartitionIndex } from "./partition-index.ts";
import {
  numberOf,
  type Parsed,
  parsedCodec,
  readBroker,
  readCluster,
  readConfig,
  readPartition,
  readRequest,
  readTopic,
  topicNameOf,
} from "./read.ts";
import type { BrokerView, ConfigView, Delta, PartitionView, RequestView, TopicView } from "./views.ts";

/** Znodes of one cluster that an image holds at most. */
export const IMAGE_ENTRIES_MAX = 2_000_000;
/** Bytes of their paths and data. */
export const IMAGE_BYTES_MAX: number = 1024 * 1024 * 1024;
/** Paths kept in `unreadable` at most. */
const UNREADABLE_MAX = 1_000;

export interface ImageOptions extends CallOptions {
  /** More znodes end the image. Default IMAGE_ENTRIES_MAX. */
  readonly entriesMax?: number | undefined;
}

/** Every read throws once it is over: why, as `signal` says. */
export class ClusterImage implements AsyncDisposable {
  readonly paths: ClusterPaths;
  readonly #clock: Clock;
  readonly #cache: Cache<Parsed>;
  readonly #brokers = new Map<number, BrokerView>();
  /** By name. */
  readonly #topics = new Map<string, TopicView>();
  readonly #topicsById = new Map<string, TopicView>();
  readonly #partitions = new PartitionIndex();
  readonly #configs = new Map<string, ConfigView>();
  /** By path; they come in the order of their creation. */
  readonly #requests = new Map<string, RequestView>();
  readonly #unreadable = new Map<string, string>();
  readonly #listeners = new Set<(delta: Delta) => void>();
  #cluster: ClusterRecord | undefined;

  private constructor(client: Client, paths: ClusterPaths, cached: Cache<Parsed>) {
    this.paths = paths;
    this.#clock = client.clock;
    this.#cache = cached;
    const empty = building();
    for (const entry of cached.entries()) this.#take({ path: entry.path, entry, isSameLife: false }, empty);
    cached.on((changes) => {
      this.#apply(changes);
    });
  }

  /** Resolves when it is in sync. The signal ends the image, as `close()` does. */
  static async open(client: Client, paths: ClusterPaths, options: ImageOptions = {}): Promise<ClusterImage> {
    const cached = await cache<Parsed>(client, paths.cluster, {
      entriesMax: IMAGE_ENTRIES_MAX,
      ...options,
      codec: parsedCodec,
      // The contenders for the controllership are the election's own affair, results those of who asked.
      filter: (path) => !path.startsWith(`${paths.controller}/`) && !path.startsWith(`${paths.results}/`),
      bytesMax: IMAGE_BYTES_MAX,
    });
    return new ClusterImage(client, paths, cached);
  }

  /** Everything up to this zxid is in. */
  get zxid(): number {
    return this.#live().#cache.zxid;
  }

  /** For how long it may be out of date, milliseconds; 0 while changes come as they happen. */
  get staleForMs(): number {
    return this.#cache.staleForMs;
  }

  /** Aborted when it is over, with a `CorralError`: `CLOSED` after `close()`, `LIMIT_EXCEEDED`, or why the subscription ended. */
  get signal(): AbortSignal {
    return this.#cache.signal;
  }

  /** Undefined before any broker was there. */
  get cluster(): ClusterRecord | undefined {
    return this.#live().#cluster;
  }

  brokers(): IterableIterator<BrokerView> {
    return this.#live().#brokers.values();
  }

  broker(id: number): BrokerView | undefined {
    return this.#live().#brokers.get(id);
  }

  /** In whatever state: clients see the live ones only. */
  topics(): IterableIterator<TopicView> {
    return this.#live().#topics.values();
  }

  topic(name: string): TopicView | undefined {
    return this.#live().#topics.get(name);
  }

  topicById(id: string): TopicView | undefined {
    return this.#live().#topicsById.get(id);
  }

  partition(topicId: string, partition: number): PartitionView | undefined {
    return this.#live().#partitions.get(topicId, partition);
  }

  /** In no order. */
  partitionsOf(topicId: string): IterableIterator<PartitionView> {
    return this.#live().#partitions.ofTopic(topicId);
  }

  /** Ids of topics that have partitions, also of those whose own znode is gone. */
  topicIds(): IterableIterator<string> {
    return this.#live().#partitions.topicIds();
  }

  /** What this broker keeps a replica of. In no order. */
  keptBy(broker: number): IterableIterator<PartitionView> {
    return this.#live().#partitions.keptBy(broker);
  }

  /** Brokers that any partition has a replica on, registered or not. */
  keepers(): IterableIterator<number> {
    return this.#live().#partitions.keepers();
  }

  config(type: string, entity: string): ConfigView | undefined {
    return this.#live().#configs.get(`${type}/${entity}`);
  }

  configs(): IterableIterator<ConfigView> {
    return this.#live().#configs.values();
  }

  /** What the controller is asked, oldest first. */
  requests(): RequestView[] {
    return [...this.#live().#requests.values()].toSorted((a, b) => a.czxid - b.czxid);
  }

  /** Znodes whose data are not what their path says, with the reason; the first thousand. */
  unreadable(): ReadonlyMap<string, string> {
    return this.#live().#unreadable;
  }

  /**
   * Called with each transaction's changes, when they are in. After a gap: with the difference. What it throws is thrown by itself, and
   * keeps nothing from the others. The function returned ends it.
   */
  on(listener: (delta: Delta) => void): () => void {
    const own = (delta: Delta): void => {
      listener(delta);
    };
    this.#live().#listeners.add(own);
    return () => {
      this.#listeners.delete(own);
    };
  }

  /** Resolves when everything up to this zxid is in. */
  atLeast(zxid: number, options?: CallOptions): Promise<void> {
    return this.#cache.atLeast(zxid, options);
  }

  close(): Promise<void> {
    return this.#cache.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #live(): this {
    if (this.signal.aborted) throw this.signal.reason as CorralError;
    return this;
  }

  #apply(changes: readonly CacheChange<Parsed>[]): void {
    const built = building();
    for (const change of changes) {
      const { path, kind } = change;
      // The codec takes everything.
      if (kind === "undecodable") continue;
      const isSameLife = kind === "changed" && change.before.stat.czxid === change.now.stat.czxid;
      this.#take({ path, entry: kind === "removed" ? undefined : change.now, isSameLife }, built);
    }
    const delta: Delta = { ...built, zxid: this.#cache.zxid };
    for (const listener of [...this.#listeners]) this.#tell(listener, delta);
  }

  #tell(listener: (delta: Delta) => void, delta: Delta): void {
    // Another one may have ended it.
    if (!this.#listeners.has(listener)) return;
    try {
      listener(delta);
    } catch (error) {
      this.#clock.setTimeout(() => {
        throw error;
      }, 0);
    }
  }

  #take(found: Found, built: Building): void {
    const { path } = found;
    this.#unreadable.delete(path);
    const { cluster } = this.paths;
    if (path === cluster) {
      this.#cluster = this.#read(found, this.#cluster, readCluster);
      return;
    }
    const [kind, first, second, third] = path.slice(cluster.length + 1).split("/");
    if (first === undefined || third !== undefined) return;
    if (kind === "brokers" && second === undefined) this.#takeBroker(found, first, built);
    else if (kind === "topics" && second === undefined) this.#takeTopic(found, first, built);
    else if (kind === "partitions" && second !== undefined) this.#takePartition(found, first, second, built);
    else if (kind === "config" && second !== undefined) this.#takeConfig(found, first, second, built);
    else if (kind === "requests" && second === undefined) this.#takeRequest(found, built);
  }

  /** What is there now; what was there, if that cannot be read. */
  #read<V>(
    { path, entry, isSameLife }: Found,
    before: V | undefined,
    read: (value: unknown, stat: Stat) => V,
  ): V | undefined {
    if (entry === undefined) return undefined;
    try {
      if ("error" in entry.value) throw entry.value.error;
      return read(entry.value.value, entry.stat);
    } catch (error) {
      if (this.#unreadable.size < UNREADABLE_MAX) this.#unreadable.set(path, (error as Error).message);
      return isSameLife ? before : undefined;
    }
  }

  #takeBroker(found: Found, name: string, { brokers }: Building): void {
    const id = numberOf(name);
    const before = this.#brokers.get(id);
    const now = this.#read(found, before, (value, stat) => readBroker(name, value, stat));
    put(this.#brokers, id, now);
    if (now !== before) brokers.push({ before, now });
  }

  #takeTopic(found: Found, encoded: string, { topics }: Building): void {
    const name = topicNameOf(encoded);
    const before = this.#topics.get(name);
    const now = this.#read(found, before, (value, stat) => readTopic(name, value, stat));
    if (now === before) return;
    put(this.#topics, name, now);
    if (before !== undefined && this.#topicsById.get(before.id) === before) this.#topicsById.delete(before.id);
    if (now !== undefined) this.#topicsById.set(now.id, now);
    topics.push({ before, now });
  }

  #takePartition(found: Found, topicId: string, name: string, { partitions }: Building): void {
    const partition = numberOf(name);
    const before = this.#partitions.get(topicId, partition);
    const now = this.#read(found, before, (value, stat) => readPartition(topicId, name, value, stat));
    if (now === before) return;
    this.#partitions.put(topicId, partition, now);
    partitions.push({ before, now });
  }

  #takeConfig(found: Found, type: string, entity: string, { configs }: Building): void {
    const key = `${type}/${entity}`;
    const before = this.#configs.get(key);
    const now = this.#read(found, before, (value, stat) => readConfig(type, entity, value, stat));
    put(this.#configs, key, now);
    if (now !== before) configs.push({ before, now });
  }

  #takeRequest(found: Found, { requests }: Building): void {
    const before = this.#requests.get(found.path);
    const now = this.#read(found, before, (value, stat) => readRequest(found.path, value, stat));
    put(this.#requests, found.path, now);
    if (now !== before) requests.push({ before, now });
  }
}

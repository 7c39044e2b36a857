/**
 * The whole state of a cluster in memory, kept as it is on the server by one subscription: every broker has one, so that whoever becomes
 * controller has nothing to load.
 *
 * Owns the indices over it. Never writes; never shows half a transaction. What cannot be read as what its path says is kept out, and
 * listed in `unreadable`.
 */
import { type CallOptions, type Client, json } from "@corral/client";
import { cache, type Cache, type CacheChange, type CacheEntry } from "@corral/recipes";
import { type ClusterPaths, decodeName } from "../layout.ts";
import { checkPartition, type PartitionState } from "../partition/state.ts";
import type { BrokerRecord, ClusterRecord, ConfigRecord, RequestRecord, TopicRecord } from "../records.ts";
import type { BrokerView, Changed, ConfigView, Delta, PartitionView, RequestView, TopicView } from "./views.ts";

/** Znodes of one cluster that an image holds at most. */
export const IMAGE_ENTRIES_MAX = 2_000_000;
/** Bytes of their paths and data. */
export const IMAGE_BYTES_MAX: number = 1024 * 1024 * 1024;
/** Paths kept in `unreadable` at most. */
const UNREADABLE_MAX = 1_000;

interface Building {
  readonly brokers: Changed<BrokerView>[];
  readonly topics: Changed<TopicView>[];
  readonly partitions: Changed<PartitionView>[];
  readonly configs: Changed<ConfigView>[];
  readonly requests: Changed<RequestView>[];
}

export class ClusterImage implements AsyncDisposable {
  readonly paths: ClusterPaths;
  readonly #cache: Cache<unknown>;
  readonly #brokers = new Map<number, BrokerView>();
  /** By name. */
  readonly #topics = new Map<string, TopicView>();
  readonly #topicsById = new Map<string, TopicView>();
  readonly #partitions = new Map<string, Map<number, PartitionView>>();
  /** By broker: the partitions that it keeps a replica of. */
  readonly #kept = new Map<number, Set<PartitionView>>();
  readonly #configs = new Map<string, ConfigView>();
  /** By path; they come in the order of their creation. */
  readonly #requests = new Map<string, RequestView>();
  readonly #unreadable = new Map<string, string>();
  readonly #listeners = new Set<(delta: Delta) => void>();
  #cluster: ClusterRecord | undefined;

  private constructor(paths: ClusterPaths, cached: Cache<unknown>) {
    this.paths = paths;
    this.#cache = cached;
    const empty = building();
    for (const entry of cached.entries()) this.#take(entry.path, entry, empty);
    cached.on((changes) => {
      this.#apply(changes);
    });
  }

  /** Resolves when it is in sync. */
  static async open(client: Client, paths: ClusterPaths, options?: CallOptions): Promise<ClusterImage> {
    const cached = await cache<unknown>(client, paths.cluster, {
      ...options,
      codec: json<unknown>({ empty: null }),
      // The contenders for the controllership are the election's own affair, results those of who asked.
      filter: (path) => !path.startsWith(`${paths.controller}/`) && !path.startsWith(`${paths.results}/`),
      entriesMax: IMAGE_ENTRIES_MAX,
      bytesMax: IMAGE_BYTES_MAX,
    });
    return new ClusterImage(paths, cached);
  }

  /** Everything up to this zxid is in. */
  get zxid(): number {
    return this.#cache.zxid;
  }

  /** For how long it may be out of date, milliseconds; 0 while changes come as they happen. */
  get staleForMs(): number {
    return this.#cache.staleForMs;
  }

  /** Undefined before any broker was there. */
  get cluster(): ClusterRecord | undefined {
    return this.#cluster;
  }

  brokers(): IterableIterator<BrokerView> {
    return this.#brokers.values();
  }

  broker(id: number): BrokerView | undefined {
    return this.#brokers.get(id);
  }

  /** In whatever state: clients see the live ones only. */
  topics(): IterableIterator<TopicView> {
    return this.#topics.values();
  }

  topic(name: string): TopicView | undefined {
    return this.#topics.get(name);
  }

  topicById(id: string): TopicView | undefined {
    return this.#topicsById.get(id);
  }

  partition(topicId: string, partition: number): PartitionView | undefined {
    return this.#partitions.get(topicId)?.get(partition);
  }

  /** In no order. */
  partitionsOf(topicId: string): IterableIterator<PartitionView> {
    return (this.#partitions.get(topicId) ?? new Map<number, PartitionView>()).values();
  }

  /** Ids of topics that have partitions, also of those whose own znode is gone. */
  topicIds(): IterableIterator<string> {
    return this.#partitions.keys();
  }

  /** What this broker keeps a replica of. In no order. */
  keptBy(broker: number): IterableIterator<PartitionView> {
    return (this.#kept.get(broker) ?? new Set<PartitionView>()).values();
  }

  config(type: string, entity: string): ConfigView | undefined {
    return this.#configs.get(`${type}/${entity}`);
  }

  configs(): IterableIterator<ConfigView> {
    return this.#configs.values();
  }

  /** What the controller is asked, oldest first. */
  requests(): RequestView[] {
    return [...this.#requests.values()].toSorted((a, b) => a.czxid - b.czxid);
  }

  /** Znodes whose data are not what their path says, with the reason; the first thousand. */
  unreadable(): ReadonlyMap<string, string> {
    return this.#unreadable;
  }

  /** Called with each transaction's changes, when they are in. After a gap: with the difference. The function returned ends it. */
  on(listener: (delta: Delta) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
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

  #apply(changes: readonly CacheChange<unknown>[]): void {
    const built = building();
    for (const change of changes) {
      if (change.kind === "undecodable") this.#refuse(change.path, change.error);
      else this.#take(change.path, change.kind === "removed" ? undefined : change.now, built);
    }
    const delta: Delta = { ...built, zxid: this.zxid };
    for (const listener of [...this.#listeners]) listener(delta);
  }

  #take(path: string, entry: CacheEntry<unknown> | undefined, built: Building): void {
    this.#unreadable.delete(path);
    const { cluster } = this.paths;
    if (path === cluster) {
      this.#cluster = (entry?.value ?? undefined) as ClusterRecord | undefined;
      return;
    }
    const [kind, first, second, third] = path.slice(cluster.length + 1).split("/");
    if (first === undefined || third !== undefined) return;
    if (kind === "brokers" && second === undefined) this.#takeBroker(Number(first), entry, built);
    else if (kind === "topics" && second === undefined) this.#takeTopic(decodeName(first), entry, built);
    else if (kind === "partitions" && second !== undefined) {
      this.#takePartition(path, first, Number(second), entry, built);
    } else if (kind === "config" && second !== undefined) this.#takeConfig(first, second, entry, built);
    else if (kind === "requests" && second === undefined) this.#takeRequest(path, entry, built);
  }

  #takeBroker(id: number, entry: CacheEntry<unknown> | undefined, { brokers }: Building): void {
    const before = this.#brokers.get(id);
    const record = entry?.value as BrokerRecord | null | undefined;
    const now =
      entry === undefined || record == null
        ? undefined
        : { ...record, epoch: entry.stat.czxid, mzxid: entry.stat.mzxid };
    if (now === undefined) this.#brokers.delete(id);
    else this.#brokers.set(id, now);
    brokers.push({ before, now });
  }

  #takeTopic(name: string, entry: CacheEntry<unknown> | undefined, { topics }: Building): void {
    const before = this.#topics.get(name);
    const record = entry?.value as TopicRecord | null | undefined;
    if (before !== undefined) this.#topicsById.delete(before.id);
    if (entry === undefined || record == null) {
      this.#topics.delete(name);
      topics.push({ before, now: undefined });
      return;
    }
    const now = { ...record, version: entry.stat.version, mzxid: entry.stat.mzxid };
    this.#topics.set(name, now);
    this.#topicsById.set(now.id, now);
    topics.push({ before, now });
  }

  #takePartition(
    path: string,
    topicId: string,
    partition: number,
    entry: CacheEntry<unknown> | undefined,
    { partitions }: Building,
  ): void {
    const ofTopic = this.#partitions.get(topicId);
    const before = ofTopic?.get(partition);
    const state = entry?.value as PartitionState | null | undefined;
    let now: PartitionView | undefined;
    if (entry !== undefined && state != null) {
      try {
        checkPartition(state);
      } catch (error) {
        // What was there before is what is gone on with: nobody may act on a state that breaks an invariant.
        this.#refuse(path, error as Error);
        return;
      }
      now = { topicId, partition, state, version: entry.stat.version, mzxid: entry.stat.mzxid };
    }
    if (before !== undefined) for (const id of before.state.replicas) this.#kept.get(id)?.delete(before);
    if (now === undefined) {
      ofTopic?.delete(partition);
      if (ofTopic?.size === 0) this.#partitions.delete(topicId);
    } else {
      if (ofTopic === undefined) this.#partitions.set(topicId, new Map([[partition, now]]));
      else ofTopic.set(partition, now);
      for (const id of now.state.replicas) {
        const kept = this.#kept.get(id);
        if (kept === undefined) this.#kept.set(id, new Set([now]));
        else kept.add(now);
      }
    }
    partitions.push({ before, now });
  }

  #takeConfig(type: string, entity: string, entry: CacheEntry<unknown> | undefined, { configs }: Building): void {
    const key = `${type}/${entity}`;
    const before = this.#configs.get(key);
    const record = entry?.value as ConfigRecord | null | undefined;
    const now =
      entry === undefined || record == null
        ? undefined
        : { ...record, type, entity, version: entry.stat.version, mzxid: entry.stat.mzxid };
    if (now === undefined) this.#configs.delete(key);
    else this.#configs.set(key, now);
    configs.push({ before, now });
  }

  #takeRequest(path: string, entry: CacheEntry<unknown> | undefined, { requests }: Building): void {
    const before = this.#requests.get(path);
    const record = entry?.value as RequestRecord | null | undefined;
    const now = entry === undefined || record == null ? undefined : { ...record, path, czxid: entry.stat.czxid };
    if (now === undefined) this.#requests.delete(path);
    else this.#requests.set(path, now);
    requests.push({ before, now });
  }

  #refuse(path: string, why: Error): void {
    if (this.#unreadable.size < UNREADABLE_MAX) this.#unreadable.set(path, why.message);
  }
}

function building(): Building {
  return { brokers: [], topics: [], partitions: [], configs: [], requests: [] };
}

/**
 * A value that many share: kept fresh in memory by a subscription, and changed by compare-and-set. Curator's SharedValue and NodeCache,
 * kazoo's DataWatch; the znode's data is what the codec makes of the value and nothing else, so with the same encoding they may be mixed.
 *
 * What a write is compared by is the zxid of the last change, never a version: a version begins anew with each life of a znode and wraps
 * around at 2³². Survives reconnects and sessions; after a gap, or on a server that went back in time, it takes what is there now and
 * tells it. Never hides a deletion: `initial` stands for the value then, and `changes` and `exists` say why.
 */
import {
  type CallOptions,
  type Client,
  type Codec,
  CorralError,
  type Deadline,
  isCorralError,
  type StreamReader,
  type Subscription,
  type SubscriptionEvent,
  type WriteOptions,
} from "@corral/client";
import { inTime } from "./hold/acquire.ts";
import { Newest } from "./wait/newest.ts";
import { put } from "./shared-value/put.ts";

export interface SharedValueOptions<T> extends CallOptions {
  readonly codec: Codec<T>;
  /** Written when there is no znode at first: if several do so at once, the first one's is everybody's. Stands for the value while there is none. */
  readonly initial: T;
}

export interface SharedSetOptions extends WriteOptions {
  /** Only if the last change is still that of this zxid (0: only if there is no znode), else `GUARD_FAILED`. Default: whatever it is. */
  readonly ifMatch?: number | undefined;
}

/** `zxid`: of the change that made it so, as far as it is known. */
export type SharedChange<T> =
  | { readonly kind: "value"; readonly value: T; readonly zxid: number }
  /** `value`: the initial one. */
  | { readonly kind: "deleted"; readonly value: T; readonly zxid: number }
  /** The codec refuses what stands there. */
  | { readonly kind: "undecodable"; readonly error: CorralError; readonly zxid: number };

export interface SharedValue<T> extends AsyncDisposable {
  readonly path: string;
  /** As far as this client has heard. Throws `CODEC` while the codec refuses what stands there. */
  readonly value: T;
  /** Of the last change, for `ifMatch`; 0 while there is no znode. */
  readonly zxid: number;
  /** Is there a znode? */
  readonly exists: boolean;
  /** Is it in sync, and does its connection stand? Else there may be a newer one. */
  readonly isFresh: boolean;
  /** Resolves with the zxid of the change, when `value` shows it. Makes the znode where it was deleted. */
  set(value: T, options?: SharedSetOptions): Promise<number>;
  /** Reads, computes and writes until nobody wrote in between. `change` may run several times: it must only compute. */
  update(change: (now: T) => T, options?: WriteOptions): Promise<{ readonly value: T; readonly zxid: number }>;
  /**
   * What it is now, and then each time that it is another; a slow reader is told the newest only. Ends by its signal, by leaving the
   * loop, and when this is closed; throws when the client is closed, or the server refuses to go on.
   */
  changes(options?: { readonly signal?: AbortSignal | undefined }): StreamReader<SharedChange<T>>;
  /** Ends the subscription and all `changes`. Harmless when repeated. */
  close(): Promise<void>;
}

/**
 * Resolves when it is in sync. Rejects with `CODEC` if what stands there is refused, `TIMEOUT`, `ABORTED`, or what the server has
 * against reading or writing the znode.
 */
export async function sharedValue<T>(
  client: Client,
  path: string,
  options: SharedValueOptions<T>,
): Promise<SharedValue<T>> {
  const deadline = client.deadline("sharedValue", options);
  return inTime(deadline, open(client, path, options, deadline), path);
}

async function open<T>(
  client: Client,
  path: string,
  options: SharedValueOptions<T>,
  deadline: Deadline,
): Promise<SharedValue<T>> {
  const { codec, initial } = options;
  if (!(await client.exists(path, deadline.rest()))) await begin(client, path, codec, initial, deadline);
  // The subscription outlives the signal of this call.
  const { timeoutMs } = deadline.rest();
  const given = new AbortController();
  const subscribing = client.subscribe(path, { codec, scope: "node", signal: given.signal, timeoutMs });
  try {
    const shared = new OpenSharedValue(client, await deadline.race(subscribing), codec, initial);
    await deadline.race(shared.synced);
    // Throws if it is refused.
    void shared.value;
    return shared;
  } catch (error) {
    given.abort();
    throw error;
  }
}

async function begin<T>(client: Client, path: string, codec: Codec<T>, initial: T, deadline: Deadline): Promise<void> {
  try {
    await client.create(path, initial, { ...deadline.rest(), codec, parents: true });
  } catch (error) {
    if (!isCorralError(error, "NODE_EXISTS")) throw error;
  }
}

class OpenSharedValue<T> implements SharedValue<T> {
  readonly path: string;
  /** Resolves when it is in sync for the first time. */
  readonly synced: Promise<void>;
  readonly #client: Client;
  readonly #subscription: Subscription<T>;
  readonly #codec: Codec<T>;
  readonly #initial: T;
  readonly #readers = new Newest<SharedChange<T>>();
  readonly #stopStates: () => void;
  #now: SharedChange<T>;
  /** Whatever happened up to this zxid is in `#now`; -1 while the znode is being read anew. */
  #asOf = -1;
  /** Has the subscription told of the znode since it began, or began anew? */
  #isTold = false;
  /** Has the server said, on the present connection, that nothing is missing? */
  #isCurrent = false;

  constructor(client: Client, subscription: Subscription<T>, codec: Codec<T>, initial: T) {
    this.path = subscription.path;
    this.#client = client;
    this.#subscription = subscription;
    this.#codec = codec;
    this.#initial = initial;
    this.#now = { kind: "deleted", value: initial, zxid: 0 };
    this.#stopStates = client.on("state", () => {
      this.#isCurrent = false;
    });
    this.synced = new Promise((resolve, reject) => {
      this.#listen(resolve).catch(reject);
    });
    // Whoever opens it waits for that; later nobody does.
    this.synced.catch(() => {});
  }

  get value(): T {
    if (this.#now.kind === "undecodable") throw this.#now.error;
    return this.#now.value;
  }

  get zxid(): number {
    return this.exists ? this.#now.zxid : 0;
  }

  get exists(): boolean {
    return this.#now.kind !== "deleted";
  }

  get isFresh(): boolean {
    const { session, state } = this.#client;
    return this.#isCurrent && state.name === "connected" && session?.isValid === true;
  }

  async #listen(synced: () => void): Promise<void> {
    try {
      for await (const event of this.#subscription) {
        this.#heard(event);
        if (event.kind === "synced") synced();
      }
      this.#end(undefined);
    } catch (error) {
      this.#end(error as CorralError);
      throw error;
    }
  }

  #heard(event: SubscriptionEvent<T>): void {
    switch (event.kind) {
      case "resync":
        // What is known stays until it is known better; its zxid says nothing about what comes, which may be another history.
        this.#isCurrent = this.#isTold = false;
        this.#asOf = -1;
        return;
      case "synced":
        if (!this.#isTold) this.#take({ kind: "deleted", value: this.#initial, zxid: event.zxid }, event.zxid);
        this.#isTold = this.#isCurrent = true;
        return;
      case "deleted":
        this.#take({ kind: "deleted", value: this.#initial, zxid: event.zxid }, event.zxid);
        break;
      case "undecodable":
        this.#take({ kind: "undecodable", error: event.error, zxid: event.stat.mzxid }, event.zxid);
        break;
      case "entry":
      case "created":
      case "changed":
        this.#take({ kind: "value", value: event.value, zxid: event.stat.mzxid }, event.zxid);
    }
    this.#isTold = true;
  }

  /** `asOf`: so it was at this zxid. */
  #take(now: SharedChange<T>, asOf: number): void {
    if (asOf <= this.#asOf) return;
    this.#asOf = asOf;
    this.#now = now;
    this.#readers.tell(now);
  }

  /** This client wrote it itself; the subscription may not have told it yet. */
  #wrote(value: T, zxid: number): number {
    if (zxid > this.#asOf) this.#take(this.#asRead(value, zxid), zxid);
    return zxid;
  }

  /** As the others read it. */
  #asRead(value: T, zxid: number): SharedChange<T> {
    try {
      const data = value === null || value === undefined ? null : this.#codec.encode(value);
      return { kind: "value", value: this.#codec.decode(data), zxid };
    } catch (cause) {
      const detail = { path: this.path, name: this.#codec.name };
      return { kind: "undecodable", error: new CorralError("CODEC", { op: "sharedValue", detail, cause }), zxid };
    }
  }

  async set(value: T, options: SharedSetOptions = {}): Promise<number> {
    const deadline = this.#client.deadline("sharedValue.set", options);
    return this.#wrote(value, await inTime(deadline, this.#write(value, options, deadline), this.path));
  }

  async #write(value: T, { ifMatch, guard }: SharedSetOptions, deadline: Deadline): Promise<number> {
    const [client, path, codec, op] = [this.#client, this.path, this.#codec, "sharedValue.set"];
    if (ifMatch === undefined) return put(client, path, value, { op, codec, guard }, deadline);
    const how = { ...deadline.rest(), codec, guard };
    if (ifMatch !== 0) return (await client.set(path, value, { ...how, ifMatch: { mzxid: ifMatch } })).mzxid;
    try {
      return (await client.create(path, value, { ...how, parents: true })).stat.mzxid;
    } catch (error) {
      if (!isCorralError(error, "NODE_EXISTS")) throw error;
      throw new CorralError("GUARD_FAILED", { op, detail: { path, name: "ifMatch", limit: 0 }, cause: error });
    }
  }

  async update(change: (now: T) => T, options?: WriteOptions): Promise<{ readonly value: T; readonly zxid: number }> {
    const { value, stat } = await this.#client.update<T>(
      this.path,
      (now) => change(now === undefined ? this.#initial : now.value),
      { ...options, codec: this.#codec, create: { parents: true } },
    );
    return { value, zxid: this.#wrote(value, stat.mzxid) };
  }

  changes({ signal }: { readonly signal?: AbortSignal | undefined } = {}): StreamReader<SharedChange<T>> {
    return this.#readers.read(signal);
  }

  #end(error: CorralError | undefined): void {
    this.#stopStates();
    this.#isCurrent = false;
    this.#readers.end(error);
  }

  async close(): Promise<void> {
    this.#end(undefined);
    await this.#subscription.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

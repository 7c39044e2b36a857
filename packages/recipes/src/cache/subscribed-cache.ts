/** What readers ask of a mirror: znodes, how fresh they are, and what becomes of them. */
import { type CallOptions, type Client, CorralError, type StreamReader } from "@corral/client";
import type { Cache, ChangesOptions, Freshness } from "./api.ts";
import { type CacheChange, ChangeReader, differences, type Touched } from "./changes.ts";
import type { CacheEntry, Contents } from "./contents.ts";
import { Liveness } from "./liveness.ts";
import { closed, Mirror, type MirrorOptions, type MirrorReader } from "./mirror.ts";

type Listener<T> = (changes: readonly CacheChange<T>[]) => void;

export class SubscribedCache<T> implements Cache<T>, MirrorReader<T> {
  readonly path: string;
  readonly #client: Client;
  readonly #scope: MirrorOptions<T>["scope"];
  readonly #mirror: Mirror<T>;
  readonly #liveness: Liveness;
  readonly #readers = new Set<ChangeReader<T>>();
  readonly #listeners = new Set<Listener<T>>();
  readonly #ending = new AbortController();
  #over: CorralError | undefined;

  constructor(client: Client, path: string, options: MirrorOptions<T>) {
    this.path = path;
    this.#client = client;
    this.#scope = options.scope;
    this.#mirror = new Mirror(client, path, options, this);
    this.#liveness = new Liveness(client);
  }

  /** Resolves when it is in sync. */
  open(options: CallOptions): Promise<void> {
    return this.#mirror.begin(this.#client.deadline("cache", options));
  }

  caughtUp(): void {
    this.#liveness.caughtUp();
  }

  fellBehind(): void {
    this.#liveness.fellBehind();
  }

  now(touched: Touched<T>, zxid: number): void {
    this.#liveness.prove();
    if (touched.size === 0) return;
    for (const reader of this.#readers) reader.touched(touched, zxid);
    if (this.#listeners.size === 0) return;
    const { contents } = this.#mirror;
    const changes: CacheChange<T>[] = [];
    for (const [path, before] of touched) changes.push(...differences(path, zxid, before, contents.get(path)));
    if (changes.length > 0) for (const listener of [...this.#listeners]) this.#tell(listener, changes);
  }

  #tell(listener: Listener<T>, changes: readonly CacheChange<T>[]): void {
    // Another one may have ended it, or the cache.
    if (!this.#listeners.has(listener)) return;
    try {
      listener(changes);
    } catch (error) {
      this.#client.clock.setTimeout(() => {
        throw error;
      }, 0);
    }
  }

  over(why: CorralError | undefined): void {
    this.#over = why ?? closed(this.path);
    this.#liveness.stop();
    this.#listeners.clear();
    for (const reader of [...this.#readers]) reader.end(why);
    this.#ending.abort(this.#over);
  }

  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  get zxid(): number {
    return this.#mirror.zxid;
  }

  get freshness(): Freshness {
    if (this.#over === undefined && this.#mirror.isComing) return "resyncing";
    return this.#over === undefined && this.#liveness.isLive ? "live" : "stale";
  }

  get staleForMs(): number {
    if (this.freshness !== "live") return this.#liveness.unprovenMs;
    this.#liveness.prove();
    return 0;
  }

  get size(): number {
    return this.#readable().size;
  }

  get(path: string): CacheEntry<T> | undefined {
    return this.#covering(path).get(path)?.entry;
  }

  has(path: string): boolean {
    return this.#covering(path).get(path) !== undefined;
  }

  children(path: string): string[] {
    const contents = this.#covering(path);
    if (this.#scope === "tree" || (this.#scope === "children" && path === this.path)) return contents.children(path);
    throw this.#badArgument(path, `the children are not part of what is cached: the scope is ${this.#scope}`);
  }

  *entries(): IterableIterator<CacheEntry<T>> {
    for (const [, { entry }] of this.#readable().all()) if (entry !== undefined) yield entry;
  }

  #readable(): Contents<T> {
    if (this.#over !== undefined) throw this.#over;
    return this.#mirror.contents;
  }

  #covering(path: string): Contents<T> {
    const contents = this.#readable();
    if (covers(this.path, this.#scope, path)) return contents;
    throw this.#badArgument(path, `it is not part of what is cached: ${this.#scope} of ${this.path}`);
  }

  #badArgument(path: string, means: string): CorralError {
    return new CorralError("BAD_ARGUMENTS", { op: "cache", detail: { path, name: "path" }, means });
  }

  async atLeast(zxid: number, options?: CallOptions): Promise<void> {
    if (this.#isAt(zxid)) return;
    const op = "cache.atLeast";
    const deadline = this.#client.deadline(op, options);
    // Brings the server to that zxid, and mostly its changes before the answer.
    await this.#client.sync(this.path, deadline.rest());
    // One that was under way may have been answered before that.
    for (let i = 0; i < 2 && !this.#isAt(zxid); i++) await deadline.race(this.#mirror.renewed());
    if (this.#isAt(zxid)) return;
    const detail = { path: this.path, name: "zxid", limit: this.zxid, actual: zxid };
    throw new CorralError("BAD_ARGUMENTS", { op, detail, means: "the server has not come to this zxid" });
  }

  #isAt(zxid: number): boolean {
    if (this.#over !== undefined) throw this.#over;
    return this.#mirror.zxid >= zxid;
  }

  changes({ signal, replay = false }: ChangesOptions = {}): StreamReader<CacheChange<T>> {
    const contents = this.#readable();
    const end = (): void => {
      reader.end();
    };
    const reader = new ChangeReader<T>(
      (path) => this.#mirror.contents.get(path),
      () => {
        signal?.removeEventListener("abort", end);
        this.#readers.delete(reader);
      },
    );
    this.#readers.add(reader);
    signal?.addEventListener("abort", end);
    if (replay) reader.touched(new Map(Array.from(contents.all(), ([path]) => [path, undefined])), this.zxid);
    if (signal?.aborted === true) end();
    return reader;
  }

  on(listener: Listener<T>): () => void {
    // One function may be given twice.
    const own: Listener<T> = (changes) => {
      listener(changes);
    };
    this.#readable();
    this.#listeners.add(own);
    return () => {
      this.#listeners.delete(own);
    };
  }

  close(): Promise<void> {
    this.#mirror.end(undefined);
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function covers(root: string, scope: MirrorOptions<unknown>["scope"], path: string): boolean {
  if (path === root) return true;
  const below = root === "/" ? "/" : `${root}/`;
  if (scope === "node" || !path.startsWith(below)) return false;
  return scope === "tree" || !path.includes("/", below.length);
}

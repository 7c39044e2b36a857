/**
 * The children of a znode and their values, as they are: by one subscription, over reconnects and sessions.
 *
 * Tells whole states only: after all changes of a transaction, and after a start or a resync when it is in sync; and only where one is
 * different from the one before. Copies its map with each state, so that nobody sees one change.
 */
import {
  type CallOptions,
  type Client,
  type Codec,
  CorralError,
  isCorralError,
  type Stat,
  type StreamReader,
  type Subscription,
  type SubscriptionEvent,
} from "@corral/client";
import { unseen } from "../hold/let-go.ts";
import { Newest } from "../wait/newest.ts";
import { readUnits } from "../wait/units.ts";

/** A child. */
export interface Member<T> {
  readonly value: T;
  /** Its czxid: greater than that of everybody who had the id before. */
  readonly epoch: number;
  /** Zxid of the last change of its value. */
  readonly mzxid: number;
  /** Of its owner; 0 for one that is no ephemeral. */
  readonly sessionId: number;
}

export interface ChildrenState<T> {
  readonly members: ReadonlyMap<string, Member<T>>;
  /** Those whose value the codec refuses. */
  readonly undecodable: ReadonlyMap<string, CorralError>;
  /**
   * Zxid of the last change below the znode: whoever knows of the same one knows of the same members. For one who follows, it only grows.
   */
  readonly generation: number;
}

export interface ChildrenOptions<T> {
  /** For errors. */
  readonly op: string;
  readonly codec: Codec<T>;
  /** More are `LIMIT_EXCEEDED`, and the end. */
  readonly max: number;
  /** Which children count. */
  readonly counts: (stat: Stat) => boolean;
}

/** Between tries of subscribing that the client or the server refused for being full, milliseconds; less by chance. */
const PAUSE_MS = 1_000;

/** What stands in a child; `error` in place of a value that the codec refuses. */
type Known<T> = { readonly epoch: number; readonly mzxid: number } & (
  | { readonly member: Member<T> }
  | { readonly error: CorralError }
);

export class Children<T> {
  readonly path: string;
  readonly #client: Client;
  readonly #options: ChildrenOptions<T>;
  readonly #states = new Newest<ChildrenState<T>>();
  readonly #left = new AbortController();
  #stopListening: (() => void) | undefined;
  #state: ChildrenState<T> | undefined;
  #known = new Map<string, Known<T>>();
  #generation = 0;
  #isSynced = false;
  /** It is being sent anew, and the znode itself was not in what came so far. */
  #isMissing = false;
  /** What was told last. */
  #told: ReadonlyMap<string, Known<T>> | undefined;
  #failed: Error | undefined;

  constructor(client: Client, path: string, options: ChildrenOptions<T>) {
    this.#client = client;
    this.path = path;
    this.#options = options;
  }

  /** The newest one; undefined before it was first in sync. */
  get state(): ChildrenState<T> | undefined {
    return this.#state;
  }

  /** Is that what the server says now, as far as can be known? */
  get isFresh(): boolean {
    const { state, session } = this.#client;
    return this.#isSynced && state.name === "connected" && session?.isValid === true;
  }

  /** Harmless when repeated. */
  start(): void {
    if (this.#stopListening !== undefined || this.#left.signal.aborted) return;
    this.#stopListening = this.#client.on("state", ({ name }) => {
      if (name !== "connected") this.#isSynced = false;
    });
    unseen(
      this.#follow().then(
        () => this.#end(undefined),
        (error: unknown) => {
          this.#end(error as Error);
          if (!isCorralError(error)) throw error;
        },
      ),
    );
  }

  /** The newest one, then each that follows; of those not taken in time only the newest. Throws why it cannot go on. */
  read(signal?: AbortSignal): StreamReader<ChildrenState<T>> {
    return this.#states.read(signal);
  }

  /** Resolves with the first state. */
  async ready(options: CallOptions | undefined): Promise<ChildrenState<T>> {
    const deadline = this.#client.deadline(this.#options.op, options);
    deadline.check();
    this.start();
    this.check();
    const reader = this.read();
    try {
      const { value, done } = await deadline.race(reader.next());
      if (done === true) this.check();
      return value as ChildrenState<T>;
    } finally {
      await reader.return();
    }
  }

  close(): void {
    this.#end(undefined);
  }

  #end(error: Error | undefined): void {
    if (this.#left.signal.aborted && error === undefined) return;
    this.#failed ??= error;
    this.#stopListening?.();
    this.#isSynced = false;
    this.#states.end(error);
    this.#left.abort();
  }

  /** Throws why it is followed no more. */
  check(): void {
    if (!this.#left.signal.aborted) return;
    const { op } = this.#options;
    const means = "it has been closed";
    throw this.#failed ?? new CorralError("CLOSED", { op, detail: { path: this.path }, outcome: "no", means });
  }

  // ---- what the server tells ------------------------------------------------------------------------------------------

  async #follow(): Promise<void> {
    const subscription = await this.#subscribe();
    if (subscription === undefined) return;
    try {
      await readUnits(
        subscription,
        (event) => {
          this.#take(event);
        },
        () => {
          this.#tell();
        },
      );
    } finally {
      await subscription.close();
    }
  }

  /** Undefined if it is closed first. */
  async #subscribe(): Promise<Subscription<T> | undefined> {
    const { signal } = this.#left;
    const { codec, op } = this.#options;
    const patiently = { signal, timeoutMs: Infinity };
    for (let isRefused = false; ;) {
      try {
        if (isRefused) await this.#client.deadline(op, patiently).pause(this.#pauseMs());
        return await this.#client.subscribe(this.path, { scope: "children", codec, ...patiently });
      } catch (error) {
        if (signal.aborted) return undefined;
        if (!isCorralError(error) || !(error.retryable || error.code === "SESSION_EXPIRED")) throw error;
        isRefused = error.retryable;
      }
    }
  }

  #pauseMs(): number {
    const [a] = this.#client.random(1) as unknown as [number];
    return (PAUSE_MS * (a + 1)) / 256;
  }

  #take(event: SubscriptionEvent<T>): void {
    switch (event.kind) {
      case "synced":
        this.#isSynced = true;
        // There is no znode any more that could tell when its children went.
        if (this.#isMissing) this.#saw(event.zxid);
        return;
      case "resync":
        this.#isSynced = false;
        this.#isMissing = true;
        this.#known = new Map();
        return;
      case "deleted":
        if (event.path !== this.path) this.#hasGone(nameOf(event.path), event.zxid);
        return;
      case "entry":
      case "created":
      case "changed":
      case "undecodable":
        if (event.path === this.path) {
          this.#isMissing = false;
          this.#saw(event.stat.pzxid);
        } else this.#isThere(nameOf(event.path), event);
        return;
      default:
        event satisfies never;
    }
  }

  #isThere(
    name: string,
    event: SubscriptionEvent<T> & { readonly kind: "entry" | "created" | "changed" | "undecodable" },
  ): void {
    const { stat } = event;
    const { czxid: epoch, mzxid } = stat;
    this.#saw(mzxid);
    if (!this.#options.counts(stat)) return;
    if (event.kind === "undecodable") this.#known.set(name, { epoch, mzxid, error: event.error });
    else {
      const member = { value: event.value, epoch, mzxid, sessionId: stat.ephemeralOwner };
      this.#known.set(name, { epoch, mzxid, member });
    }
    const { max, op } = this.#options;
    if (this.#known.size <= max) return;
    const detail = { path: this.path, name: "membersMax", limit: max, actual: this.#known.size };
    throw new CorralError("LIMIT_EXCEEDED", { op, detail, means: "there are more children than are wanted" });
  }

  #hasGone(name: string, zxid: number): void {
    this.#saw(zxid);
    this.#known.delete(name);
  }

  #saw(zxid: number): void {
    this.#generation = Math.max(this.#generation, zxid);
  }

  #tell(): void {
    if (this.#told !== undefined && areSame(this.#known, this.#told)) return;
    this.#told = new Map(this.#known);
    const members = new Map<string, Member<T>>();
    const undecodable = new Map<string, CorralError>();
    const known = [...this.#known].sort(([, a], [, b]) => a.epoch - b.epoch);
    for (const [name, child] of known) {
      if ("error" in child) undecodable.set(name, child.error);
      else members.set(name, child.member);
    }
    this.#state = { members, undecodable, generation: this.#generation };
    this.#states.tell(this.#state);
  }
}

const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** The same znodes with the same values? */
function areSame(a: ReadonlyMap<string, Known<unknown>>, b: ReadonlyMap<string, Known<unknown>>): boolean {
  if (a.size !== b.size) return false;
  for (const [name, { epoch, mzxid }] of a) {
    const other = b.get(name);
    if (other?.epoch !== epoch || other.mzxid !== mzxid) return false;
  }
  return true;
}

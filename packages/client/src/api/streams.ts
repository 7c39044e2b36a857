/** What goes on: watches, subscriptions, and the reading of whole subtrees that subscriptions make possible. */
import {
  EventType,
  Op,
  Scope,
  statFrom,
  SubscribeFlag,
  WatcherType,
  WatchKind,
  WatchMode,
  type Value,
} from "@corral/protocol";
import type { CallOptions } from "../calls/requester.ts";
import { decodeAt, raw, type Codec } from "../codec.ts";
import { CorralError, isCorralError } from "../error.ts";
import { READ_TREE_ENTRIES_MAX, SUBSCRIPTION_CREDITS } from "../limits.ts";
import type { Feed, FeedReader, FeedSpec, Unit } from "../subscription/feed.ts";
import { OpenSubscription, type Subscription } from "../subscription/subscription.ts";
import { OpenWatch, type Watch } from "../watch/watch.ts";
import type { Entry, ReadTreeOptions, SubscribeOptions, SubscriptionScope, Tree } from "./types.ts";
import { badArgument, safe, type View } from "./view.ts";

const SCOPES: Readonly<Record<SubscriptionScope, Scope>> = {
  tree: Scope.tree,
  node: Scope.node,
  children: Scope.children,
};

export async function addWatch(
  view: View,
  path: string,
  options: (CallOptions & { readonly recursive?: boolean | undefined }) | undefined,
): Promise<Watch> {
  const op = "addWatch";
  const at = view.toServer(path, op);
  const budget = view.budget(op, options);
  const recursive = options?.recursive === true;
  const watch = new OpenWatch(at, view.toView);
  const registration = view.watches.expect(recursive ? WatchKind.recursive : WatchKind.persistent, at, watch);
  const mode = recursive ? WatchMode.persistentRecursive : WatchMode.persistent;
  try {
    await view.ask(budget, { op: Op.addWatch, path: at, mode }, ({ zxid }) => {
      view.watches.added(registration, zxid);
    });
  } catch (error) {
    // A request that was given up may be on its way still.
    view.watches.drop(registration, isCorralError(error, "ABORTED", "TIMEOUT"));
    throw error;
  }
  endOnAbort(view, op, options?.signal, watch, (end) => {
    watch.onEnd(() => {
      end();
      view.watches.drop(registration);
    });
  });
  return watch;
}

/** The signal ends it as `close()` does. */
function endOnAbort(
  view: View,
  op: string,
  signal: AbortSignal | undefined,
  stream: { close(): Promise<void> },
  register: (stopListening: () => void) => void,
): void {
  const end = (): void => {
    void stream.close();
  };
  const stopListening = signal === undefined ? (): void => {} : view.requester.onAbort(signal, op, end);
  register(stopListening);
  if (signal?.aborted === true) end();
}

export type WatchType = "children" | "data" | "any" | "persistent" | "recursive";
const WATCHER_TYPES: Readonly<Record<WatchType, WatcherType>> = {
  children: WatcherType.children,
  data: WatcherType.data,
  any: WatcherType.any,
  persistent: WatcherType.persistent,
  recursive: WatcherType.persistentRecursive,
};

/** Everyone's watches of this type on this path end, in this client. */
export async function removeWatches(
  view: View,
  path: string,
  options: (CallOptions & { readonly type?: WatchType | undefined }) | undefined,
): Promise<void> {
  const op = "removeWatches";
  const at = view.toServer(path, op);
  const type = WATCHER_TYPES[options?.type ?? "any"];
  await view.ask(view.budget(op, options), { op: Op.removeWatches, path: at, type }, () => {
    view.watches.removed(
      at,
      type,
      new CorralError("NO_WATCHER", { op, detail: { path }, means: "the watch was removed" }),
    );
  });
}

/** Is a watch of this type set by this client on this path? Asks the server. */
export function hasWatch(
  view: View,
  path: string,
  options: (CallOptions & { readonly type?: WatchType | undefined }) | undefined,
): Promise<boolean> {
  const op = "hasWatch";
  const body = { op: Op.checkWatches, path: view.toServer(path, op), type: WATCHER_TYPES[options?.type ?? "any"] };
  return view.ask<boolean>(
    view.budget(op, options),
    body,
    () => true,
    null,
    (reply) => (reply.code === NO_WATCHER ? { value: false } : undefined),
  );
}
const NO_WATCHER = -121;

export function specOf(
  view: View,
  path: string,
  options: SubscribeOptions<unknown> | undefined,
  op: string,
  flags = 0,
): FeedSpec {
  const since = options?.since;
  if (since !== undefined && !(Number.isSafeInteger(since) && since >= 0))
    throw badArgument(op, "since", `${since} is no zxid`, path);
  const window = safe(options?.window ?? SUBSCRIPTION_CREDITS, "window", op);
  if (window < 1) throw badArgument(op, "window", `${window} is less than 1`, path);
  const withoutData = options?.values === false ? SubscribeFlag.withoutData : 0;
  return {
    path: view.toServer(path, op),
    since: since ?? -1,
    scope: SCOPES[options?.scope ?? "tree"],
    flags: flags | withoutData,
    window,
  };
}

export async function subscribe<T>(
  view: View,
  path: string,
  options: SubscribeOptions<T> | undefined,
): Promise<Subscription<T>> {
  const op = "subscribe";
  const spec = specOf(view, path, options, op);
  const codec = codecOf(options);
  const { toView } = view;
  const subscription = new OpenSubscription<T>({
    path: spec.path,
    since: spec.since,
    codec,
    toView,
    coalesce: options?.coalesce === true,
  });
  const feed = await view.subscriptions.open(spec, subscription, view.budget(op, options));
  endOnAbort(view, op, options?.signal, subscription, (stopListening) => {
    subscription.opened(feed, () => {
      stopListening();
      view.subscriptions.drop(feed);
    });
  });
  return subscription;
}

function codecOf<T>(
  options: { readonly codec?: Codec<T> | undefined; readonly values?: boolean | undefined } | undefined,
): Codec<T> {
  return (options?.values === false ? undefined : options?.codec) ?? (raw as unknown as Codec<T>);
}

/** The subtree as it is at one zxid, whatever is written meanwhile. */
export async function readTree<T>(view: View, path: string, options: ReadTreeOptions<T> | undefined): Promise<Tree<T>> {
  const op = "readTree";
  const spec = specOf(view, path, options, op, SubscribeFlag.once);
  const budget = view.budget(op, options);
  const entriesMax = options?.entriesMax ?? READ_TREE_ENTRIES_MAX;
  return new Promise<Tree<T>>((resolve, reject) => {
    let feed: Feed | undefined;
    const stop = view.requester.after(budget, (error) => {
      finish(() => {
        reject(error);
      }, true);
    });
    let isOver = false;
    const finish = (settle: () => void, unsubscribe: boolean): void => {
      if (isOver) return;
      isOver = true;
      stop();
      if (feed !== undefined && unsubscribe) view.subscriptions.drop(feed);
      else if (feed !== undefined) view.subscriptions.ended(feed);
      settle();
    };
    const gather = new Gathering<T>(
      view,
      codecOf(options),
      entriesMax,
      (result) => {
        finish(() => {
          if (result instanceof CorralError) reject(result);
          else resolve(result);
        }, result instanceof CorralError);
      },
      () => feed,
    );
    view.subscriptions.open(spec, gather, budget).then(
      (opened) => {
        feed = opened;
        if (isOver) view.subscriptions.ended(opened);
        else gather.grantLate();
      },
      (error: CorralError) => {
        finish(() => {
          reject(error);
        }, false);
      },
    );
  });
}

/** Puts pages and the changes between them together to one state. */
class Gathering<T> implements FeedReader {
  readonly #view: View;
  readonly #codec: Codec<T>;
  readonly #entriesMax: number;
  readonly #done: (result: Tree<T> | CorralError) => void;
  readonly #feed: () => Feed | undefined;
  readonly #entries = new Map<string, Entry<T>>();
  readonly pending = 0;
  #late = 0;

  constructor(
    view: View,
    codec: Codec<T>,
    entriesMax: number,
    done: (result: Tree<T> | CorralError) => void,
    feed: () => Feed | undefined,
  ) {
    this.#view = view;
    this.#codec = codec;
    this.#entriesMax = entriesMax;
    this.#done = done;
    this.#feed = feed;
  }

  unit(unit: Unit): void {
    try {
      if (unit.kind === "resync") this.#entries.clear();
      else if (unit.kind === "synced") return this.#done({ entries: this.#entries, zxid: unit.zxid });
      else for (const item of unit.items) this.#take(unit.kind, item);
    } catch (error) {
      if (!(error instanceof CorralError)) throw error;
      return this.#done(error);
    }
    this.#late += unit.credits;
    this.grantLate();
  }

  grantLate(): void {
    const feed = this.#feed();
    if (feed === undefined) return;
    feed.grant(this.#late);
    this.#late = 0;
  }

  #take(kind: "page" | "changes", item: Value): void {
    const fields = item as readonly Value[];
    const [type, at, data, stat] = (kind === "page" ? [EventType.created, ...fields] : fields) as readonly [
      number,
      string,
      Uint8Array | null,
      readonly number[] | null,
    ];
    const path = this.#view.toView(at);
    if (type === EventType.deleted || stat === null) {
      this.#entries.delete(path);
      return;
    }
    this.#entries.set(path, { path, value: decodeAt(this.#codec, data, path, "readTree"), stat: statFrom(stat) });
    if (this.#entries.size <= this.#entriesMax) return;
    const detail = { path, name: "readTreeEntries", limit: this.#entriesMax };
    throw new CorralError("LIMIT_EXCEEDED", { op: "readTree", detail });
  }

  failed(error: CorralError): void {
    this.#done(error);
  }
}

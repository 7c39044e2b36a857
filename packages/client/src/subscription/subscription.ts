/** A subscription as a program sees it: events to be read by `for await`, and a cursor to go on from later. */
import { EventType, statFrom, type Value } from "@corral/protocol";
import { decodeAt, type Codec } from "../codec.ts";
import { isCorralError, type CorralError } from "../error.ts";
import { COALESCED_PATHS_MAX } from "../limits.ts";
import { Fifo, Latest, Stream } from "../stream.ts";
import type { SubscriptionEvent } from "./event.ts";
import type { Feed, FeedReader, Unit } from "./feed.ts";

/**
 * Ends by its owner's act only: `close()`, leaving the loop, the signal. Survives reconnects and sessions, without a gap: what
 * cannot be told is announced by `resync`. When the client is closed, or the server refuses to go on, the loop throws.
 */
export interface Subscription<T> extends AsyncIterableIterator<SubscriptionEvent<T>>, AsyncDisposable {
  readonly path: string;
  /**
   * The zxid of the last whole unit that has been dealt with, which is when the next event is asked for. Given as `since` to a
   * later subscription, of any session, that goes on after it. Undefined while the subtree is being sent.
   */
  readonly cursor: number | undefined;
  /** Removes it. Harmless when repeated. */
  close(): Promise<void>;
  return(): Promise<IteratorResult<SubscriptionEvent<T>>>;
}

/** What is due when an event has been dealt with: it was the last one of its unit. */
interface End {
  readonly cursor: number | undefined;
  readonly credits: number;
}

export class OpenSubscription<T> implements Subscription<T>, FeedReader {
  readonly path: string;
  readonly #codec: Codec<T>;
  readonly #toView: (path: string) => string;
  readonly #coalesces: boolean;
  readonly #stream: Stream<SubscriptionEvent<T>>;
  readonly #ends = new Map<SubscriptionEvent<T>, End>();
  #feed: Feed | undefined;
  #drop: (() => void) | undefined;
  #inHand: SubscriptionEvent<T> | undefined;
  #cursor: number | undefined;
  /** Of the last unit that has come. */
  #arrivedCursor: number | undefined;
  /** Messages taken in without a credit given back, when coalescing. */
  #withheld = 0;

  constructor(facts: {
    readonly path: string;
    readonly since: number;
    readonly codec: Codec<T>;
    readonly toView: (path: string) => string;
    readonly coalesce: boolean;
  }) {
    this.path = facts.toView(facts.path);
    this.#codec = facts.codec;
    this.#toView = facts.toView;
    this.#coalesces = facts.coalesce;
    this.#cursor = this.#arrivedCursor = facts.since < 0 ? undefined : facts.since;
    const hooks = {
      left: () => this.#drop?.(),
      asked: () => {
        this.#dealtWith();
      },
      taken: (event: SubscriptionEvent<T>) => {
        this.#inHand = event;
      },
    };
    this.#stream = new Stream(hooks, facts.coalesce ? new Latest<SubscriptionEvent<T>>(keyOf) : new Fifo());
  }

  get cursor(): number | undefined {
    return this.#cursor;
  }

  get pending(): number {
    let credits = this.#withheld;
    for (const end of this.#ends.values()) credits += end.credits;
    return credits;
  }

  /** The server has it. `drop`: what is to be done when its reader leaves. */
  opened(feed: Feed, drop: () => void): void {
    this.#feed = feed;
    if (this.#stream.isEnded) drop();
    else this.#drop = drop;
    this.#grantLate();
  }
  /** Credits that fell due before the feed was known. */
  #late = 0;

  unit(unit: Unit): void {
    if (unit.kind === "resync") this.#forgetWaiting();
    this.#arrivedCursor = unit.cursor;
    const end = { cursor: unit.cursor, credits: unit.credits };
    const events = this.#eventsOf(unit);
    const last = events.at(-1);
    if (this.#coalesces) this.#tookIn(end.credits);
    else if (last !== undefined) this.#ends.set(last, end);
    else this.#grant(end.credits);
    for (const event of events) this.#stream.push(event);
  }

  #eventsOf(unit: Unit): SubscriptionEvent<T>[] {
    switch (unit.kind) {
      case "synced":
      case "resync":
        return [{ kind: unit.kind, zxid: unit.zxid }];
      case "page":
        return unit.items.map((item) => {
          const [path, data, stat] = item as readonly [string, Uint8Array | null, readonly number[]];
          return this.#entry("entry", path, unit.zxid, data, stat);
        });
      case "changes":
        return unit.items.map((item) => this.#change(item, unit.zxid));
    }
  }

  #change(item: Value, zxid: number): SubscriptionEvent<T> {
    const [type, path, data, stat] = item as readonly [number, string, Uint8Array | null, readonly number[] | null];
    if (type === EventType.deleted || stat === null) return { kind: "deleted", path: this.#toView(path), zxid };
    return this.#entry(type === EventType.created ? "created" : "changed", path, zxid, data, stat);
  }

  #entry(
    kind: "entry" | "created" | "changed",
    at: string,
    zxid: number,
    data: Uint8Array | null,
    fields: readonly number[],
  ): SubscriptionEvent<T> {
    const path = this.#toView(at);
    const stat = statFrom(fields);
    try {
      return { kind, path, zxid, value: decodeAt(this.#codec, data, path, "subscribe"), stat };
    } catch (error) {
      if (!isCorralError(error, "CODEC")) throw error;
      return {
        kind: "undecodable",
        change: kind,
        path,
        zxid,
        data: data === null ? null : new Uint8Array(data),
        stat,
        error,
      };
    }
  }

  /** What waits is void: its credits come back. */
  #forgetWaiting(): void {
    this.#stream.clear();
    let credits = 0;
    for (const [event, end] of this.#ends) {
      if (event === this.#inHand) continue;
      this.#ends.delete(event);
      credits += end.credits;
    }
    this.#grant(credits);
    this.#cursor = undefined;
  }

  #dealtWith(): void {
    const event = this.#inHand;
    this.#inHand = undefined;
    if (event === undefined) return;
    if (this.#coalesces) {
      // Later events have taken the place of earlier ones: there is no unit between here and the end of what has come.
      if (this.#stream.size === 0) this.#cursor = this.#arrivedCursor;
      this.#tookIn(0);
      return;
    }
    const end = this.#ends.get(event);
    if (end === undefined) return;
    this.#ends.delete(event);
    if (end.cursor !== undefined) this.#cursor = end.cursor;
    this.#grant(end.credits);
  }

  /** Coalescing: credits come back at once, until too many paths wait. */
  #tookIn(credits: number): void {
    this.#withheld += credits;
    if (this.#stream.size >= COALESCED_PATHS_MAX) return;
    this.#grant(this.#withheld);
    this.#withheld = 0;
  }

  #grant(credits: number): void {
    this.#late += credits;
    this.#grantLate();
  }

  #grantLate(): void {
    if (this.#feed === undefined || this.#late === 0) return;
    this.#feed.grant(this.#late);
    this.#late = 0;
  }

  failed(error: CorralError): void {
    this.#stream.end(error);
  }

  next(): Promise<IteratorResult<SubscriptionEvent<T>>> {
    return this.#stream.next();
  }

  return(): Promise<IteratorResult<SubscriptionEvent<T>>> {
    return this.#stream.return();
  }

  async close(): Promise<void> {
    await this.#stream.return();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

const keyOf = (event: SubscriptionEvent<unknown>): string => ("path" in event ? event.path : event.kind);

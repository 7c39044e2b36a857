/**
 * The subscriptions of a client by their numbers on the present connection, and their return on the next.
 */
import { Op, type SubscriptionMessage } from "@corral/protocol";
import type { Budget } from "../calls/call.ts";
import type { Requester } from "../calls/requester.ts";
import { isCorralError, refusal, type CorralError } from "../error.ts";
import type { NewConnection, SubscriptionSink } from "../session/restorable.ts";
import { Feed, type FeedReader, type FeedSpec } from "./feed.ts";

const IGNORED = { answered: (): void => {}, failed: (): void => {} };

export class SubscriptionRegistry implements SubscriptionSink {
  readonly #requester: Requester;
  readonly #credit: (id: number, credits: number) => void;
  readonly #feeds = new Set<Feed>();
  readonly #byId = new Map<number, Feed>();
  /** Numbers are never used twice, over all sessions. */
  #lastId = 0;

  constructor(requester: Requester, credit: (id: number, credits: number) => void) {
    this.#requester = requester;
    this.#credit = credit;
  }

  get size(): number {
    return this.#feeds.size;
  }

  /** Resolves when the server has it; messages may come before. */
  async open(spec: FeedSpec, reader: FeedReader, budget: Budget): Promise<Feed> {
    const feed = new Feed(spec, reader, this.#credit);
    const { path, scope, flags, window } = spec;
    const id = this.#name(feed);
    this.#feeds.add(feed);
    const body = {
      op: Op.subscribe,
      id,
      path,
      // Read when it is sent: the history may become another while it waits for a connection.
      get since() {
        return feed.since;
      },
      scope,
      flags,
      credits: window,
    };
    try {
      await this.#requester.request(budget, body, null, () => {
        feed.isOpening = false;
      });
    } catch (error) {
      this.#forget(feed);
      // The request may be on its way still.
      if (isCorralError(error, "ABORTED", "TIMEOUT")) this.#unsubscribe(id);
      throw error;
    }
    return feed;
  }

  #name(feed: Feed): number {
    feed.id = ++this.#lastId;
    this.#byId.set(feed.id, feed);
    return feed.id;
  }

  #forget(feed: Feed): boolean {
    this.#byId.delete(feed.id);
    return this.#feeds.delete(feed);
  }

  /** It has ended by itself. */
  ended(feed: Feed): void {
    this.#forget(feed);
  }

  /** Its reader has gone. */
  drop(feed: Feed): void {
    const { id } = feed;
    if (this.#forget(feed) && id !== 0) this.#unsubscribe(id);
  }

  close(cause: CorralError): void {
    const feeds = [...this.#feeds];
    this.#feeds.clear();
    this.#byId.clear();
    // Those that are opening fail by their request.
    for (const feed of feeds) if (!feed.isOpening) feed.failed(cause);
  }

  #unsubscribe(id: number): void {
    this.#requester.urgent("unsubscribe", { op: Op.unsubscribe, id }, IGNORED);
  }

  message(message: SubscriptionMessage): void {
    this.#requester.told();
    const feed = this.#byId.get(message.id);
    if (feed !== undefined) feed.message(message);
    // One that was given up, sent again after a reconnect.
    else if (message.id <= this.#lastId) this.#unsubscribe(message.id);
  }

  disconnected(): void {
    for (const feed of this.#feeds) {
      if (!feed.isOpening) this.#byId.delete(feed.id);
      feed.disconnected();
    }
  }

  restore({ zxid, historyKept }: NewConnection): void {
    for (const feed of [...this.#feeds]) {
      if (feed.isOpening && historyKept) feed.reopened(zxid);
      else if (feed.isOpening) feed.begunAnew(zxid);
      else this.#resubscribe(feed, historyKept, zxid);
    }
  }

  #resubscribe(feed: Feed, historyKept: boolean, zxid: number): void {
    const { since, credits } = feed.resume(historyKept, zxid);
    const { path, scope, flags } = feed.spec;
    const id = this.#name(feed);
    this.#requester.urgent(
      "subscribe",
      { op: Op.subscribe, id, path, since, scope, flags, credits },
      {
        answered: (reply) => {
          if (reply.code === 0) return;
          if (this.#forget(feed)) feed.failed(refusal(reply.code, reply.detail, "subscribe", path));
        },
        failed: () => {
          // The session or the client is over; the next connection subscribes anew.
        },
      },
    );
  }
}

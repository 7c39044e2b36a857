/**
 * One subscription at the server: its messages put together to whole units, its place in the history, its credits, and how
 * it comes back on the next connection. What becomes of the units is its reader's business.
 *
 * All changes of one zxid are one unit. A place to resume from stands between units only, and not while the subtree is being
 * sent: what is missing of that no history can tell.
 */
import {
  isWithin,
  parentOf,
  ProtocolError,
  Scope,
  SubscriptionKind,
  type SubscriptionMessage,
  type Value,
} from "@corral/protocol";
import type { CorralError } from "../error.ts";

export type Unit =
  /** `items` as on the wire; `cursor`: a subscription may begin after this unit, at this zxid. */
  | {
      readonly kind: "page" | "changes";
      readonly zxid: number;
      readonly items: readonly Value[];
      readonly cursor: number | undefined;
      readonly credits: number;
    }
  | { readonly kind: "synced"; readonly zxid: number; readonly cursor: number; readonly credits: number }
  | { readonly kind: "resync"; readonly zxid: number; readonly cursor: undefined; readonly credits: number };

export interface FeedReader {
  /** In order. `unit.credits` are to be granted when it has been dealt with. */
  unit(unit: Unit): void;
  /** The end. */
  failed(error: CorralError): void;
  /** Units that have come and are not dealt with: for so many no credit is to be granted. */
  readonly pending: number;
}

export interface FeedSpec {
  readonly path: string;
  /** -1: the subtree as it is. */
  readonly since: number;
  readonly scope: number;
  readonly flags: number;
  /** Units that may be on their way or waiting for the reader. */
  readonly window: number;
}

export class Feed {
  readonly spec: FeedSpec;
  readonly #reader: FeedReader;
  readonly #grant: (id: number, credits: number) => void;
  /** What its first request asks for: `spec.since`, unless the history has become another before that could be sent. */
  since: number;
  /** On the present connection; 0 for none. */
  id = 0;
  /** `opening`: its first request has not been answered, and will be sent again as it is. */
  isOpening = true;
  /** The last whole unit that has come, where one may resume. */
  #cursor: number;
  /** The subtree is being sent. */
  #inSnapshot: boolean;
  /** `synced` has come on this connection. */
  #caughtUp = false;
  /** Has anything come since the subtree was begun? */
  #hasTold = false;
  #parts: Value[] = [];
  /** Changes up to this zxid have been told and come a second time. */
  #repeatedThrough = -1;
  #owed = 0;

  constructor(spec: FeedSpec, reader: FeedReader, grant: (id: number, credits: number) => void) {
    this.spec = spec;
    this.#reader = reader;
    this.#grant = grant;
    this.#cursor = this.since = spec.since;
    this.#inSnapshot = spec.since < 0;
  }

  message({ message: kind, payload, zxid }: SubscriptionMessage): void {
    this.#hasTold = true;
    switch (kind) {
      case SubscriptionKind.page:
        return this.#reader.unit({ kind: "page", zxid, items: payload, cursor: undefined, credits: 1 });
      case SubscriptionKind.changesPart:
        for (const item of payload) this.#parts.push(item);
        // The parts of a unit together take one credit, which its last part carries.
        return;
      case SubscriptionKind.changes: {
        const items = this.#parts.length === 0 ? payload : [...this.#parts, ...payload];
        this.#parts = [];
        if (zxid <= this.#repeatedThrough) return this.grant(1);
        if (!this.#inSnapshot) this.#cursor = zxid;
        return this.#reader.unit({
          kind: "changes",
          zxid,
          items,
          cursor: this.#inSnapshot ? undefined : zxid,
          credits: 1,
        });
      }
      case SubscriptionKind.synced:
        this.#inSnapshot = false;
        this.#caughtUp = true;
        this.#cursor = zxid;
        return this.#reader.unit({ kind: "synced", zxid, cursor: zxid, credits: 1 });
      case SubscriptionKind.resync:
        this.#startOver();
        return this.#reader.unit({ kind: "resync", zxid, cursor: undefined, credits: 1 });
      default:
        throw new ProtocolError(`a subscription message of the unknown kind ${kind}`);
    }
  }

  #startOver(): void {
    this.#inSnapshot = true;
    this.#cursor = -1;
    this.#parts = [];
    this.#repeatedThrough = -1;
  }

  disconnected(): void {
    this.#caughtUp = false;
    if (!this.isOpening) this.id = 0;
    this.#parts = [];
    this.#owed = 0;
  }

  /** Where the next connection goes on, -1 for the subtree anew; and with how many credits. */
  resume(historyKept: boolean, zxid: number): { readonly since: number; readonly credits: number } {
    if (!historyKept || this.#inSnapshot) {
      this.#startOver();
      if (this.#hasTold) this.#reader.unit({ kind: "resync", zxid, cursor: undefined, credits: 0 });
      this.#hasTold = false;
    }
    return { since: this.#cursor, credits: Math.max(0, this.spec.window - this.#reader.pending) };
  }

  /** The very request that opened it is sent again: what has come of it comes once more. */
  reopened(zxid: number): void {
    if (!this.#hasTold) return;
    if (this.since >= 0 && !this.#inSnapshot) {
      this.#repeatedThrough = this.#cursor;
      return;
    }
    this.#startOver();
    this.#hasTold = false;
    this.#reader.unit({ kind: "resync", zxid, cursor: undefined, credits: 0 });
  }

  /** Its request has not been sent, and the zxid in it is one of a history that is no more. */
  begunAnew(zxid: number): void {
    if (this.since < 0) return;
    this.since = -1;
    this.#startOver();
    this.#reader.unit({ kind: "resync", zxid, cursor: undefined, credits: 0 });
  }

  /** Is the server telling, on the present connection, what happens now? */
  get isCurrent(): boolean {
    return this.id !== 0 && !this.#inSnapshot && this.#caughtUp;
  }

  /** Is this path of the server part of what is subscribed to? */
  covers(path: string): boolean {
    const { path: root, scope } = this.spec;
    if (scope === Scope.node) return path === root;
    if (scope === Scope.tree) return isWithin(root, path);
    return path === root || (path !== "/" && parentOf(path) === root);
  }

  /** Gathers credits and grants them by the half window: a message for each would double the traffic. */
  grant(credits: number): void {
    if (this.id === 0) return;
    this.#owed += credits;
    if (this.#owed * 2 < this.spec.window) return;
    this.#grant(this.id, this.#owed);
    this.#owed = 0;
  }

  failed(error: CorralError): void {
    this.#reader.failed(error);
  }
}

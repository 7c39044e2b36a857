/** A persistent watch as a program sees it: events to be read by `for await`, until it is closed. */
import type { CorralError } from "../error.ts";
import { WATCH_EVENTS_MAX } from "../limits.ts";
import { Stream } from "../stream.ts";
import type { WatchEvent } from "./event.ts";
import type { WatchOwner } from "./registration.ts";

/**
 * Ends by its owner's act only: `close()`, leaving the loop, the signal. Survives reconnects and sessions; when the client is
 * closed, or the server refuses to keep it, the loop throws.
 */
export interface Watch extends AsyncIterableIterator<WatchEvent>, AsyncDisposable {
  readonly path: string;
  /** Removes it. Harmless when repeated. */
  close(): Promise<void>;
  return(): Promise<IteratorResult<WatchEvent>>;
}

export class OpenWatch implements Watch, WatchOwner {
  readonly path: string;
  readonly #stream: Stream<WatchEvent>;
  readonly #toView: (path: string) => string;
  #drop: (() => void) | undefined;

  /** `toView`: from the server's paths to those of the client it was made by. */
  constructor(path: string, toView: (path: string) => string) {
    this.path = toView(path);
    this.#toView = toView;
    this.#stream = new Stream({ left: () => this.#drop?.() });
  }

  /** What is to be done when it ends. */
  onEnd(drop: () => void): void {
    if (this.#stream.isEnded) drop();
    else this.#drop = drop;
  }

  event(event: WatchEvent): void {
    if (this.#stream.size >= WATCH_EVENTS_MAX) {
      this.#stream.clear();
      this.#stream.push({ kind: "resync", path: this.path, zxid: event.zxid });
      return;
    }
    this.#stream.push({ ...event, path: this.#toView(event.path) });
  }

  failed(error: CorralError): void {
    this.#stream.end(error);
  }

  next(): Promise<IteratorResult<WatchEvent>> {
    return this.#stream.next();
  }

  return(): Promise<IteratorResult<WatchEvent>> {
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

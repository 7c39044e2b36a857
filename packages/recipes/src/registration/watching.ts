/** One watch that stays, of the path where a registration is; brought back where the server does not keep it. */
import { type Client, isCorralError, type Watch, type WatchEvent } from "@corral/client";
import { unseen } from "../hold/let-go.ts";

export interface Watcher {
  /** In order, and nothing left out unless a `resync` says so. */
  happened(event: WatchEvent): void;
  /** It has ended without being asked to: what happened may not have been told. */
  ended(): void;
}

export class Watching {
  readonly #client: Client;
  readonly #signal: AbortSignal;
  readonly #watcher: Watcher;
  #watch: Watch | undefined;

  /** The signal ends it. */
  constructor(client: Client, signal: AbortSignal, watcher: Watcher) {
    this.#client = client;
    this.#signal = signal;
    this.#watcher = watcher;
  }

  /** Of this path and no other. Whatever is asked after this call was made is answered when the watch is set. */
  async at(path: string): Promise<void> {
    if (this.#watch?.path === path) return;
    const former = this.#watch;
    this.#watch = undefined;
    if (former !== undefined) unseen(former.close());
    const watch = await this.#client.addWatch(path, { signal: this.#signal, timeoutMs: Infinity });
    this.#watch = watch;
    unseen(this.#follow(watch));
  }

  async #follow(watch: Watch): Promise<void> {
    try {
      for await (const event of watch) this.#watcher.happened(event);
    } catch (error) {
      if (!isCorralError(error)) throw error;
      if (this.#watch === watch) this.#watch = undefined;
      this.#watcher.ended();
    }
  }
}

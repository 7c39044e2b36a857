/** How soon a znode is made again that was refused, or that somebody keeps deleting. */
import type { Client } from "@corral/client";
import { backoffMs } from "../wait/backoff.ts";

/** Random between 0 and this, doubled each time … */
const PAUSE_FIRST_MS = 50;
/** … up to this, … */
const PAUSE_MAX_MS = 5_000;
/** … until a life has lasted so long. */
const SETTLED_MS = 5_000;

export class Pace {
  readonly #client: Client;
  /** In a row. */
  #failures = 0;

  constructor(client: Client) {
    this.#client = client;
  }

  failed(): void {
    this.#failures++;
  }

  /** A life has lasted so long. `cutShort`: until somebody deleted it. */
  lasted(ms: number, cutShort: boolean): void {
    if (ms >= SETTLED_MS) this.#failures = 0;
    else if (cutShort) this.failed();
  }

  /** None if all went well. Rejects with `ABORTED`. */
  async pause(signal: AbortSignal): Promise<void> {
    if (this.#failures === 0) return;
    const ms = backoffMs(this.#client, this.#failures, PAUSE_FIRST_MS, PAUSE_MAX_MS);
    await this.#client.deadline("register", { signal, timeoutMs: Infinity }).pause(ms);
  }
}

/**
 * Calling the host: what it throws harms nothing here, and is never lost.
 *
 * Owns nothing else: whom to call, and when, is decided by those who call this.
 */
import type { Clock } from "@corral/client";
import type { BrokerHost } from "./api.ts";

export class HostCalls {
  readonly host: BrokerHost;
  readonly #clock: Clock;

  constructor(host: BrokerHost, clock: Clock) {
    this.host = host;
    this.#clock = clock;
  }

  /** `where`: for people. */
  call(where: string, act: (host: BrokerHost) => void): void {
    try {
      act(this.host);
    } catch (error) {
      this.failed(error, where);
    }
  }

  /** To the host; if it does not want it, as an uncaught exception. */
  failed(error: unknown, where: string): void {
    if (this.host.onError === undefined) return this.#uncaught(error);
    try {
      this.host.onError(error, where);
    } catch (another) {
      this.#uncaught(error);
      if (another !== error) this.#uncaught(another);
    }
  }

  #uncaught(error: unknown): void {
    this.#clock.setTimeout(() => {
      throw error;
    }, 0);
  }
}

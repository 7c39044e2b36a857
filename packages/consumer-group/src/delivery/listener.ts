/** The rebalance listener: told one thing after the other, and left behind where it does not end in its time. */
import type { Client } from "@corral/client";

export class Listening {
  readonly #client: Client;
  readonly #timeoutMs: number;
  #telling: Promise<void> = Promise.resolve();

  constructor(client: Client, timeoutMs: number) {
    this.#client = client;
    this.#timeoutMs = timeoutMs;
  }

  /** After what it was told before. Never rejects: what it throws, and that its time is over, is a fault. */
  tell(call: () => void | Promise<void>, fault: (error: unknown) => void): Promise<void> {
    const tell = async (): Promise<void> => {
      try {
        const called = call();
        const inTime = this.#client.deadline("rebalance listener", { timeoutMs: this.#timeoutMs });
        // Whatever it returns: nobody checks that at run time.
        if (called !== undefined) await inTime.race(Promise.resolve(called));
      } catch (error) {
        fault(error);
      }
    };
    this.#telling = this.#telling.then(tell);
    return this.#telling;
  }
}

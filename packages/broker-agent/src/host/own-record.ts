/** What a broker says of itself, as it stands in its znode: now, and in each life that follows. */
import { isCorralError } from "@corral/client";
import type { Registration } from "@corral/recipes";
import type { BrokerRecord } from "../records.ts";

export class OwnRecord {
  readonly #registration: Registration<BrokerRecord>;
  #now: BrokerRecord;

  constructor(registration: Registration<BrokerRecord>, now: BrokerRecord) {
    this.#registration = registration;
    this.#now = now;
  }

  get now(): BrokerRecord {
    return this.#now;
  }

  /** Resolves when the znode has it; while there is none, when it is back with it. */
  async change(change: Partial<BrokerRecord>, timeoutMs?: number): Promise<void> {
    const before = this.#now;
    this.#now = { ...before, ...change };
    try {
      await this.#registration.update(this.#now, { timeoutMs });
    } catch (error) {
      // What the server does not want is dropped. With an unknown outcome it is what the next life begins with.
      if (isCorralError(error) && error.outcome === "no") {
        const old = Object.keys(change).map((key) => [key, before[key as keyof BrokerRecord]] as const);
        this.#now = { ...this.#now, ...Object.fromEntries(old) };
      }
      throw error;
    }
  }
}

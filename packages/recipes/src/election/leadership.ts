/** One term: from winning to losing or resigning, once. */
import { type CallOptions, type Client, type Entry, isCorralError, type Stat } from "@corral/client";
import { type ContenderData, contenderData } from "../hold/contender-data.ts";
import type { Held, HoldOptions, Released } from "../hold/held.ts";
import { Holding } from "../hold/holding.ts";
import type { Place } from "../hold/place.ts";

/** Never comes back once it is over: whoever wins again gets another one, of a greater term. */
export interface Leadership extends Held {
  /** The token: greater than that of every leader before. */
  readonly term: number;
  /**
   * Replaces the value that `current` and `observe` show with this leader; it goes with the term. Of several calls under way the
   * latest wins, and the others need not be seen. Resolves with the stat of the leader's znode, whose `mtime` is the server's time.
   * Rejects with why it leads no more; one that was given up (`TIMEOUT`, `ABORTED`) may be seen still.
   */
  proclaim(value: Uint8Array, options?: CallOptions): Promise<Stat>;
  /** As `release`: the next candidate leads. */
  resign(options?: CallOptions): Promise<Released>;
}

export class Term extends Holding implements Leadership {
  /** What the latest call of `proclaim` wants to be seen. */
  #value: Uint8Array | undefined;

  constructor(client: Client, name: string, place: Place, options: HoldOptions | undefined) {
    super(client, name, place, options);
  }

  get term(): number {
    return this.token;
  }

  async proclaim(value: Uint8Array, options?: CallOptions): Promise<Stat> {
    if (this.lost !== undefined) throw this.lost;
    this.#value = new Uint8Array(value);
    const deadline = this.client.deadline("proclaim", options);
    // Whoever is outrun by another change writes what is wanted by then: an older value never replaces a newer one.
    const withValue = (now: Entry<ContenderData> | undefined): ContenderData => ({ ...now!.value, value: this.#value });
    try {
      const { stat } = await this.client.update(this.path, withValue, {
        ...deadline.rest(),
        codec: contenderData,
        guard: this.guard,
      });
      return stat;
    } catch (error) {
      // The znode has gone, and the watch that tells may be late.
      if (isCorralError(error, "NO_NODE", "GUARD_FAILED")) await this.verify(deadline.rest());
      throw this.lost ?? error;
    }
  }

  resign(options?: CallOptions): Promise<Released> {
    return this.release(options);
  }
}

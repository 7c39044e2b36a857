/** A client that holds a lock, and what it believes of it: for rows in which nobody may lose what he holds, or must know when he does. */
import { setTimeout as wait } from "node:timers/promises";
import { type Client, connect } from "@corral/client";
import { type Held, lock } from "@corral/recipes";

export interface HolderOptions {
  readonly servers: () => Promise<readonly string[]>;
  readonly sessionTimeoutMs: number;
}

const PATH = "/held";
const LOOK_MS = 20;

export class Holder {
  readonly client: Client;
  held: Held;

  private constructor(client: Client, held: Held) {
    this.client = client;
    this.held = held;
  }

  static async open({ servers, sessionTimeoutMs }: HolderOptions): Promise<Holder> {
    const client = await connect({ servers, session: { timeoutMs: sessionTimeoutMs }, timeoutMs: 30_000 });
    return new Holder(client, await lock(client, PATH).acquire());
  }

  /** Does it believe that it holds? */
  get isSure(): boolean {
    return this.held.isValid && !this.held.signal.aborted;
  }

  /** Resolves when it is connected. Rejects after so long. */
  async connected(withinMs: number): Promise<void> {
    const until = performance.now() + withinMs;
    while (this.client.state.name !== "connected") {
      if (performance.now() > until) throw new Error(`the holder is ${this.client.state.name} after ${withinMs} ms`);
      await wait(LOOK_MS);
    }
  }

  /** What was lost stays lost: another hold, with a greater token. */
  async again(): Promise<number> {
    const before = this.held.token;
    this.held = await lock(this.client, PATH).acquire();
    return this.held.token - before;
  }

  async close(): Promise<void> {
    await this.client.close({ timeoutMs: 1_000 });
  }
}

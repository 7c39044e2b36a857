/** Many connections at once: opened a few at a time, kept alive as each session needs it, ended together. */
import { each } from "../each.ts";
import { Trouble } from "../trouble.ts";
import { Connection } from "./connection.ts";

export interface FleetOptions {
  readonly url: string;
  readonly count: number;
  readonly isBatched?: boolean;
  /** Of each session, milliseconds. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 30_000;
/** Below the backlog of a listening socket. */
const OPENING_MAX = 128;
const CLOSING_MAX = 128;
/** A session is heard of this often in the time of its timeout. */
const PINGS_A_TIMEOUT = 3;
/** Pings are spread evenly, in steps of so many milliseconds. */
const PING_STEP_MS = 100;

export class Fleet {
  readonly connections: Connection[] = [];
  /** Raised when one of the connections breaks. */
  readonly trouble: Trouble = new Trouble();
  readonly #pings: NodeJS.Timeout;
  #isOver = false;

  private constructor(timeoutMs: number) {
    const aStep = (PING_STEP_MS * PINGS_A_TIMEOUT) / timeoutMs;
    let due = 0;
    let next = 0;
    this.#pings = setInterval(() => {
      for (due += aStep * this.connections.length; due >= 1; due--) {
        this.connections[next++ % this.connections.length]!.ping();
      }
    }, PING_STEP_MS);
  }

  static async open(options: FleetOptions): Promise<Fleet> {
    const { url, count, isBatched = true, timeoutMs = TIMEOUT_MS } = options;
    const fleet = new Fleet(timeoutMs);
    const broken = (why: Error): void => fleet.trouble.raise(why);
    const opening = each(count, OPENING_MAX, async () => {
      if (fleet.#isOver) return;
      fleet.connections.push(await Connection.open({ url, timeoutMs, isBatched, broken }));
    });
    try {
      await fleet.trouble.orDone(opening);
      return fleet;
    } catch (error) {
      fleet.destroy();
      throw error;
    }
  }

  /** Ends the sessions. */
  async close(): Promise<void> {
    clearInterval(this.#pings);
    const closing = each(this.connections.length, CLOSING_MAX, (n) => this.connections[n]!.close());
    try {
      await this.trouble.orDone(closing);
    } finally {
      this.destroy();
    }
  }

  /** Leaves the sessions to expire. */
  destroy(): void {
    this.#isOver = true;
    clearInterval(this.#pings);
    for (const connection of this.connections) connection.destroy();
  }
}

/** How a client ends by its owner's will: with its session, or leaving that to another process. Each at most once. */
import { Op } from "@corral/protocol";
import type { Budget } from "../calls/call.ts";
import type { Requester } from "../calls/requester.ts";
import { CorralError } from "../error.ts";
import type { DetachedSession } from "../options.ts";
import type { LogSink } from "../world.ts";
import type { Identity } from "./identity.ts";

export interface Closable {
  readonly requester: Requester;
  readonly identity: Identity;
  /** Ends everything on this side. */
  shutDown(): void;
}

export class Closing {
  readonly #client: Closable;
  readonly #log: LogSink;
  #closed: Promise<void> | undefined;
  /** No new calls are taken. */
  #hasBegun = false;
  #whenIdle: (() => void) | undefined;

  constructor(client: Closable, log: LogSink) {
    this.#client = client;
    this.#log = log;
  }

  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** Ends the session at the server if it can be reached within the budget, and the client in any case. Never rejects. */
  close(budget: Budget): Promise<void> {
    this.#closed ??= this.#close(budget);
    return this.#closed;
  }

  async #close(budget: Budget): Promise<void> {
    const { identity, requester } = this.#client;
    if (!this.#hasBegun && identity.session !== undefined) {
      // After everything that was asked; before the gate is shut.
      const answered = requester.request(budget, { op: Op.close }, null, () => undefined);
      this.#hasBegun = true;
      await answered.catch((error: unknown) => {
        this.#log({ level: "info", message: "the session was left to its timeout", fields: { error } });
      });
    }
    this.#hasBegun = true;
    this.#client.shutDown();
  }

  /** Closes the client once everything asked is answered or the budget is over; the session lives on at the server. */
  async detach(budget: Budget): Promise<DetachedSession> {
    const { identity, requester } = this.#client;
    const { session } = identity;
    if (session === undefined || this.#hasBegun) throw noSession(budget.op);
    this.#hasBegun = true;
    await new Promise<void>((resolve) => {
      const stop = requester.after({ ...budget, signal: undefined }, () => {
        resolve();
      });
      this.#whenIdle = () => {
        stop();
        resolve();
      };
      this.frameDone();
    });
    const left = identity.session === session ? identity.bequeath(requester.table.acked) : undefined;
    this.#client.shutDown();
    if (left === undefined) throw noSession(budget.op);
    return left;
  }

  /** Something may have been answered. */
  frameDone(): void {
    const { table } = this.#client.requester;
    if (this.#whenIdle === undefined || table.outstanding + table.queued > 0) return;
    this.#whenIdle();
    this.#whenIdle = undefined;
  }
}

function noSession(op: string): CorralError {
  return new CorralError("SESSION_EXPIRED", { op, outcome: "no", means: "there is no session to leave" });
}

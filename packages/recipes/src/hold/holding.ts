/**
 * Something held, by a znode of this session: knows when it is lost, and makes its release certain.
 *
 * Owns the znode from when it is made until it is gone. A watch tells it of its deletion, and of requests to let go.
 *
 * For authors of recipes: make one when its turn has come, and give it away only once `confirm` has resolved; see `confirmed` in
 * acquire.ts. A recipe with more verbs extends it, and begins each of them with `assertValid`, guarded by `guard`.
 */
import { type CallOptions, type Client, CorralError, type Guard, isCorralError, type WatchEvent } from "@corral/client";
import { contenderData } from "./contender-data.ts";
import type { Held, HoldOptions, Released } from "./held.ts";
import { sessionOver, whenOver, whileIn } from "./in-session.ts";
import { type LetGo, letGo, Pauses, unseen } from "./let-go.ts";
import { DISPOSE_TIMEOUT_MS } from "./limits.ts";
import { evicted, type Place } from "./place.ts";

/** A release under way. */
interface Going {
  readonly outcome: Promise<LetGo>;
  /** Has it been told to whoever releases? */
  isTold: boolean;
}

export class Holding implements Held {
  readonly token: number;
  readonly name: string;
  readonly path: string;
  protected readonly client: Client;
  readonly #place: Place;
  readonly #over = new AbortController();
  readonly #revoke = new AbortController();
  /** Undefined while it is being made. */
  #stopListening: (() => void) | undefined;
  #lost: CorralError | undefined;
  #going: Going | undefined;

  /** `token`: the place's czxid, unless it took over the place of another znode of the same holder. */
  constructor(client: Client, name: string, place: Place, options: HoldOptions = {}, token: number = place.czxid) {
    this.client = client;
    this.name = name;
    this.path = place.path;
    this.token = token;
    this.#place = place;
    const stopStates =
      options.onSuspended === "abort"
        ? client.on("state", (state) => {
            if (state.name !== "suspended") return;
            this.#giveUp(
              new CorralError("SUSPENDED", {
                op: "held",
                detail: { path: this.path },
                outcome: "no",
                cause: state.cause,
              }),
            );
          })
        : undefined;
    const stopWaiting = whenOver(place.session, () => {
      this.#sessionEnded();
    });
    this.#stopListening = () => {
      stopWaiting();
      stopStates?.();
    };
    if (this.#lost !== undefined) this.#stopListening();
  }

  get signal(): AbortSignal {
    return this.#over.signal;
  }

  get revokeRequested(): AbortSignal {
    return this.#revoke.signal;
  }

  get isValid(): boolean {
    return this.validForMs > 0;
  }

  get validForMs(): number {
    return this.#lost === undefined ? this.#place.session.validForMs : 0;
  }

  get guard(): Guard {
    return { path: this.path, czxid: this.#place.czxid };
  }

  /** Why it is held no more; undefined while it is, as far as this side can know. */
  get lost(): CorralError | undefined {
    // The process may have stood still, and the timer that should tell may be late.
    if (!this.#place.session.isValid) this.#sessionEnded();
    return this.#lost;
  }

  assertValid(marginMs = 0): void {
    const { lost } = this;
    if (lost !== undefined) throw lost;
    const { validForMs } = this;
    if (validForMs > marginMs) return;
    throw new CorralError("TIMEOUT", {
      op: "assertValid",
      detail: { path: this.path, name: "marginMs", limit: marginMs, actual: Math.floor(validForMs) },
      outcome: "no",
      means: "it is not certain to be held for as long as that",
    });
  }

  async verify(options?: CallOptions): Promise<boolean> {
    if (this.lost !== undefined) return false;
    const { session } = this.#place;
    try {
      const stat = await whileIn(
        session,
        "verify",
        this.path,
        this.client.stat(this.path, { ...options, consistency: "linearizable" }),
      );
      if (stat?.czxid !== this.#place.czxid) this.#lose(evicted("verify", this.path));
    } catch (error) {
      if (!isCorralError(error, "SESSION_EXPIRED")) throw error;
    }
    return this.lost === undefined;
  }

  /**
   * Looks at the znode as it is, and watches it from now on. Rejects with why it is not held: before this has resolved, nobody may be
   * told that he holds.
   */
  async confirm(op: string, options: CallOptions): Promise<void> {
    const { session } = this.#place;
    try {
      await whileIn(session, op, this.path, this.#look(options));
    } catch (error) {
      if (isCorralError(error, "NO_NODE")) this.#lose(evicted(op, this.path));
      else throw error;
    }
    const { lost } = this;
    if (lost !== undefined) throw lost;
  }

  async #look(options: CallOptions): Promise<void> {
    const { value, stat } = await this.client.get(this.path, {
      ...options,
      consistency: "linearizable",
      codec: contenderData,
      watch: (event) => {
        this.#happened(event);
      },
    });
    if (stat.czxid !== this.#place.czxid || stat.ephemeralOwner !== this.#place.session.id) {
      this.#lose(evicted("held", this.path));
    } else if (value.revoke !== undefined && !this.#revoke.signal.aborted) this.#revoke.abort(value.revoke);
  }

  #happened({ kind }: WatchEvent): void {
    if (this.#lost !== undefined) return;
    if (kind === "deleted") this.#lose(evicted("held", this.path));
    else unseen(this.#lookAgain());
  }

  /** Until it has succeeded, or the hold is lost: without the watch nobody would be told of that. So what may not be looked at is given up. */
  async #lookAgain(): Promise<void> {
    for (const pauses = new Pauses(this.client, this.#place.session); this.lost === undefined; await pauses.next()) {
      try {
        await this.confirm("held", { timeoutMs: Infinity });
        return;
      } catch (error) {
        if (!isCorralError(error)) throw error;
        if (!error.retryable) this.#giveUp(error);
      }
    }
  }

  async release(options?: CallOptions): Promise<Released> {
    const detail = { path: this.path };
    // One whose session is over was not lost by this.
    if (this.lost === undefined)
      this.#lose(new CorralError("CLOSED", { op: "held", detail, outcome: "no", means: "it was released" }));
    const going = this.#letGo();
    const { isTold } = going;
    try {
      const outcome = await this.client.deadline("release", options).race(going.outcome);
      going.isTold = true;
      return isTold ? "was-gone" : outcome;
    } catch (error) {
      if (isCorralError(error, "TIMEOUT", "ABORTED")) return "will-be-released";
      throw error;
    }
  }

  #letGo(): Going {
    if (this.#going === undefined) {
      const outcome = letGo(this.client, this.#place.session, this.#place);
      this.#going = { outcome, isTold: false };
      // Whoever releases looks at it; after a time limit nobody does. What was refused may be tried again.
      unseen(outcome, () => {
        this.#going = undefined;
      });
    }
    return this.#going;
  }

  #sessionEnded(): void {
    this.#lose(sessionOver("held", this.path, this.#place.session.signal.reason));
  }

  /** Lost by our own act. */
  #giveUp(why: CorralError): void {
    this.#lose(why);
    this.#letGo();
  }

  /** For good. */
  #lose(why: CorralError): void {
    if (this.#lost !== undefined) return;
    this.#lost = why;
    this.#stopListening?.();
    this.#over.abort(why);
  }

  /** For a recipe that ends it by a write of its own: what becomes of the znode is then that write's business. */
  protected lose(why: CorralError): void {
    this.#lose(why);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release({ timeoutMs: DISPOSE_TIMEOUT_MS });
  }
}

/**
 * Something held, by a znode of this session: knows when it is lost, and makes its release certain.
 *
 * Owns the znode from when it is held until it is gone. A watch tells it of its deletion, and of requests to let go.
 */
import { type CallOptions, type Client, CorralError, type Guard, isCorralError, type WatchEvent } from "@corral/client";
import { DISPOSE_TIMEOUT_MS } from "./limits.ts";
import { contenderData } from "./contender-data.ts";
import type { Held, HoldOptions, Released } from "./held.ts";
import { sessionOver, whileIn } from "./in-session.ts";
import { type LetGo, letGo, Pauses, unseen } from "./let-go.ts";
import { evicted, type Place } from "./place.ts";

export class Holding implements Held {
  readonly token: number;
  readonly name: string;
  readonly path: string;
  protected readonly client: Client;
  readonly #place: Place;
  readonly #over = new AbortController();
  readonly #revoke = new AbortController();
  readonly #stopListening: () => void;
  #lost: CorralError | undefined;
  #going: { readonly outcome: Promise<LetGo>; isTold: boolean } | undefined;

  /** `token`: the place's czxid, unless it took over the place of another znode of the same holder. */
  constructor(client: Client, name: string, place: Place, options: HoldOptions = {}, token: number = place.czxid) {
    this.client = client;
    this.name = name;
    this.path = place.path;
    this.token = token;
    this.#place = place;
    const { signal } = place.session;
    const sessionEnded = (): void => {
      this.#lose(sessionOver("held", this.path, signal.reason));
    };
    signal.addEventListener("abort", sessionEnded);
    const stopStates =
      options.onSuspended === "abort"
        ? client.on("state", (state) => {
            if (state.name !== "suspended") return;
            this.#lose(
              new CorralError("SUSPENDED", {
                op: "held",
                detail: { path: this.path },
                outcome: "no",
                cause: state.cause,
              }),
            );
            unseen(this.#letGo());
          })
        : undefined;
    this.#stopListening = () => {
      signal.removeEventListener("abort", sessionEnded);
      stopStates?.();
    };
    if (signal.aborted) sessionEnded();
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
    if (this.#lost === undefined && !this.#place.session.isValid) {
      // The process stood still: the timer that should have told is late.
      this.#lose(sessionOver("held", this.path, this.#place.session.signal.reason));
    }
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

  /** Until it has succeeded, or the hold is lost: without the watch nobody would be told of that. */
  async #lookAgain(): Promise<void> {
    for (const pauses = new Pauses(this.client, this.#place.session); this.lost === undefined; await pauses.next()) {
      try {
        await this.confirm("held", { timeoutMs: Infinity });
        return;
      } catch (error) {
        if (!isCorralError(error) || (this.lost === undefined && !error.retryable)) throw error;
      }
    }
  }

  release(options?: CallOptions): Promise<Released> {
    this.#lose(
      new CorralError("CLOSED", { op: "held", detail: { path: this.path }, outcome: "no", means: "it was released" }),
    );
    return this.#finish(options);
  }

  async #finish(options: CallOptions | undefined): Promise<Released> {
    const wasTold = this.#going?.isTold ?? false;
    const letting = this.#letGo();
    try {
      const outcome = await this.client.deadline("release", options).race(letting);
      if (this.#going !== undefined) this.#going.isTold = true;
      return wasTold ? "was-gone" : outcome;
    } catch (error) {
      if (isCorralError(error, "TIMEOUT", "ABORTED")) return "will-be-released";
      throw error;
    }
  }

  #letGo(): Promise<LetGo> {
    if (this.#going === undefined) {
      this.#going = { outcome: letGo(this.client, this.#place.session, this.#place), isTold: false };
      // Whoever releases looks at it; after a time limit nobody does.
      unseen(this.#going.outcome);
    }
    return this.#going.outcome;
  }

  /** For good. */
  #lose(why: CorralError): void {
    if (this.#lost !== undefined) return;
    this.#lost = why;
    this.#stopListening();
    this.#over.abort(why);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release({ timeoutMs: DISPOSE_TIMEOUT_MS });
  }
}

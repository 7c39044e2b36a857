/**
 * The keeping of a registration's znode: one life after the other, each in its session.
 *
 * Owns one loop, the only one that makes the znode, looks at it, and in the end deletes it; whatever happens only wakes it. So there is never
 * more than one creation under way, and what came of it is known before anything else is done. Nobody is told of a life before it is
 * watched and has been looked at: what was told before that, above all of the end of the life before, has then been taken in.
 */
import { type Client, type CorralError, isCorralError, type WatchEvent } from "@corral/client";
import { sessionOver, whenOver } from "../hold/in-session.ts";
import { type LetGo, letGo, unseen } from "../hold/let-go.ts";
import { closed, deletedByOther, isEndOfSession, takenOver } from "./endings.ts";
import { Life } from "./life.ts";
import { Pace } from "./pace.ts";
import type { Standing } from "./standing.ts";
import { type Conflict, type Site, take, untilGone } from "./taking.ts";
import type { Value } from "./value.ts";
import { Watching } from "./watching.ts";

export interface Wanted {
  readonly site: Site;
  readonly onDelete: "restore" | "conflict";
  readonly value: Value;
  readonly standing: Standing;
}

export class Keeping {
  readonly #client: Client;
  readonly #wanted: Wanted;
  readonly #standing: Standing;
  readonly #signal: AbortSignal;
  readonly #pace: Pace;
  readonly #watching: Watching;
  /** The present one, as far as is known here. */
  #life: Life | undefined;
  /** The last that was made, and the one before it, whose end may be told later. */
  #made: Life | undefined;
  #before: Life | undefined;
  /** The last that anybody was told of. */
  #told: Life | undefined;
  #wake = (): void => {};

  constructor(client: Client, wanted: Wanted) {
    this.#client = client;
    this.#wanted = wanted;
    this.#standing = wanted.standing;
    this.#signal = wanted.standing.signal;
    this.#pace = new Pace(client);
    this.#watching = new Watching(client, this.#signal, {
      happened: (event) => this.#happened(event),
      ended: () => this.#doubt(),
    });
    this.#signal.addEventListener("abort", () => {
      this.#life = undefined;
      this.#wake();
    });
  }

  /** The last life that anybody was told of. */
  get told(): Life | undefined {
    return this.#told;
  }

  /** The present life, if it certainly is one that everybody may know of, by the clocks of now. */
  present(): Life | undefined {
    const life = this.#life;
    if (life !== undefined && !life.session.isValid) this.#sessionOver(life);
    return this.#life === this.#told ? this.#life : undefined;
  }

  /** Until it is over. Resolves with what became of the last life. */
  async run(): Promise<LetGo> {
    while (!this.#standing.isOver()) {
      const life = await this.#take();
      if (life === undefined) continue;
      await this.#live(life);
      if (this.#standing.isOver() && life.end === undefined) return letGo(this.#client, life.session, life);
    }
    return "was-gone";
  }

  /** One try at making the znode. Whatever it came to, the loop goes on. */
  async #take(): Promise<Life | undefined> {
    const signal = this.#signal;
    const patiently = { signal, timeoutMs: Infinity };
    const { site, onDelete, value } = this.#wanted;
    try {
      await this.#pace.pause(signal);
      // Not before it is connected: what waits in the client's queue could not be taken back.
      await this.#client.ready(patiently);
      if (onDelete === "conflict" && this.#made?.end === "deleted") {
        // Before the answer it is told whether another took its place in the same transaction.
        await this.#client.stat(site.path, patiently);
        if (this.#made.end === "deleted") this.#standing.end("conflict", deletedByOther(site.path));
        if (this.#standing.isOver()) return undefined;
      }
      const given = value.newest;
      const attempt = await take(this.#client, site, given.data, { isFirst: this.#made === undefined, signal });
      if (attempt.made === undefined) {
        if (attempt.conflict !== undefined) await this.#conflict(attempt.conflict);
        return undefined;
      }
      const { session } = this.#client;
      // If that session is over, its znode is too.
      return session?.id === attempt.made.stat.ephemeralOwner ? new Life(attempt.made, session, given) : undefined;
    } catch (error) {
      if (!isCorralError(error)) throw error;
      if (!this.#standing.isOver()) this.#failed(error);
      return undefined;
    }
  }

  async #conflict({ cause, mayWait }: Conflict): Promise<void> {
    if (this.#standing.isOver()) return;
    if (!mayWait) return this.#standing.end("conflict", cause);
    this.#standing.not("conflict", cause);
    await untilGone(this.#client, this.#wanted.site.path, this.#signal);
  }

  /** The end of a session has pauses of its own, at the client. */
  #failed(error: CorralError): void {
    if (error.code === "CLOSED") return this.#standing.end("closed", error);
    if (!isEndOfSession(error)) {
      this.#pace.failed();
      if (!error.retryable) {
        if (this.#told === undefined) return this.#standing.end("closed", error);
        const { value } = this.#wanted;
        value.refused(value.newest, error);
      }
    }
    this.#standing.not("missing", error);
  }

  // ---- one life -------------------------------------------------------------------------------------------------------

  async #live(life: Life): Promise<void> {
    if (this.#standing.isOver()) return;
    const { clock } = this.#client;
    const since = clock.monotonicMs();
    this.#before = this.#made;
    this.#made = this.#life = life;
    const stopListening = whenOver(life.session, () => {
      this.#sessionOver(life);
    });
    while (this.#life === life) {
      if (life.isDoubtful) await this.#look(life);
      else await new Promise<void>((wake) => (this.#wake = wake));
    }
    stopListening();
    this.#pace.lasted(clock.monotonicMs() - since, life.end === "deleted");
  }

  /** Is it there, and watched from now on? */
  async #look(life: Life): Promise<void> {
    try {
      const [, stat] = await Promise.all([
        this.#watching.at(life.path),
        this.#client.stat(life.path, { timeoutMs: Infinity }),
      ]);
      if (this.#life !== life) return;
      life.isDoubtful = false;
      if (stat?.czxid !== life.czxid) this.deleted(life);
      else if (this.#told !== life) this.#begin(life);
    } catch (error) {
      if (!isCorralError(error)) throw error;
      if (this.#life !== life || isEndOfSession(error)) return;
      // One that it may not watch, for instance: its end would not be known.
      if (!error.retryable) return this.#standing.end("closed", error);
      this.#pace.failed();
      // Aborted, it is over.
      await this.#pace.pause(this.#signal).catch(() => {});
    }
  }

  /** Everybody may be told. */
  #begin(life: Life): void {
    const { value, standing } = this.#wanted;
    this.#told = life;
    standing.registered(life.czxid);
    value.took(life.given);
    if (value.newest === life.given) return;
    // Given while the znode was being made. If this life is over before it is written, the next one begins with it.
    const deadline = this.#client.deadline("registration.update", { timeoutMs: Infinity });
    unseen(value.write(this.#client, life, value.newest, deadline));
  }

  #happened(event: WatchEvent): void {
    for (const life of [this.#before, this.#made]) {
      const what = life?.learn(event);
      if (what === "doubt") this.#doubt();
      if (what === "deleted" && life !== undefined) this.deleted(life);
      // Whoever waits for his turn waits again.
      if (what === "taken over" && this.#wanted.site.onConflict !== "wait")
        this.#standing.end("conflict", takenOver(event.path));
    }
  }

  #doubt(): void {
    if (this.#life !== undefined) this.#life.isDoubtful = true;
    this.#wake();
  }

  #sessionOver(life: Life): void {
    const reason: unknown = life.session.signal.reason;
    if (isCorralError(reason, "CLOSED"))
      this.#standing.end("closed", closed(life.path, "the client is closed", reason));
    else this.#gone(life, "with its session", sessionOver("registration", life.path, reason));
  }

  /** By somebody else. */
  deleted(life: Life): void {
    this.#gone(life, "deleted", deletedByOther(life.path));
  }

  #gone(life: Life, end: "with its session" | "deleted", cause: CorralError): void {
    if (this.#life !== life) return;
    this.#life = undefined;
    life.end = end;
    this.#standing.not("missing", cause);
    this.#wake();
  }
}

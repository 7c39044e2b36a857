/**
 * A znode that is there for as long as it is wanted: one life after the other, each in its session.
 *
 * Owns one loop, the only one that makes the znode, looks at it, and in the end deletes it; whatever happens only rings for it. So there is
 * never more than one creation under way, and what came of it is known before anything else is done. Nobody is told of a life before
 * it is watched and has been looked at: what was told before it, above all of the end of the one before, has then been taken in.
 */
import {
  type CallOptions,
  type Client,
  CorralError,
  type Deadline,
  type Guard,
  isCorralError,
  type StreamReader,
  type WatchEvent,
} from "@corral/client";
import type { Released } from "../hold/held.ts";
import { sessionOver, whenOver } from "../hold/in-session.ts";
import { type LetGo, letGo, unseen } from "../hold/let-go.ts";
import { DISPOSE_TIMEOUT_MS } from "../hold/limits.ts";
import { Newest } from "../newest.ts";
import type { RegisterOptions, Registration, RegistrationState, RegistrationStatus } from "../registration.ts";
import { Bell } from "./bell.ts";
import { closed, deletedByOther, isEndOfSession, takenOver } from "./endings.ts";
import { Life } from "./life.ts";
import { Pace } from "./pace.ts";
import { type Conflict, type Site, take, untilGone } from "./taking.ts";
import { encoded, type Given, Value } from "./value.ts";
import { Watching } from "./watching.ts";

export class Presence<T> implements Registration<T> {
  readonly #client: Client;
  readonly #options: RegisterOptions<T>;
  readonly #site: Site;
  readonly #value: Value;
  readonly #states = new Newest<RegistrationStatus>();
  readonly #bell = new Bell();
  readonly #over = new AbortController();
  readonly #pace: Pace;
  /** Of the path; with `sequential`, of the present life's. */
  readonly #watching: Watching;
  readonly #stopListening: () => void;
  readonly #running: Promise<LetGo>;
  #state: RegistrationState = "missing";
  #cause: CorralError | undefined;
  /** The present one, as far as is known here. */
  #life: Life | undefined;
  /** The last that anybody was told of. */
  #last: Life | undefined;
  /** Has somebody been told how it ended? */
  #isTold = false;

  constructor(client: Client, path: string, value: T, options: RegisterOptions<T>) {
    const { sequential = false, parents = false, acl, onConflict = "error" } = options;
    this.#client = client;
    this.#options = options;
    this.#site = { path, lifetime: "ephemeral", sequential, parents, acl, onConflict };
    this.#value = new Value(encoded(options.codec, value, path, "register"));
    this.#pace = new Pace(client);
    this.#watching = new Watching(client, this.signal, {
      happened: (event) => this.#happened(event),
      ended: () => this.#doubt(),
    });
    this.#stopListening = client.on("state", (state) => {
      if (state.name === "closed") this.#end("closed", closed(path, "the client is closed", state.cause));
    });
    this.#running = this.#run();
    unseen(this.#running);
  }

  get path(): string {
    return this.#last?.path ?? this.#site.path;
  }

  get epoch(): number | undefined {
    return this.#present()?.czxid;
  }

  get guard(): Guard & { readonly czxid: number } {
    return { path: this.path, czxid: this.#last?.czxid ?? 0 };
  }

  get state(): RegistrationState {
    this.#present();
    return this.#state;
  }

  get cause(): CorralError | undefined {
    this.#present();
    return this.#cause;
  }

  get signal(): AbortSignal {
    return this.#over.signal;
  }

  get isValid(): boolean {
    return this.validForMs > 0;
  }

  get validForMs(): number {
    return this.#present()?.session.validForMs ?? 0;
  }

  states(signal?: AbortSignal): StreamReader<RegistrationStatus> {
    return this.#states.read(signal);
  }

  /** Resolves when it is registered for the first time. */
  begun(deadline: Deadline): Promise<void> {
    return this.#value.whenTaken(0, deadline);
  }

  // ---- the loop -------------------------------------------------------------------------------------------------------

  async #run(): Promise<LetGo> {
    while (!this.#isOver()) {
      const life = await this.#take();
      if (life === undefined) continue;
      await this.#live(life);
      if (this.#isOver() && !life.isGone) return letGo(this.#client, life.session, life);
    }
    return "was-gone";
  }

  #isOver(): boolean {
    return this.signal.aborted;
  }

  /** One try at making the znode. Whatever it came to, the loop goes on. */
  async #take(): Promise<Life | undefined> {
    const { signal } = this;
    try {
      await this.#pace.pause(signal);
      // Not before it is connected: what waits in the client's queue could not be taken back.
      await this.#client.ready({ signal, timeoutMs: Infinity });
      const given = this.#value.newest;
      const attempt = await take(this.#client, this.#site, given.data, { isFirst: this.#last === undefined, signal });
      if (attempt.made === undefined) {
        if (!this.#isOver() && attempt.conflict !== undefined) await this.#conflict(attempt.conflict);
        return undefined;
      }
      const { session } = this.#client;
      // If that session is over, its znode is too.
      return session?.id === attempt.made.stat.ephemeralOwner ? new Life(attempt.made, session, given) : undefined;
    } catch (error) {
      if (!isCorralError(error)) throw error;
      if (!this.#isOver()) this.#failed(error);
      return undefined;
    }
  }

  async #conflict({ cause, mayWait }: Conflict): Promise<void> {
    if (!mayWait) return this.#end("conflict", cause);
    this.#tell("conflict", cause);
    await untilGone(this.#client, this.#site.path, this.signal);
  }

  /** The end of a session has pauses of its own, at the client. */
  #failed(error: CorralError): void {
    if (error.code === "CLOSED") return this.#end("closed", error);
    if (!isEndOfSession(error)) {
      this.#pace.failed();
      if (!error.retryable) {
        if (this.#last === undefined) return this.#end("closed", error);
        this.#value.refused(this.#value.newest, error);
      }
    }
    this.#tell("missing", error);
  }

  // ---- one life -------------------------------------------------------------------------------------------------------

  async #live(life: Life): Promise<void> {
    if (this.#isOver()) return;
    const { clock } = this.#client;
    const since = clock.monotonicMs();
    this.#life = life;
    const stopListening = whenOver(life.session, () => {
      this.#sessionOver(life);
    });
    while (this.#life === life) {
      if (life.isDoubtful) await this.#look(life);
      else await this.#bell.rung();
    }
    stopListening();
    this.#pace.lasted(clock.monotonicMs() - since, life.session.isValid);
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
      if (stat?.czxid !== life.czxid) this.#deleted(life);
      else if (this.#last !== life) this.#begin(life);
    } catch (error) {
      if (!isCorralError(error)) throw error;
      if (this.#life !== life || isEndOfSession(error)) return;
      // One that it may not watch, for instance: its end would not be known.
      if (!error.retryable) return this.#end("closed", error);
      this.#pace.failed();
      // Aborted, it is over.
      await this.#pace.pause(this.signal).catch(() => {});
    }
  }

  #happened(event: WatchEvent): void {
    const life = this.#life;
    // The end of the last one may be told when the next has begun.
    if (this.#last !== life && this.#last?.learn(event) === "taken over") this.#takenOver();
    const what = life?.learn(event);
    if (what === "taken over") this.#takenOver();
    else if (what === "deleted" && life !== undefined) this.#deleted(life);
    else if (what === "doubt") this.#doubt();
  }

  #doubt(): void {
    if (this.#life !== undefined) this.#life.isDoubtful = true;
    this.#bell.ring();
  }

  /** Everybody may be told. */
  #begin(life: Life): void {
    this.#last = life;
    this.#tell("registered", undefined);
    this.#value.took(life.given);
    // Given while the znode was being made.
    const { newest } = this.#value;
    if (newest !== life.given) unseen(this.#catchUp(life, newest));
  }

  /** The present life, if it certainly is one, by the clocks of now. */
  #present(): Life | undefined {
    const life = this.#life;
    if (life !== undefined && !life.session.isValid) this.#sessionOver(life);
    return this.#life === this.#last ? this.#life : undefined;
  }

  #sessionOver(life: Life): void {
    const reason: unknown = life.session.signal.reason;
    if (isCorralError(reason, "CLOSED")) this.#end("closed", closed(life.path, "the client is closed", reason));
    else this.#gone(life, sessionOver("registration", life.path, reason));
  }

  #deleted(life: Life): void {
    if (this.#life !== life) return;
    const cause = deletedByOther(life.path);
    this.#gone(life, cause);
    if (this.#options.onDelete === "conflict") this.#end("conflict", cause);
  }

  /** Whoever waits for his turn waits again. */
  #takenOver(): void {
    if (this.#options.onConflict !== "wait") this.#end("conflict", takenOver(this.path));
  }

  #gone(life: Life, cause: CorralError): void {
    if (this.#life !== life) return;
    this.#life = undefined;
    life.isGone = true;
    this.#tell("missing", cause);
    this.#bell.ring();
  }

  // ---- values ---------------------------------------------------------------------------------------------------------

  async update(value: T, options?: CallOptions): Promise<void> {
    const op = "registration.update";
    const deadline = this.#client.deadline(op, options);
    deadline.check();
    const data = encoded(this.#options.codec, value, this.path, op);
    const life = this.#present();
    this.signal.throwIfAborted();
    const given = this.#value.give(data);
    if (life !== undefined && (await this.#set(life, given, deadline))) return;
    this.signal.throwIfAborted();
    try {
      await this.#value.whenTaken(given.revision, deadline);
    } catch (error) {
      if (!isCorralError(error, "TIMEOUT", "ABORTED")) throw error;
      throw new CorralError(error.code, { op, detail: { path: this.path }, outcome: "unknown", cause: this.#cause });
    }
  }

  /** False if that life is over: then the next one has the value. */
  async #set(life: Life, given: Given, deadline: Deadline): Promise<boolean> {
    const { path, czxid } = life;
    try {
      await this.#client.set(path, given.data, { ...deadline.rest(), ifMatch: { czxid } });
      this.#value.took(given);
      return true;
    } catch (error) {
      if (!isCorralError(error)) throw error;
      if (isEndOfSession(error)) return false;
      if (error.code === "GUARD_FAILED" || error.code === "NO_NODE") {
        this.#deleted(life);
        return false;
      }
      if (error.outcome === "no") this.#value.refused(given, error);
      throw error;
    }
  }

  async #catchUp(life: Life, given: Given): Promise<void> {
    await this.#set(life, given, this.#client.deadline("registration.update", { timeoutMs: Infinity }));
  }

  // ---- the end --------------------------------------------------------------------------------------------------------

  async unregister(options?: CallOptions): Promise<Released> {
    this.abandon();
    const wasTold = this.#isTold;
    try {
      const outcome = await this.#client.deadline("unregister", options).race(this.#running);
      this.#isTold = true;
      return wasTold ? "was-gone" : outcome;
    } catch (error) {
      if (isCorralError(error, "TIMEOUT", "ABORTED")) return "will-be-released";
      throw error;
    }
  }

  /** As `unregister`, for whoever does not wait for it. */
  abandon(): void {
    this.#end("closed", closed(this.path, "it was unregistered", undefined));
    this.#state = "closed";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.unregister({ timeoutMs: DISPOSE_TIMEOUT_MS });
  }

  /** For good. */
  #end(state: "conflict" | "closed", reason: CorralError): void {
    if (this.#isOver()) return;
    this.#life = undefined;
    this.#stopListening();
    this.#tell(state, reason);
    this.#states.end();
    this.#over.abort(reason);
    this.#value.end(reason);
    this.#bell.ring();
  }

  #tell(state: RegistrationState, cause: CorralError | undefined): void {
    this.#state = state;
    this.#cause = cause;
    this.#states.tell({ state, epoch: state === "registered" ? this.#last?.czxid : undefined, cause });
  }
}

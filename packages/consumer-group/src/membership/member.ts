/**
 * One member from joining to leaving: one incarnation after the other, mostly one only.
 *
 * Begins anew by itself when the leader has fenced it: a dynamic member under another name. Ends when it leaves, when its instance is
 * another's, when the client is closed, and when the server or the group wants it no more.
 */
import { type Client, CorralError, type Deadline, type Guard, isCorralError, type StreamReader } from "@corral/client";
import { Newest, pause } from "@corral/recipes/authoring";
import type { Membership, Target } from "./api.ts";
import { Incarnation } from "./incarnation.ts";
import type { Settings } from "./options.ts";

/** Random bytes of a name. */
const NAME_BYTES = 12;
/** A member that is fenced again within this time begins anew after growing pauses, milliseconds. */
const SETTLED_MS = 60_000;
const LEAVE_TIMEOUT_MS = 5_000;

export class GroupMembership implements Membership {
  readonly group: string;
  readonly client: Client;
  readonly #settings: Settings;
  readonly #over = new AbortController();
  readonly #targets = new Newest<Target | undefined>();
  readonly #listeners = new Set<(why: CorralError) => void>();
  readonly #first: Promise<void>;
  #incarnation: Incarnation;
  #leaving: Promise<void> | undefined;

  constructor(client: Client, settings: Settings) {
    this.group = settings.group;
    this.client = client;
    this.#settings = settings;
    let began = (): void => undefined;
    this.#first = new Promise((resolve, reject) => {
      began = resolve;
      this.signal.addEventListener("abort", () => reject(this.cause!));
    });
    // Looked at by `begun`.
    this.#first.catch(() => undefined);
    this.#incarnation = this.#incarnate(true, began);
    void this.#run(began);
  }

  /** Resolves when it lives for the first time. Rejects with why it cannot. */
  begun(deadline: Deadline): Promise<void> {
    return deadline.race(this.#first);
  }

  #incarnate(isFirst: boolean, began: () => void): Incarnation {
    const name = this.#settings.instance ?? drawName(this.client);
    return new Incarnation(this.client, this.#settings, name, isFirst, {
      began,
      lost: (why) => {
        this.#targets.tell(undefined);
        for (const listener of [...this.#listeners]) this.#call(listener, why);
      },
      target: (target) => this.#targets.tell(target),
    });
  }

  /** Never rejects. */
  async #run(began: () => void): Promise<void> {
    const deadline = this.client.deadline("group member", { signal: this.signal, timeoutMs: Infinity });
    try {
      for (let fenced = 0; ;) {
        const sinceMs = this.client.clock.monotonicMs();
        const why = await this.#incarnation.run();
        if (!this.#mayBeginAnew(why)) return this.#end(why);
        fenced = this.client.clock.monotonicMs() - sinceMs < SETTLED_MS ? fenced + 1 : 1;
        await pause(this.client, deadline, fenced);
        this.#incarnation = this.#incarnate(false, began);
      }
    } catch (error) {
      if (this.#leaving !== undefined) return;
      this.#end(isCorralError(error) ? error : broken(this.#settings.paths.group, error));
    }
  }

  /** Fenced, it may; where its name is another's, under another one only. */
  #mayBeginAnew({ code }: CorralError): boolean {
    if (this.#leaving !== undefined) return false;
    return code === "GUARD_FAILED" || (code === "NODE_EXISTS" && this.#settings.instance === undefined);
  }

  #end(why: CorralError): void {
    if (this.signal.aborted) return;
    this.#over.abort(why);
    this.#targets.end();
    this.#listeners.clear();
  }

  /** What a listener throws is thrown by itself. */
  #call(listener: (why: CorralError) => void, why: CorralError): void {
    try {
      listener(why);
    } catch (error) {
      this.client.clock.setTimeout(() => {
        throw error;
      }, 0);
    }
  }

  get member(): string {
    return this.#incarnation.member;
  }

  get guard(): Guard | undefined {
    return this.#incarnation.guard;
  }

  get isValid(): boolean {
    return this.validForMs > 0;
  }

  get validForMs(): number {
    return this.#incarnation.validForMs;
  }

  get isLeader(): boolean {
    return this.#incarnation.isLeader;
  }

  get signal(): AbortSignal {
    return this.#over.signal;
  }

  get cause(): CorralError | undefined {
    return this.signal.reason as CorralError | undefined;
  }

  targets(signal?: AbortSignal): StreamReader<Target | undefined> {
    return this.#targets.read(signal);
  }

  reached(epoch: number): Promise<void> {
    return this.#incarnation.reached(epoch);
  }

  onLifeLost(listener: (why: CorralError) => void): () => void {
    // One function may be given twice.
    const own = (why: CorralError): void => listener(why);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  leave({
    temporarily = false,
    timeoutMs = LEAVE_TIMEOUT_MS,
  }: {
    readonly temporarily?: boolean;
    readonly timeoutMs?: number;
  } = {}): Promise<void> {
    this.#leaving ??= this.#leave(temporarily, timeoutMs);
    return this.#leaving;
  }

  async #leave(temporarily: boolean, timeoutMs: number): Promise<void> {
    const leaving = this.#incarnation.leave(temporarily, this.client.deadline("leave", { timeoutMs }));
    this.#end(left(this.#settings.paths.group));
    try {
      await leaving;
    } catch (error) {
      // It goes on leaving by itself; at the latest its session's end does it.
      if (!isCorralError(error, "TIMEOUT", "CLOSED", "SESSION_EXPIRED", "OUTCOME_UNKNOWN")) throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.leave();
  }
}

function drawName(client: Client): string {
  return Array.from(client.random(NAME_BYTES), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function left(path: string): CorralError {
  return new CorralError("CLOSED", {
    op: "membership",
    detail: { path },
    outcome: "no",
    means: "it has left the group",
  });
}

/** A bug, or a codec of somebody else's. */
function broken(path: string, cause: unknown): CorralError {
  const means = "the membership has come to an end by an error that nobody foresaw";
  return new CorralError("CLOSED", { op: "membership", detail: { path }, outcome: "unknown", cause, means });
}

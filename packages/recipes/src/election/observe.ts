/**
 * Following who leads: the newest state for whoever asks, however slow, over reconnects and sessions.
 *
 * Owns a subscription to the queue's children from the first `next()` to the end. Keeps one znode's data for each candidate, and one state
 * for the reader.
 */
import {
  type Client,
  CorralError,
  isCorralError,
  type Stat,
  type StreamReader,
  type Subscription,
  type SubscriptionEvent,
} from "@corral/client";
import { type ContenderData, contenderData } from "../hold/contender-data.ts";
import { contenderName, inOrder } from "../hold/contender-name.ts";
import { NewestReader } from "../wait/newest.ts";
import { pause } from "../wait/pause.ts";
import { readUnits } from "../wait/units.ts";
import { type Leader, leaderIn } from "./leader.ts";

type State = Leader | undefined;
type Candidate = { readonly value: ContenderData; readonly stat: Stat };

export class Observation implements StreamReader<State> {
  readonly #client: Client;
  readonly #path: string;
  readonly #reader: NewestReader<State>;
  /** Ends the subscription. */
  readonly #over = new AbortController();
  #hasBegun = false;
  /** By name, those in the queue. */
  readonly #candidates = new Map<string, Candidate>();
  /** Name of the first of them. */
  #head: string | undefined;
  /** What was told last. */
  #told: { readonly state: State } | undefined;

  constructor(client: Client, path: string, signal: AbortSignal | undefined) {
    this.#client = client;
    this.#path = path;
    this.#reader = new NewestReader(() => {
      this.#over.abort();
      this.#candidates.clear();
    }, signal);
  }

  next(): Promise<IteratorResult<State>> {
    if (!this.#hasBegun && !this.#reader.isEnded) {
      this.#hasBegun = true;
      this.#follow().then(
        () => {
          this.#reader.end();
        },
        (error: Error) => {
          this.#reader.end(error);
        },
      );
    }
    return this.#reader.next();
  }

  return(): Promise<IteratorResult<State>> {
    return this.#reader.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #follow(): Promise<void> {
    const subscription = await this.#subscribe();
    await readUnits(
      subscription,
      (event) => {
        this.#learn(event);
      },
      () => {
        this.#tell();
      },
    );
  }

  async #subscribe(): Promise<Subscription<ContenderData>> {
    const { signal } = this.#over;
    const deadline = this.#client.deadline("election.observe", { signal, timeoutMs: Infinity });
    for (let tries = 1; ; await pause(this.#client, deadline, tries++)) {
      try {
        return await this.#client.subscribe(this.#path, {
          scope: "children",
          codec: contenderData,
          signal,
          timeoutMs: Infinity,
        });
      } catch (error) {
        // It survives sessions, also one that ends before the server has heard of it.
        if (!isCorralError(error) || !(error.retryable || error.code === "SESSION_EXPIRED")) throw error;
      }
    }
  }

  #learn(event: SubscriptionEvent<ContenderData>): void {
    // The queue's own znode, and children that stand for nobody.
    if ("path" in event && (event.path === this.#path || contenderName(nameOf(event.path)) === undefined)) return;
    switch (event.kind) {
      case "synced":
        return;
      case "resync":
        this.#candidates.clear();
        this.#head = undefined;
        return;
      case "entry":
      case "created":
      case "changed":
        return this.#isThere(nameOf(event.path), event);
      case "deleted":
        return this.#hasGone(nameOf(event.path));
      case "undecodable":
        throw new CorralError("CODEC", { op: "election.observe", detail: { path: event.path }, cause: event.error });
      default:
        event satisfies never;
    }
  }

  #isThere(name: string, { value, stat }: Candidate): void {
    this.#candidates.set(name, { value, stat });
    if (this.#head !== name) this.#head = inOrder(this.#head === undefined ? [name] : [this.#head, name])[0]?.name;
  }

  #hasGone(name: string): void {
    this.#candidates.delete(name);
    if (name === this.#head) this.#head = inOrder([...this.#candidates.keys()])[0]?.name;
  }

  #tell(): void {
    const head = this.#head === undefined ? undefined : this.#candidates.get(this.#head);
    const state = head && leaderIn(this.#client, head);
    if (this.#told !== undefined && isSame(this.#told.state, state)) return;
    this.#told = { state };
    this.#reader.tell(state);
  }
}

const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

function isSame(a: State, b: State): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.term === b.term && a.identity === b.identity && a.isMine === b.isMine && areSame(a.value, b.value);
}

function areSame(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

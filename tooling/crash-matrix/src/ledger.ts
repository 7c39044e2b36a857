/**
 * What is known from outside over all lives of a log: what was proposed, what was acknowledged, which zxid stood for what.
 *
 * Owns that knowledge; judge.ts holds a recovered state to it.
 */
import type { Log } from "@corral/log";
import { type Entry, makeBatch, type Proposal, type ProposalOptions } from "./entry.ts";
import { judge, type Known, NOTHING_KNOWN } from "./judge.ts";
import type { Owner } from "./owner.ts";

export class Ledger {
  #certain: readonly Entry[];
  #open: readonly Proposal[];
  readonly #given: Map<number, number>;
  #isRestore: boolean;
  #lastId: number;
  /** Serves: what it commits is certain. */
  #owner: Owner | undefined;

  constructor({ certain, open, given, isRestore }: Known = NOTHING_KNOWN) {
    this.#certain = certain;
    this.#open = open;
    this.#given = new Map(given);
    this.#isRestore = isRestore;
    this.#lastId = Math.max(0, ...certain.map(({ id }) => id), ...open.map(({ id }) => id));
  }

  get known(): Known {
    this.#catchUp();
    return { certain: this.#certain, open: this.#open, given: new Map(this.#given), isRestore: this.#isRestore };
  }

  propose(log: Log, size: number, options?: ProposalOptions): void {
    this.#lastId += 1;
    const { proposal, batch } = makeBatch(this.#lastId, size, options);
    this.#open = [...this.#open, proposal];
    log.propose(batch);
  }

  /** A log is about to be made of these, all or none. */
  restoring(entries: readonly Entry[]): void {
    this.#open = entries;
    this.#isRestore = true;
    this.#lastId = Math.max(0, ...entries.map(({ id }) => id));
  }

  /** The restore said that it is done. */
  restored(entries: readonly Entry[]): void {
    this.#adopt(entries);
  }

  /** `owner` has recovered and serves: its state is certain from now on. Returns what is wrong with it. */
  serves(owner: Owner): string[] {
    const wrong = [...judge(this.known, owner.state), ...owner.wrong];
    this.#adopt(owner.state);
    this.#owner = owner;
    return wrong;
  }

  /** The owner that served is gone, and what it had under way may or may not have happened. */
  ended(): void {
    this.#catchUp();
    this.#owner = undefined;
  }

  #adopt(state: readonly Entry[]): void {
    this.#certain = [...state];
    this.#open = [];
    this.#isRestore = false;
    for (const { firstZxid, id } of state) this.#given.set(firstZxid, id);
  }

  #catchUp(): void {
    const state = this.#owner?.state ?? [];
    const fresh = state.slice(this.#certain.length);
    if (fresh.length === 0) return;
    this.#certain = [...state];
    for (const { firstZxid, id } of fresh) this.#given.set(firstZxid, id);
    const ids = new Set(fresh.map(({ id }) => id));
    this.#open = this.#open.filter(({ id }) => !ids.has(id));
  }
}

/**
 * Which messages of a partition are done, in whatever order they end, and up to where all of them are.
 *
 * Pure. Bounded by whoever begins messages.
 */
import type { Position } from "../claims/claim.ts";
import type { Message } from "../source.ts";

/** A message that has been begun. */
export interface Entry {
  readonly offset: number;
  /** Where to go on after it. */
  readonly next: number;
  readonly leaderEpoch: number | null;
  metadata: string;
  isDone: boolean;
  /** Written in one transaction with the offset. */
  hasEffects: boolean;
  /** To be committed when all before it is done. */
  isWanted: boolean;
}

export const nextOf = ({ offset, nextOffset }: Message<unknown>): number => nextOffset ?? offset + 1;

export class Progress {
  /** After the prefix that is done, whether it is to be committed or not; undefined before the first. */
  done: Position | undefined;
  readonly #auto: boolean;
  readonly #advanced: (position: Position | undefined, messages: number) => void;
  #entries: Entry[] = [];
  /** Entries before this index belong to the prefix. */
  #head = 0;
  #waiters: { readonly entry: Entry; readonly resolve: () => void; readonly reject: (error: Error) => void }[] = [];
  #ended: Error | undefined;

  /**
   * `auto`: what is done is to be committed without being asked for. `advanced`: so many messages more belong to the prefix; the position is
   * what is to be committed, if there is something new.
   */
  constructor(auto: boolean, advanced: (position: Position | undefined, messages: number) => void) {
    this.#auto = auto;
    this.#advanced = advanced;
  }

  /** Begun, and not in the prefix. */
  get outstanding(): number {
    return this.#entries.length - this.#head;
  }

  begin(message: Message<unknown>): Entry {
    const entry: Entry = {
      offset: message.offset,
      next: nextOf(message),
      leaderEpoch: message.leaderEpoch ?? null,
      metadata: "",
      isDone: false,
      hasEffects: false,
      isWanted: this.#auto,
    };
    this.#entries.push(entry);
    return entry;
  }

  finish(entry: Entry): void {
    if (entry.isDone) return;
    entry.isDone = true;
    let position: Position | undefined;
    let messages = 0;
    for (let first = this.#entries[this.#head]; first?.isDone === true; first = this.#entries[this.#head]) {
      this.#head++;
      messages++;
      const { next: offset, metadata, leaderEpoch, isWanted } = first;
      this.done = { offset, metadata, leaderEpoch };
      if (isWanted) position = this.done;
    }
    // Amortised: each entry is moved at most once for each time that the done half is dropped.
    if (this.#head > 32 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
    if (messages === 0) return;
    this.#advanced(position, messages);
    if (this.#waiters.length === 0) return;
    const first = this.#entries[this.#head];
    const isReached = (entry: Entry): boolean => entry === first || entry.isDone;
    const reached = this.#waiters.filter(({ entry: one }) => isReached(one));
    this.#waiters = this.#waiters.filter(({ entry: one }) => !isReached(one));
    for (const { resolve } of reached) resolve();
  }

  /** Resolves when all messages before this one are done, or it is done itself. */
  whenNext(entry: Entry): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#entries[this.#head] === entry || entry.isDone) resolve();
      else if (this.#ended !== undefined) reject(this.#ended);
      else this.#waiters.push({ entry, resolve, reject });
    });
  }

  /** The prefix will not grow to what is waited for. */
  end(why: Error): void {
    this.#ended ??= why;
    for (const { reject } of this.#waiters.splice(0)) reject(why);
  }
}

/**
 * What comes in from the source for one partition: asked for, kept until it is handed out, and not asked for while enough is there.
 *
 * Owns the buffer and the fetch under way. Knows nothing of handlers.
 */
import type { Message, TopicPartition } from "../source.ts";
import { type Handling, retryPause } from "./handling.ts";
import { nextOf } from "./progress.ts";
import { isOutOfRange } from "./start.ts";

/** Messages that wait to be handed out: with so many, and the rest of a batch, no more are fetched. */
const BUFFER_MESSAGES_MAX = 1_000;

export class Inflow<M> {
  readonly #handling: Handling<M>;
  readonly #partition: TopicPartition;
  readonly #arrived: () => void;
  readonly #outOfRange: () => void;
  #run: AbortController | undefined;
  #messages: Message<M>[] = [];
  /** Messages before this index have been taken. */
  #head = 0;
  #fetchedTo = 0;
  /** The fetch that waits for room. */
  #roomy: (() => void) | undefined;

  /** `outOfRange`: the source has no such offset; it has stopped fetching. */
  constructor(handling: Handling<M>, partition: TopicPartition, arrived: () => void, outOfRange: () => void) {
    this.#handling = handling;
    this.#partition = partition;
    this.#arrived = arrived;
    this.#outOfRange = outOfRange;
  }

  get isEmpty(): boolean {
    return this.#head === this.#messages.length;
  }

  /** Of the next message to be taken. */
  get position(): number {
    return this.#messages[this.#head]?.offset ?? this.#fetchedTo;
  }

  /** From another offset on; what is there already is dropped. */
  begin(from: number): void {
    this.stop();
    this.#fetchedTo = from;
    const run = new AbortController();
    this.#run = run;
    void this.#fetch(run.signal);
  }

  stop(): void {
    this.#run?.abort();
    this.#run = undefined;
    this.#messages = [];
    this.#head = 0;
    this.#roomy?.();
  }

  /** Only when there is one. */
  take(): Message<M> {
    const message = this.#messages[this.#head] as Message<M>;
    this.#head++;
    if (this.#head === this.#messages.length) {
      this.#messages = [];
      this.#head = 0;
    }
    if (this.#size * 2 < BUFFER_MESSAGES_MAX) this.#roomy?.();
    return message;
  }

  get #size(): number {
    return this.#messages.length - this.#head;
  }

  /** Until it is stopped. What comes after that, and what is thrown, concerns nobody any more. */
  async #fetch(signal: AbortSignal): Promise<void> {
    const { client, source, fault } = this.#handling;
    for (let tries = 1; !signal.aborted; tries++) {
      try {
        for await (const batch of source.fetch(this.#partition, this.#fetchedTo, signal)) {
          if (signal.aborted) return;
          tries = 0;
          this.#add(batch);
          if (this.#size >= BUFFER_MESSAGES_MAX) await this.#room();
          if (signal.aborted) return;
        }
      } catch (error) {
        if (signal.aborted) return;
        if (isOutOfRange(error)) {
          this.#outOfRange();
          return;
        }
        if (fault(error, { partition: this.#partition, offset: undefined }) === "stop") return;
      }
      if (!signal.aborted) await retryPause(client, Math.max(1, tries), signal);
    }
  }

  /** A source may begin a batch with messages before the offset that it was asked for. */
  #add(batch: readonly Message<M>[]): void {
    if (this.#head > 0) {
      this.#messages = this.#messages.slice(this.#head);
      this.#head = 0;
    }
    for (const message of batch) {
      const [{ offset }, next] = [message, nextOf(message)];
      if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(next) || next <= offset)
        throw this.#wrong(offset, next);
      if (offset < this.#fetchedTo) continue;
      this.#messages.push(message);
      this.#fetchedTo = next;
    }
    this.#arrived();
  }

  #wrong(offset: number, next: number): RangeError {
    const { topic, partition } = this.#partition;
    return new RangeError(
      `${topic}/${partition}: the source gave offset ${offset}, with ${next} to go on at; offsets are whole numbers that grow`,
    );
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      this.#roomy = () => {
        this.#roomy = undefined;
        resolve();
      };
    });
  }
}

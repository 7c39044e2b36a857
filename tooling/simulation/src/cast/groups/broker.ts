/**
 * What is consumed: topics outside of Corral that are appended to and grow while everything else breaks. It never fails for good, and
 * whoever reads it waits in a process of its own: nothing of it reaches a dead one.
 */
import { type Message, OffsetOutOfRange, type Source, type Topic, type TopicPartition } from "@corral/consumer-group";
import type { Draw, Process } from "@corral/testing/world";

/** Messages handed over at once. */
const BATCH_MAX = 8;
/** Of a request or an answer, milliseconds at most. */
const TRANSIT_MS = 15;
const FAILURES = 0.02;

export const keyOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;

/** Thrown now and then, as brokers do. */
export class BrokerAway extends Error {}

export class Broker {
  /** Of each partition, the offset that its next message will have. */
  readonly #ends: Map<string, number>;
  readonly #topics = new Map<string, number>();
  #waiting: (() => void)[] = [];

  constructor(ends: Map<string, number>) {
    this.#ends = ends;
  }

  get topics(): readonly Topic[] {
    return Array.from(this.#topics, ([name, partitions]) => ({ name, partitions }));
  }

  /** Also a topic that was not there. */
  grow(topic: string, partitions: number): void {
    const now = this.#topics.get(topic) ?? 0;
    if (partitions <= now) return;
    this.#topics.set(topic, partitions);
    for (let partition = now; partition < partitions; partition++) this.#ends.set(`${topic}/${partition}`, 0);
    this.#wake();
  }

  append(key: string, count: number): void {
    this.#ends.set(key, this.#ends.get(key)! + count);
    this.#wake();
  }

  end(key: string): number {
    const end = this.#ends.get(key);
    if (end === undefined) throw new BrokerAway(`there is no partition ${key}`);
    return end;
  }

  /** Calls once at the next change. */
  onNews(call: () => void): void {
    this.#waiting.push(call);
  }

  #wake(): void {
    for (const call of this.#waiting.splice(0)) call();
  }
}

/** The broker as one process sees it. */
export class BrokerView implements Source<string> {
  readonly #broker: Broker;
  readonly #process: Process;
  readonly #draw: Draw;

  constructor(broker: Broker, process: Process, draw: Draw) {
    this.#broker = broker;
    this.#process = process;
    this.#draw = draw;
  }

  async *topics(signal: AbortSignal): AsyncGenerator<readonly Topic[]> {
    while (!signal.aborted) {
      const told = this.#broker.topics;
      yield told;
      const now = (): string => JSON.stringify(this.#broker.topics);
      if (now() === JSON.stringify(told)) await this.#news(signal);
    }
  }

  async *fetch(
    partition: TopicPartition,
    from: number,
    signal: AbortSignal,
  ): AsyncGenerator<readonly Message<string>[]> {
    const key = keyOf(partition);
    await this.#transit(signal);
    if (from > this.#broker.end(key)) throw new OffsetOutOfRange(partition, from);
    for (let next = from; !signal.aborted;) {
      const count = Math.min(BATCH_MAX, this.#broker.end(key) - next);
      if (count > 0) {
        yield Array.from({ length: count }, (_, at) => ({ offset: next + at, value: `${key}@${next + at}` }));
        next += count;
      } else await this.#news(signal);
      if (this.#draw() < FAILURES) throw new BrokerAway(`${key} is not to be had`);
    }
  }

  async bounds(partition: TopicPartition, signal: AbortSignal): Promise<{ earliest: number; latest: number }> {
    await this.#transit(signal);
    return { earliest: 0, latest: this.#broker.end(keyOf(partition)) };
  }

  #transit(signal: AbortSignal): Promise<void> {
    return this.#until(signal, (resolve) => void this.#process.after(this.#draw() * TRANSIT_MS, "work", resolve));
  }

  #news(signal: AbortSignal): Promise<void> {
    return this.#until(signal, (resolve) => {
      this.#broker.onNews(() => void this.#process.after(this.#draw() * TRANSIT_MS, "work", resolve));
    });
  }

  #until(signal: AbortSignal, begin: (resolve: () => void) => void): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        signal.removeEventListener("abort", done);
        resolve();
      };
      signal.addEventListener("abort", done);
      if (signal.aborted) done();
      else begin(done);
    });
  }
}

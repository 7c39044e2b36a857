/** Consumers of a source in memory, and what is told of them. */
import type { Client } from "@corral/client";
import { startTestServer, type TestServer, type TestServerOptions } from "@corral/testing";
import {
  consume,
  type ConsumeOptions,
  type Consumer,
  type Message,
  OffsetOutOfRange,
  type Source,
  type Topic,
  type TopicPartition,
  type TraceEvent,
} from "../src/index.ts";

export const SESSION_MS = 6_000;

/** Something that a handler waits for until the test lets go. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

/** Topics in memory: what is appended comes to all who fetch. */
export class MemorySource implements Source<string> {
  readonly #topics = new Map<string, { messages: Message<string>[]; earliest: number; timesMs: number[] }[]>();
  readonly #waiting = new Set<() => void>();
  readonly batch: number;
  /** Of what is appended from now on. */
  leaderEpoch: number | undefined;
  /** How often fetches were begun, by partition. */
  readonly fetches = new Map<string, number>();

  constructor(topics: Readonly<Record<string, number>> = {}, batch = 10) {
    this.batch = batch;
    for (const [name, partitions] of Object.entries(topics)) this.create(name, partitions);
  }

  create(name: string, partitions: number): void {
    const have = this.#topics.get(name) ?? [];
    while (have.length < partitions) have.push({ messages: [], earliest: 0, timesMs: [] });
    this.#topics.set(name, have);
    this.#wake();
  }

  append(topic: string, partition: number, count = 1, atMs = 0): void {
    const log = this.#log({ topic, partition });
    for (let i = 0; i < count; i++) {
      const offset = log.earliest + log.messages.length;
      log.messages.push({ offset, value: `${topic}/${partition}@${offset}`, leaderEpoch: this.leaderEpoch });
      log.timesMs.push(atMs);
    }
    this.#wake();
  }

  /** Forgets what lies before. */
  truncate(topic: string, partition: number, earliest: number): void {
    const log = this.#log({ topic, partition });
    const gone = Math.max(0, earliest - log.earliest);
    log.messages.splice(0, gone);
    log.timesMs.splice(0, gone);
    log.earliest = earliest;
  }

  offsets(topic: string, partition: number): number[] {
    return this.#log({ topic, partition }).messages.map(({ offset }) => offset);
  }

  async *topics(signal: AbortSignal): AsyncGenerator<readonly Topic[]> {
    while (!signal.aborted) {
      yield [...this.#topics].map(([name, partitions]) => ({ name, partitions: partitions.length }));
      await this.#news(signal);
    }
  }

  async *fetch(partition: TopicPartition, from: number, signal: AbortSignal): AsyncGenerator<Message<string>[]> {
    const key = `${partition.topic}/${partition.partition}`;
    this.fetches.set(key, (this.fetches.get(key) ?? 0) + 1);
    const log = this.#log(partition);
    if (from < log.earliest || from > log.earliest + log.messages.length) throw new OffsetOutOfRange(partition, from);
    let next = from;
    while (!signal.aborted) {
      const batch = log.messages.slice(next - log.earliest, next - log.earliest + this.batch);
      if (batch.length === 0) await this.#news(signal);
      else {
        next += batch.length;
        yield batch;
      }
    }
  }

  bounds(partition: TopicPartition): Promise<{ earliest: number; latest: number }> {
    const { earliest, messages } = this.#log(partition);
    return Promise.resolve({ earliest, latest: earliest + messages.length });
  }

  offsetAt(partition: TopicPartition, timeMs: number): Promise<number> {
    const { earliest, timesMs } = this.#log(partition);
    const index = timesMs.findIndex((atMs) => atMs >= timeMs);
    return Promise.resolve(earliest + (index < 0 ? timesMs.length : index));
  }

  #log({ topic, partition }: TopicPartition) {
    const log = this.#topics.get(topic)?.[partition];
    if (log === undefined) throw new Error(`no partition ${topic}/${partition}`);
    return log;
  }

  #news(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#waiting.delete(done);
        signal.removeEventListener("abort", done);
        resolve();
      };
      this.#waiting.add(done);
      signal.addEventListener("abort", done);
      if (signal.aborted) done();
    });
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}

export interface World extends AsyncDisposable {
  readonly server: TestServer;
  readonly source: MemorySource;
  /** Of all consumers. */
  readonly trace: TraceEvent[];
  /** Lets so much time pass. */
  pass(ms: number): Promise<void>;
  client(): Promise<Client>;
  /** What it comes to, once so much time has passed. */
  soon<T>(promise: Promise<T>, ms?: number): Promise<T>;
  /** A consumer of topic `t` in group `g`, unless told otherwise. */
  consumer(client: Client, options: Partial<ConsumeOptions<string>>): Promise<Consumer>;
  /** Offsets as they stand in the tree, by partition. */
  stored(): Record<string, number>;
  /** Claims as they stand in the tree: members by partition. */
  owners(): Record<string, string>;
}

const decoder = new TextDecoder();

export async function world(
  topics: Readonly<Record<string, number>> = { t: 4 },
  options: TestServerOptions = {},
): Promise<World> {
  const server = await startTestServer({ latencyMs: 1, ...options });
  const source = new MemorySource(topics);
  const trace: TraceEvent[] = [];
  const soon = async <T>(promise: Promise<T>, ms = 1_000): Promise<T> => {
    promise.catch(() => undefined);
    await server.clock.advance(ms);
    return promise;
  };
  const read = (kind: "own" | "offsets"): [string, Record<string, unknown>][] =>
    server.dump().flatMap(({ path, data }) => {
      const [, , , what, topic, partition] = path.split("/");
      if (what !== kind || partition === undefined || data === null) return [];
      return [[`${topic}/${partition}`, JSON.parse(decoder.decode(data)) as Record<string, unknown>]];
    });
  return {
    server,
    source,
    trace,
    soon,
    pass: (ms) => server.clock.advance(ms),
    client: () => soon(server.connect({ session: { timeoutMs: SESSION_MS } }), 100),
    consumer: (client, own) => {
      const where = own.assign === undefined ? { topics: ["t"] } : {};
      return soon(
        consume<string>(client, {
          group: "g",
          source,
          handle: () => {},
          trace: (event) => trace.push(event),
          ...where,
          ...own,
        }),
      );
    },
    stored: () => Object.fromEntries(read("offsets").map(([key, { offset }]) => [key, offset as number])),
    owners: () => Object.fromEntries(read("own").map(([key, { member }]) => [key, member as string])),
    [Symbol.asyncDispose]: () => server.close(),
  };
}

/**
 * A client that writes without pause and remembers exactly what it was told: the half of a history that a test can know.
 * Every payload is unique, so that a write applied twice shows.
 */
import { type Client, connect, isCorralError, op, text } from "@corral/client";

export interface WriterOptions {
  readonly id: string;
  /** Asked before each attempt to connect: a restarted daemon has a new port. */
  readonly servers: () => Promise<readonly string[]>;
}

/** Filler, so that segments fill. */
const PADDING: string = "·".repeat(150);
/** Ephemerals kept by each writer; the oldest is deleted for each further one. */
const EPHEMERALS_KEPT = 5;
const CALL_TIMEOUT_MS = 30_000;

export class Writer {
  readonly id: string;
  readonly client: Client;
  /** Payload to path, of every create that was acknowledged, by parent. */
  readonly created: Map<string, Map<string, string>> = new Map<string, Map<string, string>>();
  /** Paths of ephemerals that were created, and not asked to be deleted. */
  readonly ephemerals: string[] = [];
  /** Acknowledged changes of this writer's two counters. */
  sets: number = 0;
  multis: number = 0;
  /** Writes acknowledged, of every kind. */
  acknowledged: number = 0;
  #serial = 0;
  #isStopped = true;
  #lanes: Promise<void>[] = [];

  private constructor(id: string, client: Client) {
    this.id = id;
    this.client = client;
  }

  static async open({ id, servers }: WriterOptions): Promise<Writer> {
    const client = await connect({
      servers,
      timeoutMs: CALL_TIMEOUT_MS,
      session: { timeoutMs: 30_000, onExpired: "close" },
    });
    const writer = new Writer(id, client);
    await client.multi([op.create(writer.counter), op.create(writer.multiCounter)]);
    return writer;
  }

  get counter(): string {
    return `/counters/${this.id}`;
  }

  get multiCounter(): string {
    return `/counters/${this.id}-multi`;
  }

  /** Begins to write below `parent`, several things at once. */
  start(parent: string): void {
    this.#isStopped = false;
    const created = new Map<string, string>();
    this.created.set(parent, created);
    const lanes = [
      () => this.#createSequential(parent, created),
      () => this.#createSequential(parent, created),
      () => this.#createNamed(parent, created),
      () => this.#set(),
      () => this.#multi(parent, created),
      () => this.#ephemeral(),
    ];
    this.#lanes = lanes.map((lane) => this.#repeat(lane));
  }

  /** No new writes. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Resolves when every write has been answered; rejects with the first answer that is wrong. */
  async settled(): Promise<void> {
    await Promise.all(this.#lanes);
  }

  async #repeat(lane: () => Promise<void>): Promise<void> {
    while (!this.#isStopped) {
      await lane();
      this.acknowledged++;
    }
  }

  #payload(): string {
    return `${this.id}:${++this.#serial}${PADDING}`;
  }

  async #createSequential(parent: string, created: Map<string, string>): Promise<void> {
    const payload = this.#payload();
    const { path } = await this.client.create(`${parent}/s-`, payload, { sequential: true, codec: text });
    created.set(payload, path);
  }

  /** Applied twice, the second time would be NODE_EXISTS. */
  async #createNamed(parent: string, created: Map<string, string>): Promise<void> {
    const payload = this.#payload();
    const { path } = await this.client.create(`${parent}/n-${this.id}-${this.#serial}`, payload, { codec: text });
    created.set(payload, path);
  }

  /** Nobody else writes this one: each answer must be one further. */
  async #set(): Promise<void> {
    const { version } = await this.client.set(this.counter, this.#payload(), { codec: text });
    this.#expectVersion(this.counter, version, ++this.sets);
  }

  async #multi(parent: string, created: Map<string, string>): Promise<void> {
    const payload = this.#payload();
    const [{ path }, { version }] = await this.client.multi([
      op.create(`${parent}/m-`, payload, { sequential: true, codec: text }),
      op.set(this.multiCounter, payload, { codec: text }),
    ]);
    created.set(payload, path);
    this.#expectVersion(this.multiCounter, version, ++this.multis);
  }

  async #ephemeral(): Promise<void> {
    const path = `/live/${this.id}-${++this.#serial}`;
    await this.client.create(path, null, { lifetime: "ephemeral" });
    this.ephemerals.push(path);
    while (this.ephemerals.length > EPHEMERALS_KEPT && !this.#isStopped)
      await this.client.delete(this.ephemerals.shift()!);
  }

  #expectVersion(path: string, actual: number, expected: number): void {
    if (actual !== expected) throw new Error(`${path} has version ${actual} after ${expected} acknowledged changes`);
  }
}

/** A client whose calls are given up while they are under way: what it wrote is there once, or not at all. */
export async function writeAndGiveUp(
  client: Client,
  parent: string,
  id: string,
  count: number,
  signal: AbortSignal,
): Promise<void> {
  const calls = Array.from({ length: count }, (_, index) =>
    client
      .create(`${parent}/g-`, `${id}:${index}`, { sequential: true, codec: text, signal })
      .catch((error: unknown) => {
        if (!isCorralError(error, "ABORTED")) throw error;
      }),
  );
  await Promise.all(calls);
}

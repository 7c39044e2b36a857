/**
 * Consumers that come and go while the world breaks as a seed decides: what they handle goes to sinks that keep count.
 *
 * Owns the joining, leaving and appending. What must be true in the end is the test's.
 */
import { type Client, isCorralError, op } from "@corral/client";
import { between, drawFrom, oneOf } from "@corral/testing/world";
import { chaos, type ChaosNow } from "@corral/testing/chaos";
import { consume, type Consumer, type ConsumeOptions, type HandlerContext, type Message } from "../src/index.ts";
import { SESSION_MS, type World } from "./consuming.ts";

export const PARTITIONS = 5;
const MESSAGES_MAX = 400;
/** Virtual milliseconds until everything must be handled, once all is healed. */
const DONE_WITHIN_MS = 300_000;

type Handle = NonNullable<ConsumeOptions<string>["handle"]>;

export interface Present {
  readonly consumer: Consumer;
  readonly client: Client;
}

export interface Crowd {
  readonly world: World;
  readonly seed: number;
  readonly members: number;
  readonly steps: number;
  readonly options: (client: Client) => Partial<ConsumeOptions<string>> & { readonly handle: Handle };
  /** What else is done to the consumers that are there, after each step. */
  readonly beside?: ((present: readonly Present[]) => void) | undefined;
  /** Everything that was sent has come to where it was to come. */
  readonly isDone: () => boolean;
}

/** Resolves when all is handled, and everybody has left. */
export async function crowd({ world, seed, members, steps, options, beside, isDone }: Crowd): Promise<ChaosNow> {
  const { server, source, trace } = world;
  const draw = drawFrom(seed, "crowd");
  const clients: Client[] = [];
  for (let i = 0; i < members; i++) clients.push(await world.client());
  /** Of each client, the consumer that is there, or on its way. */
  const present = clients.map((): Promise<Consumer | undefined> | undefined => undefined);
  const consumers = new Map<Consumer, Client>();
  let sent = 0;
  const join = (index: number): void => {
    const client = clients[index]!;
    const joining = consume<string>(client, {
      group: "g",
      topics: ["t"],
      source,
      commitIntervalMs: 300,
      rebalanceTimeoutMs: 5_000,
      handlerTimeoutMs: 120_000,
      trace: (event) => trace.push(event),
      timeoutMs: Infinity,
      ...options(client),
    }).then(
      (consumer) => {
        consumers.set(consumer, client);
        return consumer;
      },
      (error: unknown) => {
        if (!isCorralError(error)) throw error;
        return undefined;
      },
    );
    present[index] = joining;
  };
  const leave = (index: number): void => {
    const leaving = present[index];
    present[index] = undefined;
    void leaving?.then((consumer) => consumer?.close({ timeoutMs: 3_000 }));
  };
  for (let index = 0; index < members; index++) join(index);
  await world.pass(2_000);
  const struck = await chaos({
    server,
    clients,
    seed,
    steps,
    between: () => {
      const index = Math.floor(draw() * members);
      if (draw() < 0.15) {
        if (present[index] === undefined) join(index);
        else leave(index);
      }
      const count = Math.min(between(draw, 0, 8), MESSAGES_MAX - sent);
      sent += count;
      if (count > 0) source.append("t", Math.floor(draw() * PARTITIONS), count);
      for (const consumer of consumers.keys()) if (consumer.signal.aborted) consumers.delete(consumer);
      beside?.(Array.from(consumers, ([consumer, client]) => ({ consumer, client })));
    },
  });
  if (present.every((consumer) => consumer === undefined)) join(0);
  const until = server.clock.now + DONE_WITHIN_MS;
  while (!isDone()) {
    if (server.clock.now > until)
      throw new Error(`chaos of seed ${seed}: not all handled; ${struck.struck.slice(-20).join("; ")}`);
    await world.pass(500);
    // Who has come to an end by itself comes again.
    for (const [index, one] of present.entries())
      if (one !== undefined)
        void one.then((consumer) => {
          if (consumer?.signal.aborted === true && present[index] === one) present[index] = undefined;
        });
    if (present.every((consumer) => consumer === undefined)) join(0);
  }
  const closing = Promise.all(present.map(async (one) => (await one)?.close()));
  for (let tries = 0; tries < 20; tries++) await world.pass(1_000);
  await closing;
  return struck;
}

/** Every offset of each partition. */
export const sentOf = ({ source }: World): Map<string, number[]> =>
  new Map(Array.from({ length: PARTITIONS }, (_, partition) => [`t/${partition}`, source.offsets("t", partition)]));

/** Effects in the tree, made in one transaction with the offset, or (the mistake) beside it. */
export function treeEffects(
  world: World,
  seed: number,
): { prepare(client: Client): Promise<unknown>; handle: Handle; careless: Handle; counts(): Map<string, number> } {
  const draw = drawFrom(seed, "effects");
  const effect = ({ topic, partition }: HandlerContext["partition"], { offset }: Message<string>) =>
    op.create(`/effects/${topic}-${partition}@${offset}-`, null, { sequential: true });
  return {
    prepare: (client) => client.create("/effects"),
    handle: async (message, context) => {
      await context.commitWith(
        [effect(context.partition, message)],
        oneOf(draw, [{}, {}, { timeoutMs: between(draw, 1, 50) }]),
      );
    },
    careless: (message, context) => worldClient(context, [effect(context.partition, message)]),
    counts: () => {
      const counts = new Map<string, number>();
      for (const { path } of world.server.dump()) {
        const key = /^\/effects\/(.*)-\d{10}$/.exec(path)?.[1]?.replace("-", "/");
        if (key !== undefined) counts.set(key, (counts.get(key) ?? 0) + 1);
      }
      return counts;
    },
  };
}

let writing: Client | undefined;
/** By whom the careless write. */
export const carelessBy = (client: Client): void => void (writing = client);
async function worldClient(
  { guard }: HandlerContext,
  operations: readonly ReturnType<typeof op.create>[],
): Promise<void> {
  await writing!.multi(operations, { guard });
}

/** A store outside: keeps the place with each effect, and refuses tokens smaller than it has seen, unless it is careless. */
export class Sink {
  readonly applied = new Map<string, number[]>();
  readonly #places = new Map<string, { token: number; next: number }>();
  readonly #isCareless: boolean;
  refusals = 0;

  constructor(isCareless: boolean) {
    this.#isCareless = isCareless;
  }

  /** Whoever asks where to begin, shuts the door behind those before him. */
  begin(key: string, token: number): number {
    const place = this.#places.get(key) ?? { token: 0, next: 0 };
    this.#refuse(place.token, token);
    this.#places.set(key, { token: Math.max(place.token, token), next: place.next });
    return place.next;
  }

  apply(key: string, token: number, offset: number, next = offset + 1): void {
    const place = this.#places.get(key)!;
    this.#refuse(place.token, token);
    this.#places.set(key, { token: Math.max(place.token, token), next });
    const applied = this.applied.get(key) ?? [];
    applied.push(offset);
    this.applied.set(key, applied);
  }

  #refuse(greatest: number, token: number): void {
    if (token >= greatest) return;
    this.refusals++;
    if (!this.#isCareless) throw new Error(`token ${token} after ${greatest}`);
  }
}

/** Time passes in the handler, by the client's clock, so that it may be overtaken between being called and writing. */
export const lingering =
  (client: Client, seed: number, write: Handle): Handle =>
  async (message, context) => {
    const draw = drawFrom(seed + message.offset, "lingering");
    await new Promise<void>((resolve) => {
      client.clock.setTimeout(resolve, oneOf(draw, [0, 0, between(draw, 1, 200), between(draw, 1, SESSION_MS)]));
    });
    await write(message, context);
  };

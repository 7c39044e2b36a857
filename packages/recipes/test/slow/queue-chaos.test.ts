/** Many consumers, many faults, some jobs that nobody can do. What was done is witnessed by the server, not by whoever believes to have done it. */
import { type Client, isCorralError, op, text } from "@corral/client";
import { startTestServer, type TestServer } from "@corral/testing";
import { type Draw, drawFrom } from "@corral/testing/world";
import { expect, test } from "vitest";
import type { Job } from "../../src/queue/job.ts";
import { type Queue, queue } from "../../src/queue.ts";
import { chaos, type ValidHolders, validHolders } from "@corral/testing/chaos";
import { eventually } from "../faults/stage.ts";

const PATH = "/queues/work";
const ATTEMPTS_MAX = 8;
const HOUR_MS = 3_600_000;
/** The longest that work takes which is done in time, milliseconds. */
const WORK_MS = 800;

const work = (client: Client): Queue<string> =>
  queue(client, PATH, { codec: text, depthMax: 10_000, attemptsMax: ATTEMPTS_MAX, visibilityMs: 10_000 });

const pause = (client: Client, ms: number): Promise<void> =>
  new Promise((resolve) => void client.clock.setTimeout(resolve, ms));

/** What is known of one job. */
interface Story {
  readonly holders: ValidHolders;
  /** As they were given out. */
  readonly attempts: number[];
  acked: number;
  /** Acknowledgements that nobody knows the outcome of. */
  unknown: number;
}

class Workshop {
  readonly stories = new Map<string, Story>();
  /** Of the jobs that somebody is at. */
  readonly inWork = new Set<Story>();
  readonly draw: Draw;

  constructor(seed: number) {
    this.draw = drawFrom(seed, "workshop");
  }

  /** Until it is known to be there, however often that takes: the id says that it is the same. */
  async put(client: Client, id: string): Promise<void> {
    this.stories.set(id, { holders: validHolders(1), attempts: [], acked: 0, unknown: 0 });
    const priority = Math.floor(this.draw() * 3);
    const delayMs = this.draw() < 0.1 ? Math.floor(this.draw() * 5_000) : 0;
    for (;;) {
      try {
        await work(client).put(id, { id, priority, delayMs, dedupeMs: HOUR_MS });
        return;
      } catch (error) {
        if (!isCorralError(error, "SESSION_EXPIRED", "OUTCOME_UNKNOWN", "TIMEOUT")) throw error;
      }
    }
  }

  async consume(client: Client, signal: AbortSignal): Promise<void> {
    for await (const job of work(client).take({ signal })) {
      const story = this.stories.get(job.id)!;
      story.holders.add(client, job);
      story.attempts.push(job.attempt);
      this.inWork.add(story);
      await this.#do(client, job, story);
      this.inWork.delete(story);
    }
  }

  async #do(client: Client, held: Job<string>, story: Story): Promise<void> {
    await using job = held;
    const chance = this.draw();
    // Some work takes longer than it may.
    await pause(client, chance < 0.02 ? 15_000 : chance * WORK_MS);
    try {
      if (isHopeless(job.value)) await job.nack({ delayMs: chance * 1_000, reason: "hopeless" });
      else if (chance > 0.95) return;
      else {
        await job.ack({
          operations: [op.create(`/witness/${job.id}-`, null, { sequential: true })],
          timeoutMs: Infinity,
        });
        story.acked++;
      }
    } catch (error) {
      if (isCorralError(error, "OUTCOME_UNKNOWN")) story.unknown++;
      // Lost, and another's now.
      else if (!isCorralError(error, "GUARD_FAILED", "TIMEOUT", "SESSION_EXPIRED")) throw error;
    }
  }
}

const isHopeless = (id: string): boolean => id.endsWith("7");

const childrenOf = (server: TestServer, path: string): string[] =>
  server
    .dump()
    .map((node) => node.path)
    .filter((each) => each.startsWith(`${path}/`));

interface Came {
  readonly taken: number;
  readonly dead: number;
  readonly unknown: number;
  readonly struck: number;
}

async function run(seed: number, count: number, steps: number): Promise<Came> {
  await using server = await startTestServer({ seed, latencyMs: 1, log: "file" });
  const consumers = await Promise.all([1, 2, 3, 4, 5].map(() => server.connect({ session: { timeoutMs: 6_000 } })));
  const producers = await Promise.all([1, 2].map(() => server.connect({ session: { timeoutMs: 6_000 } })));
  const onlooker = await server.connect({ session: { timeoutMs: 60_000 } });
  await onlooker.create("/witness");
  const workshop = new Workshop(seed);
  const over = new AbortController();
  /** What must not happen to anybody. */
  const failures: unknown[] = [];
  const failed = (error: unknown): void => void failures.push(error);
  const consuming = Promise.all(consumers.map((client) => workshop.consume(client, over.signal).catch(failed)));
  const produce = async (client: Client, who: number): Promise<void> => {
    for (let i = who; i < count; i += producers.length) {
      await workshop.put(client, `job-${i}`);
      // So that there is work for as long as there is chaos.
      await pause(client, workshop.draw() * ((2_000 * steps) / count));
    }
  };
  const producing = Promise.all(producers.map((client, who) => produce(client, who).catch(failed)));
  const { struck } = await chaos({
    server,
    clients: [...consumers, ...producers],
    seed,
    steps,
    always: (now) => {
      for (const { holders } of workshop.inWork) holders.check(now);
    },
  });
  await eventually(server, producing, HOUR_MS);
  const until = server.clock.now + HOUR_MS;
  while (failures.length === 0 && (await eventually(server, work(onlooker).depth())) > 0) {
    expect(server.clock.now).toBeLessThan(until);
    await server.clock.advance(1_000);
  }
  expect(failures).toEqual([]);
  over.abort();
  await eventually(server, consuming);
  await server.clock.advance(1_000);

  // At rest: nobody in the line, no claim, no job.
  for (const part of ["line", "claims"]) expect(childrenOf(server, `${PATH}/${part}`)).toEqual([]);
  expect(childrenOf(server, `${PATH}/items`).filter((path) => path.split("/").length > 5)).toEqual([]);
  // Every job was done once, or given up; never both.
  const witnesses = new Map<string, number>();
  for (const path of childrenOf(server, "/witness")) {
    const id = path.slice("/witness/".length, -"-0000000000".length);
    witnesses.set(id, (witnesses.get(id) ?? 0) + 1);
  }
  const letters = new Map<string, number>();
  for await (const { id, attempts } of work(onlooker).dead.list()) {
    expect(letters.has(id)).toBe(false);
    letters.set(id, attempts);
  }
  const came = { taken: 0, dead: letters.size, unknown: 0, struck: struck.length };
  expect(workshop.stories.size).toBe(count);
  for (const [id, { acked, unknown, attempts }] of workshop.stories) {
    const done = witnesses.get(id) ?? 0;
    expect({ id, done: done + (letters.has(id) ? 1 : 0) }).toEqual({ id, done: 1 });
    expect(acked).toBeLessThanOrEqual(done);
    expect(acked + unknown).toBeGreaterThanOrEqual(done);
    // Dead are those that were taken as often as they may be, and no others; some may have been taken by whoever was cut off in that.
    if (letters.has(id)) expect(letters.get(id)).toBe(ATTEMPTS_MAX);
    if (isHopeless(id)) expect(letters.has(id)).toBe(true);
    // Each time it was taken it was counted.
    expect(attempts).toEqual([...new Set(attempts)].toSorted((a, b) => a - b));
    expect(attempts.at(-1) ?? 0).toBeLessThanOrEqual(ATTEMPTS_MAX);
    if (done > 0) expect(attempts.length).toBeGreaterThan(0);
    came.taken += attempts.length;
    came.unknown += unknown;
  }
  await onlooker.close();
  return came;
}

for (const seed of [1, 2, 3, 4, 5, 6]) {
  test(`chaos of seed ${seed}: no job is lost, none is done twice, and dead letters are those that were taken too often`, async () => {
    const { taken, dead, struck } = await run(seed, 100, 60);
    expect(struck).toBeGreaterThan(30);
    expect(dead).toBeGreaterThanOrEqual(10);
    expect(taken).toBeGreaterThan(90 + 10 * 2);
  }, 60_000);
}

test("5 consumers, 1,000 jobs and all faults: each job is acknowledged exactly once or given up, whoever took it before", async () => {
  const { taken, dead } = await run(77, 1_000, 150);
  expect(dead).toBeGreaterThanOrEqual(100);
  expect(taken).toBeGreaterThan(1_000);
}, 120_000);

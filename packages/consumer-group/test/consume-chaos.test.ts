/** Groups in a world that breaks as a seed decides: what is promised holds in each, and the checks see a mistake when one is made. */
import { expect, test } from "vitest";
import { checkHistory } from "../src/index.ts";
import { carelessBy, crowd, lingering, PARTITIONS, sentOf, Sink, treeEffects } from "./chaotic.ts";
import { world } from "./consuming.ts";

const seeds = (first: number, count: number): number[] => Array.from({ length: count }, (_, i) => first + i);
const membersOf = (seed: number): number => 3 + (seed % 4);

async function effectsOf(seed: number, isCareless: boolean): Promise<{ wrong: readonly string[]; counts: number[] }> {
  await using it = await world({ t: PARTITIONS }, { seed, log: seed % 3 === 0 ? "file" : "memory" });
  const effects = treeEffects(it, seed);
  const client = await it.client();
  await it.soon(effects.prepare(client));
  carelessBy(client);
  const handled = (): number => effects.counts().size;
  await crowd({
    world: it,
    seed,
    members: membersOf(seed),
    steps: 30,
    options: (own) => ({ handle: lingering(own, seed, isCareless ? effects.careless : effects.handle) }),
    isDone: () => handled() === [...sentOf(it).values()].flat().length,
  });
  return { wrong: checkHistory(it.trace, sentOf(it)), counts: [...effects.counts().values()] };
}

test.each(seeds(1, 8))(
  "chaos of seed %i: effects committed with the offset happen exactly once, and the history is clean",
  async (seed) => {
    const { wrong, counts } = await effectsOf(seed, false);
    expect(wrong).toEqual([]);
    expect(counts.length).toBeGreaterThan(20);
    expect(counts.filter((count) => count !== 1)).toEqual([]);
  },
);

test("effects that are written beside the offset happen more than once in some of these worlds", async () => {
  let twice = 0;
  for (const seed of seeds(1, 3)) twice += (await effectsOf(seed, true)).counts.filter((count) => count > 1).length;
  expect(twice).toBeGreaterThan(0);
});

async function sinkOf(
  seed: number,
  isCareless: boolean,
): Promise<{ sink: Sink; wrong: readonly string[]; sent: Map<string, number[]> }> {
  await using it = await world({ t: PARTITIONS }, { seed, log: seed % 3 === 0 ? "file" : "memory" });
  const sink = new Sink(isCareless);
  const keyOf = ({ topic, partition }: { topic: string; partition: number }): string => `${topic}/${partition}`;
  const applied = (): number => [...sink.applied.values()].reduce((sum, own) => sum + new Set(own).size, 0);
  await crowd({
    world: it,
    seed,
    members: membersOf(seed),
    steps: 30,
    options: (client) => ({
      mode: "external",
      // Asynchronous, as stores are.
      start: async ({ partition, token }) => sink.begin(keyOf(partition), token),
      handle: lingering(client, seed, ({ offset }, { partition, token }) =>
        sink.apply(keyOf(partition), token, offset),
      ),
    }),
    isDone: () => applied() === [...sentOf(it).values()].flat().length,
  });
  return { sink, wrong: checkHistory(it.trace, sentOf(it)), sent: sentOf(it) };
}

test.each(seeds(101, 8))(
  "chaos of seed %i: a sink that checks tokens and keeps the place sees every message once, in order",
  async (seed) => {
    const { sink, wrong, sent } = await sinkOf(seed, false);
    expect(wrong).toEqual([]);
    for (const [key, offsets] of sent) expect(sink.applied.get(key) ?? []).toEqual(offsets);
  },
);

test("a sink that does not check tokens sees messages twice in some of these worlds", async () => {
  let wrong = 0;
  for (const seed of seeds(101, 6)) {
    const { sink, sent } = await sinkOf(seed, true);
    for (const [key, offsets] of sent) if ((sink.applied.get(key) ?? []).length !== offsets.length) wrong++;
  }
  expect(wrong).toBeGreaterThan(0);
});

test.each(seeds(201, 8))(
  "chaos of seed %i: with commits now and then nothing is lost, and offsets never go back",
  async (seed) => {
    await using it = await world({ t: PARTITIONS }, { seed, log: seed % 3 === 0 ? "file" : "memory" });
    const handled = new Set<string>();
    await crowd({
      world: it,
      seed,
      members: membersOf(seed),
      steps: 40,
      options: (client) => ({
        concurrency: 1 + (seed % 3),
        handle: lingering(client, seed, ({ value }) => void handled.add(value)),
      }),
      isDone: () => handled.size === [...sentOf(it).values()].flat().length,
    });
    expect(checkHistory(it.trace, sentOf(it))).toEqual([]);
    expect(it.trace.filter(({ kind }) => kind === "claim").length).toBeGreaterThan(PARTITIONS);
    await it.pass(30_000);
    expect(it.owners()).toEqual({});
    expect(it.server.leaks()).toMatchObject({ ephemerals: 0, watches: 0, subscriptions: 0, waiting: 0 });
  },
);

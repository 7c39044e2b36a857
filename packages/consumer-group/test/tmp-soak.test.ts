import { expect, test } from "vitest";
import { checkHistory } from "../src/index.ts";
import { crowd, lingering, PARTITIONS, sentOf, Sink, treeEffects } from "./chaotic.ts";
import { world } from "./consuming.ts";
const [first, count] = process.env["SEEDS"]!.split(",").map(Number) as [number, number];
const seeds = Array.from({ length: count }, (_, i) => first + i);
test.each(seeds)("effects %i", async (seed) => {
  await using it = await world(
    { t: PARTITIONS },
    { seed, latencyMs: seed % 7, log: seed % 3 === 0 ? "file" : "memory" },
  );
  const effects = treeEffects(it, seed);
  const client = await it.client();
  await it.soon(effects.prepare(client));
  await crowd({
    world: it,
    seed,
    members: 3 + (seed % 4),
    steps: 40,
    options: (own) => ({ handle: lingering(own, seed, effects.handle), concurrency: 1 + (seed % 3) }),
    isDone: () => effects.counts().size === [...sentOf(it).values()].flat().length,
  });
  expect(checkHistory(it.trace, sentOf(it))).toEqual([]);
  expect([...effects.counts().values()].filter((n) => n !== 1)).toEqual([]);
});
test.each(seeds)("sink %i", async (seed) => {
  await using it = await world(
    { t: PARTITIONS },
    { seed: seed + 5000, latencyMs: seed % 5, log: seed % 3 === 0 ? "file" : "memory" },
  );
  const sink = new Sink(false);
  const keyOf = ({ topic, partition }: { topic: string; partition: number }): string => `${topic}/${partition}`;
  const applied = (): number => [...sink.applied.values()].reduce((sum, own) => sum + new Set(own).size, 0);
  await crowd({
    world: it,
    seed,
    members: 3 + (seed % 4),
    steps: 40,
    options: (client) => ({
      mode: "external",
      start: async ({ partition, token }) => sink.begin(keyOf(partition), token),
      handle: lingering(client, seed, ({ offset }, { partition, token }) =>
        sink.apply(keyOf(partition), token, offset),
      ),
    }),
    isDone: () => applied() === [...sentOf(it).values()].flat().length,
  });
  expect(checkHistory(it.trace, sentOf(it))).toEqual([]);
  for (const [key, offsets] of sentOf(it)) expect(sink.applied.get(key) ?? []).toEqual(offsets);
});

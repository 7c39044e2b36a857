/** Metadata of offsets: how much there may be of it, and that as much as there may be is written. */
import { expect, test } from "vitest";
import { world } from "./consuming.ts";

test("metadata that is too long is refused before anything is written", async () => {
  await using it = await world({ t: 1 });
  it.source.append("t", 0, 1);
  const refusals: unknown[] = [];
  const consumer = await it.consumer(await it.client(), {
    mode: "manual",
    handle: (_, context) => context.commit({ metadata: "x".repeat(4_097) }),
    onError: (error) => {
      refusals.push(error);
      return "skip";
    },
  });
  await it.pass(1_000);
  expect(refusals).toMatchObject([{ code: "LIMIT_EXCEEDED", limit: 4_096, actual: 4_097 }]);
  await it.soon(consumer.close());
});

test.each(['"', "a", "\u0001"])(
  "all offsets of a consumer are committed however long names and metadata of %j are",
  async (character) => {
    const topic = "t".repeat(240);
    await using it = await world({ [topic]: 200 });
    const told: unknown[] = [];
    for (let partition = 0; partition < 200; partition++) it.source.append(topic, partition);
    const metadata = character.repeat(4_096 / (JSON.stringify(character).length - 2));
    const consumer = await it.consumer(await it.client(), {
      group: "g".repeat(240),
      topics: [topic],
      mode: "manual",
      handle: (_, context) => context.commit({ metadata }),
      onError: (error) => {
        told.push(error);
        return "retry";
      },
    });
    await it.pass(10_000);
    expect(told).toEqual([]);
    expect(Object.values(it.stored())).toEqual(Array.from({ length: 200 }, () => 1));
    await it.soon(consumer.close());
  },
);

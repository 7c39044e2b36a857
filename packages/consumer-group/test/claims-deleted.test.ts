/** Claims that somebody deletes by hand: noticed at the next commit, and no harm to the others. */
import { expect, test } from "vitest";
import { world } from "./consuming.ts";

test("a claim that was deleted by hand is noticed at the next commit: the others are committed at once, and it is claimed anew", async () => {
  await using it = await world({ t: 2 });
  const lost: string[] = [];
  const consumer = await it.consumer(await it.client(), {
    commitIntervalMs: 60_000,
    rebalance: {
      lost: (claims, why) => void lost.push(`${claims.map(({ partition: { partition } }) => partition)} ${why.code}`),
    },
  });
  await it.pass(1_000);
  for (const partition of [0, 1]) it.source.append("t", partition, 5);
  await it.pass(1_000);
  const other = await it.client();
  await it.soon(other.delete("/groups/g/own/t/0"), 10);
  await expect(it.soon(consumer.commit(), 10)).rejects.toMatchObject({
    code: "GUARD_FAILED",
    path: "/groups/g/own/t/0",
  });
  expect(lost).toEqual(["0 GUARD_FAILED"]);
  expect(it.stored()).toMatchObject({ "t/1": 5 });
  await it.pass(1_000);
  expect(it.owners()).toEqual({ "t/0": consumer.member, "t/1": consumer.member });
  // From where the last commit was.
  expect(it.trace.filter(({ kind, partition }) => kind === "deliver" && partition.partition === 0)).toHaveLength(10);
  await it.soon(consumer.commit(), 10);
  expect(it.stored()).toEqual({ "t/0": 5, "t/1": 5 });
});

test("a claim that was deleted by hand does not hold up the giving back of the others", async () => {
  await using it = await world({ t: 2 });
  const told: unknown[] = [];
  const consumer = await it.consumer(await it.client(), { onError: (error) => (told.push(error), "retry") });
  await it.pass(1_000);
  for (const partition of [0, 1]) it.source.append("t", partition, 5);
  await it.pass(1_000);
  const other = await it.client();
  await it.soon(other.delete("/groups/g/own/t/0"), 10);
  await it.soon(consumer.close(), 100);
  expect(it.owners()).toEqual({});
  expect(it.stored()).toMatchObject({ "t/1": 5 });
  expect(told).toEqual([]);
});

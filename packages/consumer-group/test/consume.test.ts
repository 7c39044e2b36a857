import { expect, test } from "vitest";
import { checkHistory } from "../src/index.ts";
import { world } from "./consuming.ts";

test("a consumer alone in its group handles every message of every partition, and gives all back with the offsets", async () => {
  await using it = await world({ t: 4 });
  for (let partition = 0; partition < 4; partition++) it.source.append("t", partition, 25);
  const handled: string[] = [];
  const consumer = await it.consumer(await it.client(), { handle: ({ value }) => void handled.push(value) });
  await it.pass(1_000);
  expect(handled.length).toBe(100);
  expect(new Set(handled).size).toBe(100);
  expect(consumer.status.state).toBe("stable");
  await it.soon(consumer.close());
  expect(it.stored()).toEqual({ "t/0": 25, "t/1": 25, "t/2": 25, "t/3": 25 });
  expect(it.owners()).toEqual({});
  expect(checkHistory(it.trace, new Map([["t/0", it.source.offsets("t", 0)]]))).toEqual([]);
});

test("two members share the partitions; each moves once, with its offset", async () => {
  await using it = await world({ t: 4 });
  for (let partition = 0; partition < 4; partition++) it.source.append("t", partition, 25);
  const a = await it.consumer(await it.client(), {});
  await it.pass(1_000);
  const b = await it.consumer(await it.client(), {});
  await it.pass(2_000);
  const owners = Object.values(it.owners());
  expect(owners.filter((member) => member === a.member).length).toBe(2);
  expect(owners.filter((member) => member === b.member).length).toBe(2);
  expect(it.trace.filter(({ kind }) => kind === "claim").length).toBe(6);
  expect(it.trace.filter(({ kind }) => kind === "deliver").length).toBe(100);
  expect(checkHistory(it.trace)).toEqual([]);
  await it.soon(Promise.all([a.close(), b.close()]));
  expect(it.server.leaks()).toMatchObject({ ephemerals: 0, watches: 0, subscriptions: 0, waiting: 0 });
});

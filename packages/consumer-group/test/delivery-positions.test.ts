/** Where a partition is begun, moved, held up, and what is buffered. */
import { expect, test } from "vitest";
import { type ConsumeOptions, type Message } from "../src/index.ts";
import { MemorySource, world } from "./consuming.ts";

test.each<[reset: NonNullable<ConsumeOptions<string>["reset"]>, first: number]>([
  ["earliest", 10],
  ["latest", 20],
  [{ atMs: 1_000 }, 15],
])("without an offset it begins as the policy %j says, and where it began stands in the tree", async (reset, first) => {
  await using it = await world({ t: 1 });
  it.source.append("t", 0, 15, 500);
  it.source.append("t", 0, 5, 1_000);
  it.source.truncate("t", 0, 10);
  const handled: number[] = [];
  const consumer = await it.consumer(await it.client(), { reset, handle: ({ offset }) => void handled.push(offset) });
  await it.pass(100);
  expect(it.stored()["t/0"]).toBe(first);
  it.source.append("t", 0, 1, 2_000);
  await it.pass(1_000);
  expect(handled).toEqual(Array.from({ length: 21 - first }, (_, i) => first + i));
  await it.soon(consumer.close());
});

test("without an offset and a policy it is told, and the partition waits for a seek", async () => {
  await using it = await world({ t: 1 });
  it.source.append("t", 0, 5);
  const errors: unknown[] = [];
  const handled: number[] = [];
  const consumer = await it.consumer(await it.client(), {
    reset: "none",
    handle: ({ offset }) => void handled.push(offset),
    onError: (error) => {
      errors.push(error);
      return "retry";
    },
  });
  await it.pass(10_000);
  expect(errors).toMatchObject([{ code: "BAD_ARGUMENTS", limitName: "reset" }]);
  expect(it.stored()).toEqual({});
  await it.soon(consumer.seek({ topic: "t", partition: 0 }, 3));
  expect(handled).toEqual([3, 4]);
  await it.soon(consumer.close());
  expect(it.stored()).toEqual({ "t/0": 5 });
});

test("an offset that the source has lost is reset, and may go back by that only", async () => {
  await using it = await world({ t: 1 });
  it.source.append("t", 0, 5);
  const first = await it.consumer(await it.client(), {});
  await it.pass(1_000);
  await it.soon(first.close());
  it.source.append("t", 0, 10);
  it.source.truncate("t", 0, 12);
  const handled: number[] = [];
  const second = await it.consumer(await it.client(), { handle: ({ offset }) => void handled.push(offset) });
  await it.pass(2_000);
  expect(handled).toEqual([12, 13, 14]);
  const commits = it.trace.filter((event) => event.kind === "commit");
  expect(commits.filter(({ sought }) => sought).map(({ offset }) => offset)).toEqual([12]);
  await it.soon(second.close());
});

test("a seek goes on from there at once, also back, also from within the listener or a handler", async () => {
  await using it = await world({ t: 1 });
  it.source.append("t", 0, 6);
  const handled: number[] = [];
  let isFirst = true;
  const consumer = await it.consumer(await it.client(), {
    rebalance: { assigned: (claims) => consumerLater.then((own) => own.seek(claims[0]!.partition, 2)) },
    handle: async ({ offset }) => {
      handled.push(offset);
      if (offset === 5 && isFirst) {
        isFirst = false;
        await (await consumerLater).seek({ topic: "t", partition: 0 }, 4);
      }
    },
  });
  resolveConsumer(consumer);
  await it.pass(2_000);
  expect(handled).toEqual([2, 3, 4, 5, 4, 5]);
  await it.soon(consumer.close());
  expect(it.stored()).toEqual({ "t/0": 6 });
  await expect(consumer.seek({ topic: "t", partition: 0 }, 0)).rejects.toMatchObject({ code: "BAD_ARGUMENTS" });
});
let resolveConsumer: (consumer: Awaited<ReturnType<Awaited<ReturnType<typeof world>>["consumer"]>>) => void = () => {};
const consumerLater = new Promise<Awaited<ReturnType<Awaited<ReturnType<typeof world>>["consumer"]>>>(
  (resolve) => (resolveConsumer = resolve),
);

test("after a seek nothing is handed out before all handlers from before it have ended", async () => {
  await using it = await world({ t: 1 });
  it.source.append("t", 0, 4);
  const open: (() => void)[] = [];
  const calls: number[] = [];
  const consumer = await it.consumer(await it.client(), {
    concurrency: 2,
    handle: ({ offset }) => {
      calls.push(offset);
      return calls.length > 2 ? undefined : new Promise<void>((resolve) => open.push(resolve));
    },
  });
  await it.pass(1_000);
  await it.soon(consumer.seek({ topic: "t", partition: 0 }, 0), 100);
  open[1]!();
  await it.pass(1_000);
  expect(calls).toEqual([0, 1]);
  open[0]!();
  await it.pass(1_000);
  expect(calls).toEqual([0, 1, 0, 1, 2, 3]);
  await it.soon(consumer.close());
});

test("a paused partition hands nothing out until it is resumed, and the others go on", async () => {
  await using it = await world({ t: 2 });
  const handled: string[] = [];
  const consumer = await it.consumer(await it.client(), { handle: ({ value }) => void handled.push(value) });
  await it.pass(1_000);
  const zero = { topic: "t", partition: 0 };
  consumer.pause([zero]);
  it.source.append("t", 0, 2);
  it.source.append("t", 1, 2);
  await it.pass(1_000);
  expect(handled).toEqual(["t/1@0", "t/1@1"]);
  expect(consumer.status.partitions.map(({ state }) => state)).toEqual(["paused", "claimed"]);
  consumer.resume([zero]);
  await it.pass(1);
  expect(handled.slice(2)).toEqual(["t/0@0", "t/0@1"]);
  expect(() => consumer.pause([{ topic: "t", partition: 7 }])).toThrow(/not claimed/);
  await it.soon(consumer.close());
});

test("no more is fetched than the buffer holds while the handler is slow", async () => {
  await using it = await world({ t: 1 });
  it.source.append("t", 0, 5_000);
  let fetched = 0;
  const counting = new (class extends MemorySource {
    override async *fetch(...args: Parameters<MemorySource["fetch"]>): AsyncGenerator<Message<string>[]> {
      for await (const batch of it.source.fetch(...args)) {
        fetched += batch.length;
        yield batch;
      }
    }
  })({ t: 1 });
  const open: (() => void)[] = [];
  const consumer = await it.consumer(await it.client(), {
    source: counting,
    handle: () => new Promise<void>((resolve) => open.push(resolve)),
  });
  await it.pass(1_000);
  expect(fetched).toBe(1_010);
  for (let i = 0; i < 600; i++) {
    open.shift()!();
    await it.pass(1);
  }
  expect(fetched).toBeGreaterThan(1_010);
  expect(fetched).toBeLessThanOrEqual(600 + 1_020);
  for (const one of open) one();
  const closing = consumer.close();
  for (let i = 0; i < 3; i++) {
    for (const one of open.splice(0)) one();
    await it.pass(10);
  }
  await it.soon(closing);
});

test("a source that throws is told and asked again from where it was; one that ends is asked again too", async () => {
  await using it = await world({ t: 1 });
  it.source.append("t", 0, 4);
  let calls = 0;
  const from: number[] = [];
  const flaky = new (class extends MemorySource {
    override async *fetch(...args: Parameters<MemorySource["fetch"]>): AsyncGenerator<Message<string>[]> {
      from.push(args[1]);
      for await (const [message] of it.source.fetch(...args)) {
        yield [message!];
        if (++calls === 1) throw new Error("connection reset");
        if (calls === 2) return;
      }
    }
  })({ t: 1 });
  const errors: unknown[] = [];
  const handled: number[] = [];
  const consumer = await it.consumer(await it.client(), {
    source: flaky,
    handle: ({ offset }) => void handled.push(offset),
    onError: (error) => {
      errors.push(error);
      return "retry";
    },
  });
  await it.pass(5_000);
  expect(errors).toMatchObject([{ message: "connection reset" }]);
  expect(from.slice(0, 3)).toEqual([0, 1, 2]);
  expect(handled.slice(0, 2)).toEqual([0, 1]);
  await it.soon(consumer.close());
});

test("a source may begin a batch before the offset, leave gaps, and say where to go on", async () => {
  await using it = await world({ t: 1 });
  const handled: number[] = [];
  const odd = new (class extends MemorySource {
    override async *fetch(...args: Parameters<MemorySource["fetch"]>): AsyncGenerator<Message<string>[]> {
      const [, from, signal] = args;
      yield [
        { offset: 0, value: "a", nextOffset: 10 },
        { offset: 10, value: "b" },
        { offset: 20, value: "c", nextOffset: 31 },
      ].filter(({ offset }) => from <= 20 || offset > from);
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    }
  })({ t: 1 });
  const first = await it.consumer(await it.client(), {
    source: odd,
    handle: ({ offset }) => void handled.push(offset),
  });
  await it.pass(1_000);
  expect(handled).toEqual([0, 10, 20]);
  await it.soon(first.seek({ topic: "t", partition: 0 }, 10));
  expect(handled).toEqual([0, 10, 20, 10, 20]);
  await it.soon(first.close());
  expect(it.stored()).toEqual({ "t/0": 31 });
});

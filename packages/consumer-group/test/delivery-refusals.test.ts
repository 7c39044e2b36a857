/** Where writes, sources and handlers of one partition fail in a way of their own: what goes on, and what is told. */
import { op } from "@corral/client";
import { expect, test } from "vitest";
import { type ConsumeOptions, OffsetOutOfRange } from "../src/index.ts";
import { MemorySource, SESSION_MS, world } from "./consuming.ts";

/** Of ZooKeeper's permissions. */
const READ_ONLY = 1;

const never = (): Promise<void> => new Promise(() => {});

test("effects of one message go into one call: a second one beside it is refused, and nothing of it is lost unseen", async () => {
  await using it = await world({ t: 1 });
  const client = await it.client();
  await it.soon(client.create("/effects"));
  it.source.append("t", 0);
  let outcomes: readonly string[] = [];
  const consumer = await it.consumer(client, {
    handle: async (_, context) => {
      const both = await Promise.allSettled([
        context.commitWith([op.create("/effects/a")]),
        context.commitWith([op.create("/effects/b")]),
      ]);
      outcomes = both.map((one) => (one.status === "fulfilled" ? "written" : (one.reason as { code: string }).code));
    },
  });
  await it.pass(1_000);
  expect(outcomes).toEqual(["written", "BAD_ARGUMENTS"]);
  expect(await it.soon(client.children("/effects"))).toEqual(["a"]);
  await it.soon(consumer.close());
});

test("effects that the handler did not wait for, and that come to their turn when it has ended, are refused", async () => {
  await using it = await world({ t: 1 });
  const client = await it.client();
  await it.soon(client.create("/effects"));
  it.source.append("t", 0, 2);
  let first!: () => void;
  const opened = new Promise<void>((resolve) => (first = resolve));
  let outcome = "none";
  const consumer = await it.consumer(client, {
    concurrency: 2,
    commitIntervalMs: 100,
    handle: async ({ offset }, context) => {
      if (offset === 0) return opened;
      context.commitWith([op.create("/effects/late")]).then(
        () => (outcome = "written"),
        (error: { code: string }) => (outcome = error.code),
      );
      return undefined;
    },
  });
  await it.pass(500);
  first();
  await it.pass(1_000);
  expect(outcome).toBe("BAD_ARGUMENTS");
  expect(await it.soon(client.children("/effects"))).toEqual([]);
  expect(it.stored()).toEqual({ "t/0": 2 });
  await it.soon(consumer.close());
});

test("a seek that the server refuses moves the position all the same, and says that it is not written", async () => {
  await using it = await world({ t: 1 });
  it.source.append("t", 0, 6);
  const client = await it.client();
  const seen: number[] = [];
  const consumer = await it.consumer(client, { commitIntervalMs: 200, handle: ({ offset }) => void seen.push(offset) });
  await it.pass(500);
  const admin = await it.client();
  await it.soon(admin.setAcl("/groups/g/offsets/t/0", [{ scheme: "world", id: "anyone", permissions: READ_ONLY }]));
  const told = await it.soon(
    consumer.seek({ topic: "t", partition: 0 }, 4).catch((error: { code: string }) => error.code),
  );
  expect(told).toBe("NO_AUTH");
  await it.pass(500);
  expect(seen).toEqual([0, 1, 2, 3, 4, 5, 4, 5]);
  await it.soon(consumer.close());
});

test("a source that has lost every offset it names is asked with pauses, not in a loop", async () => {
  class Lost extends MemorySource {
    override fetch(partition: { topic: string; partition: number }, from: number): never {
      this.fetches.set("t/0", (this.fetches.get("t/0") ?? 0) + 1);
      throw new OffsetOutOfRange(partition, from);
    }
  }
  await using it = await world({ t: 1 });
  const source = new Lost({ t: 1 });
  const consumer = await it.consumer(await it.client(), { source });
  await it.pass(30_000);
  expect(source.fetches.get("t/0")).toBeGreaterThan(2);
  expect(source.fetches.get("t/0")).toBeLessThan(40);
  await it.soon(consumer.close());
});

test("a handler that hangs on when its claim is long lost makes the member leave, so that others go on with its partitions", async () => {
  await using it = await world({ t: 1 });
  it.source.append("t", 0, 2);
  const client = await it.client();
  const consumer = await it.consumer(client, { handlerTimeoutMs: 30_000, handle: never });
  await it.pass(1_000);
  await it.soon(it.server.faults.expire(client));
  await it.pass(SESSION_MS);
  const handled: number[] = [];
  const other = await it.consumer(await it.client(), { handle: ({ offset }) => void handled.push(offset) });
  await it.pass(60_000);
  expect(consumer.signal.reason).toMatchObject({ code: "TIMEOUT" });
  expect(handled).toEqual([0, 1]);
  await it.soon(other.close());
});

test("what onError returns is one of three words: anything else ends the consumer, and says so", async () => {
  await using it = await world({ t: 1 });
  it.source.append("t", 0);
  let calls = 0;
  const consumer = await it.consumer(await it.client(), {
    handle: () => {
      if (++calls > 100) return new Promise<void>(() => {});
      throw new Error("in vain");
    },
    // As if it were asynchronous.
    onError: (() => Promise.resolve("retry")) as unknown as NonNullable<ConsumeOptions<string>["onError"]>,
  });
  await it.pass(5_000);
  expect(calls).toBe(1);
  expect(consumer.signal.reason).toBeInstanceOf(TypeError);
  expect(String(consumer.signal.reason)).toContain("onError");
});

test("offsets that a source or a sink gives and that are none are told, and asked for again", async () => {
  await using it = await world({ t: 1 });
  it.source.append("t", 0, 4);
  let starts = 0;
  let isBroken = true;
  const told: unknown[] = [];
  const handled: number[] = [];
  class Wrong extends MemorySource {
    override async *fetch(...[partition, from]: Parameters<MemorySource["fetch"]>): ReturnType<MemorySource["fetch"]> {
      yield [{ offset: from, value: "" }];
      if (isBroken) yield [{ offset: from + 1, nextOffset: from + 1, value: `${partition.topic}` }];
      yield [{ offset: from + 1, value: "" }];
    }
  }
  const consumer = await it.consumer(await it.client(), {
    source: new Wrong({ t: 1 }),
    mode: "external",
    start: () => Promise.resolve(++starts === 1 ? Number.NaN : 0),
    handle: ({ offset }) => {
      handled.push(offset);
      if (offset === 1) isBroken = false;
    },
    onError: (error) => {
      told.push(error);
      return "retry";
    },
  });
  await it.pass(5_000);
  expect(starts).toBe(2);
  expect(told.slice(0, 2).map(String)).toEqual([
    "RangeError: NaN is no offset to begin with",
    "RangeError: t/0: the source gave offset 1, with 1 to go on at; offsets are whole numbers that grow",
  ]);
  expect(handled.slice(0, 2)).toEqual([0, 1]);
  await it.soon(consumer.close());
});

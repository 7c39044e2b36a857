/** The handling of messages: order, modes, errors, positions. */
import { json, op } from "@corral/client";
import { expect, test } from "vitest";
import { checkHistory, type HandlerContext, type Message } from "../src/index.ts";
import { gate, SESSION_MS, world } from "./consuming.ts";

test("messages of one partition are handled one after the other, in order, and partitions beside each other", async () => {
  await using it = await world({ t: 2 });
  it.source.append("t", 0, 5);
  it.source.append("t", 1, 5);
  const first = gate();
  const done: string[] = [];
  const consumer = await it.consumer(await it.client(), {
    handle: async ({ value }) => {
      if (value === "t/0@0") await first.opened;
      done.push(value);
    },
  });
  await it.pass(1_000);
  expect(done).toEqual([0, 1, 2, 3, 4].map((offset) => `t/1@${offset}`));
  first.open();
  await it.pass(1);
  expect(done.slice(5)).toEqual([0, 1, 2, 3, 4].map((offset) => `t/0@${offset}`));
  await it.soon(consumer.close());
});

test("of messages handled at once, only the prefix that is done is committed", async () => {
  await using it = await world({ t: 1 });
  it.source.append("t", 0, 6);
  const gates = Array.from({ length: 6 }, gate);
  let most = 0;
  let running = 0;
  const consumer = await it.consumer(await it.client(), {
    concurrency: 3,
    commitIntervalMs: 100,
    handle: async ({ offset }) => {
      most = Math.max(most, ++running);
      await gates[offset]!.opened;
      running--;
    },
  });
  await it.pass(1_000);
  expect(most).toBe(3);
  gates[1]!.open();
  gates[2]!.open();
  await it.pass(1_000);
  expect(it.stored()).toEqual({ "t/0": 0 });
  gates[0]!.open();
  await it.pass(1_000);
  expect(it.stored()).toEqual({ "t/0": 3 });
  for (const one of gates) one.open();
  await it.pass(1_000);
  expect(it.stored()).toEqual({ "t/0": 6 });
  await it.soon(consumer.close());
});

test("at-most-once: the offset stands in the tree before the handler is called, and what threw is not handled again", async () => {
  await using it = await world({ t: 1 });
  it.source.append("t", 0, 4);
  const seen: [offset: number, stored: number | undefined][] = [];
  const consumer = await it.consumer(await it.client(), {
    mode: "at-most-once",
    handle: ({ offset }) => {
      seen.push([offset, it.stored()["t/0"]]);
      throw new Error("in vain");
    },
    onError: () => "retry",
  });
  await it.pass(2_000);
  expect(seen).toEqual([
    [0, 1],
    [1, 2],
    [2, 3],
    [3, 4],
  ]);
  await it.soon(consumer.close());
});

test("manual: nothing is committed but what the handler commits, with all before it that is done", async () => {
  await using it = await world({ t: 1 });
  it.source.append("t", 0, 10);
  const consumer = await it.consumer(await it.client(), {
    mode: "manual",
    commitIntervalMs: 10,
    handle: ({ offset }, context) => (offset === 6 ? context.commit() : undefined),
  });
  await it.pass(2_000);
  expect(it.stored()).toEqual({ "t/0": 7 });
  await it.soon(consumer.close());
  expect(it.stored()).toEqual({ "t/0": 7 });
});

test("manual: what is done is committed when the consumer is asked to", async () => {
  await using it = await world({ t: 1 });
  it.source.append("t", 0, 10);
  const consumer = await it.consumer(await it.client(), { mode: "manual" });
  await it.pass(1_000);
  expect(it.stored()).toEqual({ "t/0": 0 });
  await it.soon(consumer.commit());
  expect(it.stored()).toEqual({ "t/0": 10 });
  await it.soon(consumer.close());
});

test("a commit of a message waits for those before it that are handled beside it", async () => {
  await using it = await world({ t: 1 });
  it.source.append("t", 0, 2);
  const slow = gate();
  const committed: number[] = [];
  const consumer = await it.consumer(await it.client(), {
    mode: "manual",
    concurrency: 2,
    handle: async ({ offset }, context) => {
      if (offset === 0) return slow.opened;
      await context.commit();
      committed.push(offset);
    },
  });
  await it.pass(1_000);
  expect(committed).toEqual([]);
  slow.open();
  await it.pass(100);
  expect(committed).toEqual([1]);
  expect(it.stored()).toEqual({ "t/0": 2 });
  await it.soon(consumer.close());
});

test("external: the sink says where to begin, and no offset is written", async () => {
  await using it = await world({ t: 2 });
  it.source.append("t", 0, 5);
  it.source.append("t", 1, 5);
  const handled: string[] = [];
  const consumer = await it.consumer(await it.client(), {
    mode: "external",
    start: ({ partition: { partition } }) => Promise.resolve(partition === 0 ? 3 : undefined),
    handle: ({ value }) => void handled.push(value),
  });
  await it.pass(1_000);
  await it.soon(consumer.close());
  expect(handled.toSorted()).toEqual(["t/0@3", "t/0@4", "t/1@0", "t/1@1", "t/1@2", "t/1@3", "t/1@4"]);
  expect(it.stored()).toEqual({});
});

test("effects and offset are one transaction: refused, neither happens, and the message is handled again", async () => {
  await using it = await world({ t: 1 });
  const client = await it.client();
  await it.soon(client.create("/effects/1", null, { parents: true }));
  it.source.append("t", 0, 3);
  const errors: unknown[] = [];
  let inTheWay = true;
  const consumer = await it.consumer(client, {
    handle: ({ offset }, context) =>
      context.commitWith([op.create(`/effects/${offset}`, { offset }, { codec: json() })]),
    onError: (error) => {
      errors.push(error);
      if (inTheWay) expect(it.stored()).toEqual({ "t/0": 1 });
      return "retry";
    },
  });
  await it.pass(1_000);
  expect(errors.length).toBeGreaterThan(0);
  // By the index of the operation in the list that was given.
  expect(errors[0]).toMatchObject({ code: "NODE_EXISTS", index: 0, path: "/effects/1" });
  inTheWay = false;
  await it.soon(client.delete("/effects/1"));
  await it.pass(20_000);
  expect(it.stored()).toEqual({ "t/0": 3 });
  expect(it.server.dump().filter(({ path }) => path.startsWith("/effects/")).length).toBe(3);
  await it.soon(consumer.close());
});

test("effects happen once also when the handler throws after them, or does not wait for the answer", async () => {
  await using it = await world({ t: 1 });
  const client = await it.client();
  await it.soon(client.create("/effects"));
  const effect = op.create("/effects/e-", null, { sequential: true });
  const calls: number[] = [];
  const consumer = await it.consumer(client, {
    handle: async ({ offset }, context) => {
      calls.push(offset);
      if (offset === 0) {
        await context.commitWith([effect]);
        throw new Error("after the effect");
      }
      await context.commitWith([effect], calls.length === 2 ? { timeoutMs: 500 } : {});
    },
  });
  await it.pass(1_000);
  it.source.append("t", 0, 1);
  await it.pass(1_000);
  expect(calls).toEqual([0]);
  const slow = it.server.faults.delayReply({ op: "multi" }, 3_000);
  it.source.append("t", 0, 1);
  await it.pass(1_000);
  slow.end();
  await it.pass(30_000);
  expect(calls[1]).toBe(1);
  expect(calls.length).toBeGreaterThan(2);
  expect(it.stored()).toEqual({ "t/0": 2 });
  expect(it.server.dump().filter(({ path }) => path.startsWith("/effects/")).length).toBe(2);
  await it.soon(consumer.close());
});

test("a handler that throws is called again after a pause, or its message is left out, or the consumer stops", async () => {
  await using it = await world({ t: 1 });
  it.source.append("t", 0, 4);
  const tries = new Map<number, number>();
  const broken = new Error("this one stops it");
  const consumer = await it.consumer(await it.client(), {
    handle: ({ offset }) => {
      tries.set(offset, (tries.get(offset) ?? 0) + 1);
      if (offset === 0 && tries.get(0)! < 3) throw new Error("not yet");
      if (offset === 1) throw new Error("never");
      if (offset === 3) throw broken;
    },
    onError: (error, { offset }) => (error === broken ? "stop" : offset === 1 ? "skip" : "retry"),
  });
  await it.pass(30_000);
  expect([...tries]).toEqual([
    [0, 3],
    [1, 1],
    [2, 1],
    [3, 1],
  ]);
  expect(consumer.signal.reason).toBe(broken);
  expect(consumer.status.state).toBe("closed");
  expect(it.stored()).toEqual({ "t/0": 3 });
  expect(it.owners()).toEqual({});
});

test("a handler that takes too long makes the member leave, with what is done committed, and another goes on", async () => {
  await using it = await world({ t: 2 });
  const stuckIn: HandlerContext[] = [];
  const errors: unknown[] = [];
  const a = await it.consumer(await it.client(), {
    handlerTimeoutMs: 10_000,
    handle: ({ offset }, context) => {
      if (offset < 2) return undefined;
      stuckIn.push(context);
      return new Promise(() => {});
    },
    onError: (error) => {
      errors.push(error);
      return "retry";
    },
  });
  await it.pass(1_000);
  it.source.append("t", 0, 4);
  it.source.append("t", 1, 1);
  await it.pass(9_000);
  expect(errors).toEqual([]);
  await it.pass(3_000);
  expect(errors).toMatchObject([{ code: "TIMEOUT", limitName: "handlerTimeoutMs", limit: 10_000 }]);
  expect(a.signal.reason).toMatchObject({ code: "TIMEOUT" });
  expect(stuckIn[0]!.signal.reason).toMatchObject({ code: "TIMEOUT" });
  expect(it.stored()).toEqual({ "t/0": 2, "t/1": 1 });
  const handled: string[] = [];
  const b = await it.consumer(await it.client(), { handle: ({ value }) => void handled.push(value) });
  await it.pass(2_000);
  expect(handled).toEqual(["t/0@2", "t/0@3"]);
  expect(checkHistory(it.trace)).toEqual([]);
  await it.soon(b.close());
});

test("nothing is handed out after a stall or a sleep before it is certain that the claim lasts", async () => {
  for (const fault of ["stallClient", "sleepClient"] as const) {
    await using it = await world({ t: 1 });
    const client = await it.client();
    const handled: [value: string, isValid: boolean][] = [];
    const slow = gate();
    const lost: string[] = [];
    const consumer = await it.consumer(client, {
      handle: async ({ value, offset }: Message<string>, { isValid }) => {
        handled.push([value, isValid]);
        if (offset === 0) await slow.opened;
      },
      rebalance: { lost: (_, { code }) => void lost.push(code) },
    });
    await it.pass(1_000);
    it.source.append("t", 0, 10);
    await it.pass(10);
    it.server.faults[fault](client, SESSION_MS * 3);
    // The handler's own work ends while the process stands still; the next message waits in the buffer.
    slow.open();
    await it.pass(1);
    const other = await it.consumer(await it.client(), { handle: () => {} });
    await it.pass(SESSION_MS * 2);
    const before = handled.length;
    expect(handled.every(([, isValid]) => isValid)).toBe(true);
    await it.pass(SESSION_MS * 3);
    expect(handled.slice(before).every(([, isValid]) => isValid)).toBe(true);
    expect(lost.length).toBeGreaterThan(0);
    expect(checkHistory(it.trace, new Map([["t/0", it.source.offsets("t", 0)]]))).toEqual([]);
    await it.soon(Promise.all([consumer.close(), other.close()]));
  }
});

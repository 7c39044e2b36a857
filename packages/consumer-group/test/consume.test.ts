import { expect, test } from "vitest";
import { checkHistory } from "../src/index.ts";
import { SESSION_MS, world } from "./consuming.ts";

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

test("closing waits for handlers, commits what is done, gives everything back and leaves; after its time it does not wait", async () => {
  await using it = await world({ t: 2 });
  it.source.append("t", 0, 2);
  it.source.append("t", 1, 5);
  let open: () => void = () => {};
  const consumer = await it.consumer(await it.client(), {
    handle: ({ value }) => (value === "t/0@1" ? new Promise<void>((resolve) => (open = resolve)) : undefined),
  });
  await it.pass(1_000);
  const closing = consumer.close({ timeoutMs: 4_000 });
  await it.pass(2_000);
  expect(consumer.signal.aborted).toBe(false);
  expect(it.stored()["t/1"]).toBe(5);
  expect(it.owners()).toEqual({ "t/0": consumer.member });
  await it.soon(closing, 3_000);
  expect(consumer.signal.reason).toMatchObject({ code: "CLOSED" });
  expect(it.stored()).toEqual({ "t/0": 1, "t/1": 5 });
  expect(it.owners()).toEqual({});
  open();
  await it.pass(1_000);
  // It ended after its claim.
  expect(it.stored()["t/0"]).toBe(1);
  await it.soon(consumer.close());
});

test("closing without a connection ends in time all the same", async () => {
  await using it = await world({ t: 2 });
  const client = await it.client();
  const consumer = await it.consumer(client, {});
  await it.pass(1_000);
  const cut = it.server.faults.partition(client);
  const closing = consumer.close({ timeoutMs: 1_000 });
  await it.pass(60_000);
  await closing.catch(() => undefined);
  expect(consumer.signal.aborted).toBe(true);
  cut.end();
  await it.pass(30_000);
  expect(it.owners()).toEqual({});
});

test("partitions named by hand are claimed without a group's leader, and with its offsets", async () => {
  await using it = await world({ t: 3 });
  it.source.append("t", 1, 4);
  const handled: string[] = [];
  const assign = [{ topic: "t", partition: 1 }];
  const client = await it.client();
  const consumer = await it.consumer(client, {
    assign,
    commitIntervalMs: 100,
    handle: ({ value }) => void handled.push(value),
  });
  expect(consumer.status.state).toBe("stable");
  await it.pass(1_000);
  expect(handled.length).toBe(4);
  expect(it.server.dump().filter(({ path }) => path.startsWith("/groups/g/members"))).toEqual([]);
  // In the next session it claims them again.
  await it.server.faults.expire(client);
  await it.pass(SESSION_MS);
  it.source.append("t", 1, 1);
  await it.pass(1_000);
  expect(handled.length).toBe(5);
  await it.soon(consumer.close());
  expect(it.stored()).toEqual({ "t/1": 5 });
  expect(it.server.leaks()).toMatchObject({ ephemerals: 0, watches: 0, subscriptions: 0, waiting: 0 });
});

test("partitions named by hand are refused while a member has them, and beside topics", async () => {
  await using it = await world({ t: 1 });
  const member = await it.consumer(await it.client(), {});
  await it.pass(1_000);
  const other = await it.client();
  const refused = it.consumer(other, { assign: [{ topic: "t", partition: 0 }] });
  await expect(refused).rejects.toMatchObject({ code: "NODE_EXISTS", path: "/groups/g/own/t/0" });
  await expect(it.consumer(other, { assign: [{ topic: "t", partition: 0 }], topics: ["t"] })).rejects.toThrow(
    /either topics or assign/,
  );
  await it.soon(member.close());
  const alone = await it.consumer(other, { assign: [{ topic: "t", partition: 0 }] });
  // A member that comes now waits for it, and takes it when it is free.
  const late = await it.consumer(await it.client(), {});
  await it.pass(5_000);
  expect(late.status.state).toBe("unreleased-partitions");
  expect(alone.status.state).toBe("stable");
  await it.soon(alone.close());
  expect(late.status.state).toBe("stable");
  await it.soon(late.close());
});

test("another process takes an instance over: the first one is told, and its partitions go to the second", async () => {
  await using it = await world({ t: 2 });
  const one = { instance: "i", onInstanceInUse: "take-over" } as const;
  const first = await it.consumer(await it.client(), one);
  await it.pass(1_000);
  const second = await it.consumer(await it.client(), one);
  await it.pass(3_000);
  expect(first.signal.reason).toMatchObject({ code: "NODE_EXISTS" });
  expect(first.status.state).toBe("closed");
  expect(second.status.state).toBe("stable");
  expect(second.status.partitions.length).toBe(2);
  await it.soon(second.close());
});

test("states tell the present one first, then the newest", async () => {
  await using it = await world({ t: 2 });
  const consumer = await it.consumer(await it.client(), {});
  const seen: string[] = [];
  const reading = (async () => {
    for await (const { state } of consumer.states()) seen.push(state);
  })();
  await it.pass(2_000);
  await it.soon(consumer.close());
  await reading;
  expect(seen).toContain("stable");
  expect(seen.at(-1)).toBe("closed");
});

test("options that cannot be are refused before anything is asked", async () => {
  await using it = await world({ t: 1 });
  const client = await it.client();
  const asked = it.server.requests().length;
  for (const [options, error] of [
    [{ concurrency: 0 }, RangeError],
    [{ mode: "twice" as never }, TypeError],
    [{ reset: "middle" as never }, TypeError],
    [{ assign: [], topics: undefined }, RangeError],
    [{ commitIntervalMs: 0 }, RangeError],
    [{ start: () => Promise.resolve(0) }, TypeError],
    [{ offsetRetentionMs: -1 }, RangeError],
    [{ handle: undefined as never }, TypeError],
    [{ source: { topics: () => {} } as never }, TypeError],
    [{ reset: null as never }, TypeError],
    [{ topics: "t" as never }, TypeError],
    [{ onInstanceInUse: "steal" as never }, TypeError],
    [{ instanceGraceMs: Infinity }, RangeError],
  ] as const) {
    const refused = it.consumer(client, options);
    await expect(refused).rejects.toThrow(error);
    // It names what is wrong.
    await expect(refused).rejects.toThrow(new RegExp(Object.keys(options)[0]!));
  }
  expect(it.server.requests().length).toBe(asked);
});

test("a group takes no more members than it may have, and goes on with those", async () => {
  await using it = await world({ t: 2 });
  const limited = { groupMembersMax: 1 };
  const first = await it.consumer(await it.client(), limited);
  const second = it.consumer(await it.client(), limited);
  await expect(second).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
  await it.pass(2_000);
  expect(Object.values(it.owners())).toEqual([first.member, first.member]);
  await it.soon(first.close());
});

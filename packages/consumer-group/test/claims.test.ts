/** Claims: who has a partition, and that nobody else can write for it. */
import { type Client, json, op, type Operation } from "@corral/client";
import { expect, test } from "vitest";
import { checkHistory, type Claim, type HandlerContext } from "../src/index.ts";
import { SESSION_MS, world } from "./consuming.ts";

const claimed = (trace: readonly { kind: string }[]): number => trace.filter(({ kind }) => kind === "claim").length;

test("a member claims all its partitions in one transaction, and reads their offsets in one request", async () => {
  const asked: unknown[] = [];
  for (const partitions of [1, 150]) {
    await using it = await world({ t: partitions });
    const consumer = await it.consumer(await it.client(), {});
    await it.pass(1_000);
    expect(Object.keys(it.owners()).length).toBe(partitions);
    asked.push(["multiEach", "multiRead", "create"].map((op) => it.server.requests({ op }).length));
    await it.soon(consumer.close());
  }
  expect(asked[1]).toEqual(asked[0]);
});

test("all offsets of one interval are one transaction, however many partitions there are", async () => {
  await using it = await world({ t: 50 });
  const consumer = await it.consumer(await it.client(), { commitIntervalMs: 1_000 });
  await it.pass(3_000);
  const before = it.server.requests({ op: "multi" }).length;
  for (let partition = 0; partition < 50; partition++) it.source.append("t", partition, 3);
  await it.pass(1_500);
  expect(Object.values(it.stored())).toEqual(Array.from({ length: 50 }, () => 3));
  expect(it.server.requests({ op: "multi" }).length - before).toBe(1);
  await it.pass(10_000);
  // Nothing to commit, nothing written.
  expect(it.server.requests({ op: "multi" }).length - before).toBe(1);
  await it.soon(consumer.close());
});

test("while a commit is slow, what is handled meanwhile is merged into one next commit", async () => {
  await using it = await world({ t: 2 });
  const consumer = await it.consumer(await it.client(), { commitIntervalMs: 10 });
  await it.pass(1_000);
  const slow = it.server.faults.delayReply({ op: "multi" }, 2_000);
  const before = it.server.requests({ op: "multi" }).length;
  for (let i = 0; i < 40; i++) {
    it.source.append("t", i % 2, 1);
    await it.pass(50);
  }
  expect(it.server.requests({ op: "multi" }).length - before).toBe(1);
  slow.end();
  await it.pass(3_000);
  expect(it.server.requests({ op: "multi" }).length - before).toBeLessThanOrEqual(3);
  expect(it.stored()).toEqual({ "t/0": 20, "t/1": 20 });
  await it.soon(consumer.close());
});

test("a partition that another has is waited for with one watch, and claimed as soon as it is free", async () => {
  await using it = await world({ t: 3 });
  const other = await it.client();
  await it.soon(
    other.create(
      "/groups/g/own/t/1",
      { member: "somebody", alone: true },
      { lifetime: "ephemeral", parents: true, codec: json() },
    ),
  );
  const consumer = await it.consumer(await it.client(), {});
  await it.pass(2_000);
  expect(consumer.status.state).toBe("unreleased-partitions");
  expect(consumer.status.partitions.map(({ state }) => state).toSorted()).toEqual(["claimed", "claimed", "waiting"]);
  const asked = it.server.requests().length;
  await it.pass(5_000);
  // No polling: heartbeats only.
  expect(
    it.server
      .requests()
      .slice(asked)
      .filter(({ path }) => path?.includes("/own/") === true),
  ).toEqual([]);
  await it.soon(other.delete("/groups/g/own/t/1"), 10);
  expect(consumer.status.state).toBe("stable");
  await it.soon(consumer.close());
  expect(it.server.leaks().watches).toBe(0);
});

test("a stale owner commits nothing: whoever came after it has the partition, and the others are committed at once", async () => {
  await using it = await world({ t: 3 });
  const lost: string[] = [];
  const contexts = new Map<number, HandlerContext>();
  const client = await it.client();
  const consumer = await it.consumer(client, {
    commitIntervalMs: 60_000,
    handle: (_, context) => void contexts.set(context.partition.partition, context),
    rebalance: {
      lost: (claims, why) => void lost.push(`${claims.map(({ partition: { partition } }) => partition)} ${why.code}`),
    },
  });
  await it.pass(1_000);
  it.source.append("t", 0, 5);
  it.source.append("t", 1, 5);
  await it.pass(1_000);
  // As an administrator would do it: the claim of partition 0 is another's now.
  const other = await it.client();
  await it.soon(other.delete("/groups/g/own/t/0"), 10);
  const second = other.create(
    "/groups/g/own/t/0",
    { member: "other", alone: true },
    { lifetime: "ephemeral", codec: json() },
  );
  await it.soon(second, 10);
  const committing = it.soon(consumer.commit());
  await expect(committing).rejects.toMatchObject({ code: "GUARD_FAILED", path: "/groups/g/own/t/0" });
  expect(it.stored()).toMatchObject({ "t/0": 0, "t/1": 5 });
  expect(lost).toEqual(["0 GUARD_FAILED"]);
  expect(contexts.get(0)!.signal.aborted).toBe(true);
  expect(contexts.get(0)!.isValid).toBe(false);
  expect(contexts.get(1)!.isValid).toBe(true);
  await expect(contexts.get(0)!.commit()).rejects.toMatchObject({ code: "GUARD_FAILED" });
  // It is still to have it, so it waits for it.
  expect(consumer.status.partitions.find(({ partition: { partition } }) => partition === 0)!.state).toBe("waiting");
  await it.soon(consumer.close());
});

/** As a client would be whose commits nobody checks. */
function unguarded(client: Client): Client {
  const view = { guard: (guard: unknown) => guard, toServer: (path: string) => path } as never;
  const kindOf = (one: Operation<unknown>): unknown => one.wire(view)[0]!.op;
  const check = kindOf(op.check("/", "absent"));
  const isCheck = (one: Operation<unknown>): boolean => one.wire(view).length === 1 && kindOf(one) === check;
  const multi = async (operations: readonly Operation<unknown>[]): Promise<unknown> => {
    const results = [...(await client.multi(operations.filter((one) => !isCheck(one))))];
    return operations.map((one) => (isCheck(one) ? undefined : results.shift()));
  };
  return new Proxy(client, {
    get: (target, name) => {
      const found: unknown = name === "multi" ? multi : Reflect.get(target, name, target);
      return typeof found === "function" && name !== "multi" ? (found.bind(target) as unknown) : found;
    },
  });
}

test.each([
  ["refused by the server", false, []],
  ["seen in the history, were it not checked by the server", true, [/a commit after the next claim/]],
])("a commit by a claim that another has followed is %s", async (_what, isUnguarded, seen) => {
  await using it = await world({ t: 1 });
  const client = await it.client();
  const first = await it.consumer(isUnguarded ? unguarded(client) : client, { assign: [{ topic: "t", partition: 0 }] });
  await it.pass(1_000);
  const other = await it.client();
  await it.soon(other.delete("/groups/g/own/t/0"), 10);
  const second = await it.consumer(other, {
    assign: [{ topic: "t", partition: 0 }],
    handle: () => new Promise(() => {}),
  });
  it.source.append("t", 0, 3);
  await it.pass(10_000);
  expect(it.stored()).toEqual({ "t/0": isUnguarded ? 3 : 0 });
  expect(checkHistory(it.trace)).toEqual(seen.map((one) => expect.stringMatching(one) as unknown));
  expect(first.signal.aborted).toBe(!isUnguarded);
  await it.soon(Promise.all([first.close(), second.close({ timeoutMs: 1 })]), 10_000);
});

test("a member that was cut off for longer than its session loses everything before it can do anything, and its token is smaller", async () => {
  await using it = await world({ t: 2 });
  it.source.append("t", 0, 3);
  const clients = [await it.client(), await it.client()];
  const claims: Claim[][] = [[], []];
  const consumers = [];
  for (const [index, client] of clients.entries())
    consumers.push(
      await it.consumer(client, {
        rebalance: { assigned: (own) => void claims[index]!.push(...own) },
        commitIntervalMs: 100,
      }),
    );
  await it.pass(3_000);
  const zombie = claims[0]!.find(({ isValid }) => isValid)!;
  const cut = it.server.faults.partition(clients[0]!);
  await it.pass(SESSION_MS * 2);
  expect(zombie.isValid).toBe(false);
  expect(zombie.signal.aborted).toBe(true);
  const owners = it.owners();
  expect(Object.values(owners)).toEqual([consumers[1]!.member, consumers[1]!.member]);
  const successor = claims[1]!.find(({ partition: { partition } }) => partition === zombie.partition.partition)!;
  expect(successor.token).toBeGreaterThan(zombie.token);
  cut.end();
  await it.pass(SESSION_MS * 2);
  expect(Object.values(it.owners()).toSorted()).toEqual(consumers.map(({ member }) => member).toSorted());
  expect(checkHistory(it.trace)).toEqual([]);
  await it.soon(Promise.all(consumers.map((consumer) => consumer.close())));
});

test("the reply to the claims is lost: they are this member's, and nothing is claimed twice", async () => {
  await using it = await world({ t: 5 });
  const lost = it.server.faults.dropReply({ op: "multiEach" });
  const consumer = await it.consumer(await it.client(), {});
  await it.pass(5_000);
  expect(lost.hits).toBe(1);
  expect(consumer.status.state).toBe("stable");
  expect(claimed(it.trace)).toBe(5);
  await it.soon(consumer.close());
});

test("the reply to a commit, or to the giving back, is lost: the offsets are right, and nothing is handled again", async () => {
  await using it = await world({ t: 2 });
  const consumer = await it.consumer(await it.client(), { commitIntervalMs: 500 });
  await it.pass(100);
  it.source.append("t", 0, 7);
  it.source.append("t", 1, 9);
  const lost = it.server.faults.dropReply({ op: "multi" });
  await it.pass(5_000);
  expect(lost.hits).toBe(1);
  expect(it.stored()).toEqual({ "t/0": 7, "t/1": 9 });
  it.source.append("t", 0, 1);
  await it.pass(1);
  const again = it.server.faults.dropReply({ op: "multi" });
  await it.soon(consumer.close(), 10_000);
  expect(again.hits).toBe(1);
  expect(it.stored()).toEqual({ "t/0": 8, "t/1": 9 });
  expect(it.owners()).toEqual({});
  expect(checkHistory(it.trace)).toEqual([]);
});

test("the final offset and the giving back are one transaction: the next owner begins where the last one ended", async () => {
  await using it = await world({ t: 2 });
  const a = await it.consumer(await it.client(), { commitIntervalMs: 60_000 });
  it.source.append("t", 0, 10);
  it.source.append("t", 1, 10);
  await it.pass(1_000);
  const before = it.server.requests({ op: "multi" }).length;
  const b = await it.consumer(await it.client(), { commitIntervalMs: 60_000 });
  await it.pass(2_000);
  const released = it.trace.filter(({ kind }) => kind === "release");
  expect(released.length).toBe(1);
  expect(it.server.requests({ op: "multi" }).length).toBeGreaterThan(before);
  const moved = released[0]!.partition.partition;
  const deliveries = it.trace.filter(({ kind, partition }) => kind === "deliver" && partition.partition === moved);
  expect(deliveries.length).toBe(10);
  expect(it.stored()[`t/${moved}`]).toBe(10);
  expect(checkHistory(it.trace)).toEqual([]);
  await it.soon(Promise.all([a.close(), b.close()]));
});

test("an offset carries metadata and the leader epoch of the last message, and the claim by which it was written", async () => {
  await using it = await world({ t: 1 });
  it.source.leaderEpoch = 7;
  it.source.append("t", 0, 2);
  const consumer = await it.consumer(await it.client(), {
    mode: "manual",
    handle: (message, context) => (message.offset === 1 ? context.commit({ metadata: "é" }) : undefined),
  });
  await it.pass(1_000);
  const decoded = it.server.dump().find(({ path }) => path === "/groups/g/offsets/t/0")!;
  const record = JSON.parse(new TextDecoder().decode(decoded.data)) as Record<string, unknown>;
  const [claim] = it.trace.filter(({ kind }) => kind === "claim");
  expect(record).toMatchObject({
    offset: 2,
    metadata: "é",
    leaderEpoch: 7,
    claim: claim!.token,
    member: consumer.member,
  });
  await it.soon(consumer.close());
});

test("a target that comes while claims are under way does not undo them", async () => {
  await using it = await world({ t: 3 });
  const consumer = await it.consumer(await it.client(), {});
  await it.pass(1_000);
  const tokens = (): (number | undefined)[] => consumer.status.partitions.map(({ token }) => token);
  const slow = it.server.faults.delayReply({ op: "multiEach" }, 1_500);
  it.source.create("t", 5);
  await it.pass(1_000);
  it.source.create("t", 6);
  await it.pass(3_000);
  slow.end();
  await it.pass(5_000);
  expect(consumer.status.state).toBe("stable");
  expect(Object.keys(it.owners()).length).toBe(6);
  // Each is the claim that it believes to have, and none was made twice.
  expect(claimed(it.trace)).toBe(6);
  const stored = new Map(it.server.dump().map(({ path, czxid }) => [path, czxid]));
  expect(tokens()).toEqual(
    consumer.status.partitions.map(({ partition: { partition } }) => stored.get(`/groups/g/own/t/${partition}`)),
  );
  await it.soon(consumer.close());
});

/** What administrators see of groups, and change. */
import { expect, test } from "vitest";
import { groupAdmin } from "../src/index.ts";
import { world } from "./consuming.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

test("a group is described: members, epochs, what each is to have and has, assignor, leader, state", async () => {
  await using it = await world({ t: 4 });
  const client = await it.client();
  const admin = groupAdmin(client);
  expect(await it.soon(admin.describe("g"), 10)).toMatchObject({ state: "dead", members: [], leader: null });
  expect(await it.soon(admin.list(), 10)).toEqual([]);
  const a = await it.consumer(await it.client(), { clientId: "host-1", rack: "r1" });
  const b = await it.consumer(await it.client(), { instance: "i-2" });
  await it.pass(3_000);
  const { members, ...group } = await it.soon(admin.describe("g"), 10);
  expect(group).toMatchObject({ state: "stable", assignor: "cooperative-sticky", leader: a.member, others: [] });
  expect(group.epoch).toBe(group.assignmentEpoch);
  expect(members.map(({ member }) => member)).toEqual([a.member, b.member].toSorted());
  for (const { target, owned, epoch, targetEpoch, subscription } of members) {
    expect(owned).toEqual(target);
    expect(owned["t"]!.length).toBe(2);
    expect(epoch).toBe(targetEpoch);
    expect(subscription).toEqual({ topics: ["t"] });
  }
  expect(members.find(({ member }) => member === a.member)).toMatchObject({ clientId: "host-1", rack: "r1" });
  expect(members.find(({ member }) => member === b.member)).toMatchObject({ instance: "i-2" });
  expect(await it.soon(admin.list(), 10)).toEqual([{ group: "g", members: 2, epoch: group.epoch }]);
  await it.soon(Promise.all([a.close(), b.close()]));
  expect(await it.soon(admin.describe("g"), 10)).toMatchObject({ state: "empty", members: [] });
});

test("a group on its way is reconciling, and consumers that are no members are shown too", async () => {
  await using it = await world({ t: 2 });
  const admin = groupAdmin(await it.client());
  const alone = await it.consumer(await it.client(), { assign: [{ topic: "t", partition: 1 }] });
  expect(await it.soon(admin.describe("g"), 10)).toMatchObject({
    state: "empty",
    others: [{ owner: alone.member, owned: { t: [1] } }],
  });
  const member = await it.consumer(await it.client(), {});
  await it.pass(2_000);
  expect((await it.soon(admin.describe("g"), 10)).state).toBe("reconciling");
  await it.soon(alone.close());
  expect((await it.soon(admin.describe("g"), 10)).state).toBe("stable");
  await it.soon(member.close());
});

test("offsets and lag of every partition are told, also where nothing is committed", async () => {
  await using it = await world({ t: 3 });
  it.source.append("t", 0, 10);
  const admin = groupAdmin(await it.client());
  const consumer = await it.consumer(await it.client(), { commitIntervalMs: 100 });
  await it.pass(1_000);
  consumer.pause([{ topic: "t", partition: 0 }]);
  it.source.append("t", 0, 5);
  await it.pass(1_000);
  const offsets = await it.soon(admin.offsets("g"), 10);
  expect(offsets.map(({ partition, offset, member }) => [partition, offset, member])).toEqual([
    [0, 10, consumer.member],
    [1, 0, consumer.member],
    [2, 0, consumer.member],
  ]);
  await it.soon(consumer.close());
  await it.soon(admin.deleteOffsets("g", { partitions: [{ topic: "t", partition: 2 }] }), 10);
  const late = await it.consumer(await it.client(), { reset: "none" });
  await it.pass(1_000);
  const lag = await it.soon(admin.lag("g", it.source), 10);
  expect(lag).toMatchObject([
    { partition: 0, earliest: 0, latest: 15, owner: late.member },
    { partition: 1, committed: 0, lag: 0 },
    { partition: 2, committed: undefined, lag: 0 },
  ]);
  await it.soon(late.close());
});

test("offsets are set to the beginning, the end, an offset, a time, or shifted, within what there is; a dry run only tells", async () => {
  await using it = await world({ t: 2 });
  it.source.append("t", 0, 10, 100);
  it.source.append("t", 0, 10, 200);
  it.source.truncate("t", 0, 5);
  const admin = groupAdmin(await it.client());
  const partitions = [{ topic: "t", partition: 0 }];
  const { source } = it;
  const set = async (to: Parameters<typeof admin.resetOffsets>[1]["to"], dryRun = false): Promise<unknown> => {
    await it.soon(admin.resetOffsets("g", { to, partitions, source, dryRun }), 20);
    return it.stored()["t/0"];
  };
  expect(await set("latest", true)).toBeUndefined();
  expect(await set("latest")).toBe(20);
  expect(await set("earliest")).toBe(5);
  expect(await set({ offset: 12 })).toBe(12);
  expect(await set({ offset: 999 })).toBe(20);
  expect(await set({ shift: -3 })).toBe(17);
  expect(await set({ shift: -99 })).toBe(5);
  expect(await set({ atMs: 150 })).toBe(10);
  // All that there are offsets for, without a list.
  expect(await it.soon(admin.resetOffsets("g", { to: "latest", source }), 20)).toEqual([
    { topic: "t", partition: 0, before: 10, after: 20 },
  ]);
  const handled: string[] = [];
  const consumer = await it.consumer(await it.client(), { handle: ({ value }) => void handled.push(value) });
  it.source.append("t", 0, 1);
  await it.pass(1_000);
  expect(handled).toEqual(["t/0@20"]);
  await it.soon(consumer.close());
});

test("offsets of a partition that somebody has claimed are neither set nor deleted", async () => {
  await using it = await world({ t: 2 });
  it.source.append("t", 0, 4);
  const admin = groupAdmin(await it.client());
  const consumer = await it.consumer(await it.client(), {});
  await it.pass(6_000);
  const refusal = { code: "NODE_EXISTS", path: "/groups/g/own/t/0" };
  await expect(it.soon(admin.resetOffsets("g", { to: "earliest", source: it.source }), 20)).rejects.toMatchObject(
    refusal,
  );
  await expect(it.soon(admin.deleteOffsets("g", { topics: ["t"] }), 20)).rejects.toMatchObject(refusal);
  expect(it.stored()).toEqual({ "t/0": 4, "t/1": 0 });
  await it.soon(consumer.close());
  expect(await it.soon(admin.deleteOffsets("g", { topics: ["t"] }), 20)).toBe(2);
  expect(it.stored()).toEqual({});
});

test("a group is deleted with everything when it has no members and no claims, and not before", async () => {
  await using it = await world({ t: 2 });
  const admin = groupAdmin(await it.client());
  await expect(it.soon(admin.deleteGroup("g"), 20)).rejects.toMatchObject({ code: "NO_NODE" });
  const consumer = await it.consumer(await it.client(), {});
  await it.pass(1_000);
  await expect(it.soon(admin.deleteGroup("g"), 20)).rejects.toMatchObject({ code: "NOT_EMPTY" });
  expect(consumer.status.state).toBe("stable");
  await it.soon(consumer.close());
  const alone = await it.consumer(await it.client(), { assign: [{ topic: "t", partition: 1 }] });
  await expect(it.soon(admin.deleteGroup("g"), 20)).rejects.toMatchObject({ code: "NOT_EMPTY" });
  await it.soon(alone.close());
  await it.soon(admin.deleteGroup("g"), 20);
  expect(it.server.dump().filter(({ path }) => path.startsWith("/groups/"))).toEqual([]);
  // It can come again.
  const again = await it.consumer(await it.client(), {});
  await it.pass(1_000);
  expect(again.status.state).toBe("stable");
  await it.soon(again.close());
});

test("the leader deletes offsets of topics that nobody subscribes to any more, after the retention, and no others", async () => {
  await using it = await world({ t: 1, old: 1 });
  it.source.append("t", 0, 3);
  it.source.append("old", 0, 3);
  const first = await it.consumer(await it.client(), { topics: ["t", "old"] });
  await it.pass(6_000);
  await it.soon(first.close());
  expect(it.stored()).toEqual({ "t/0": 3, "old/0": 3 });
  const second = await it.consumer(await it.client(), { offsetRetentionMs: 2 * MINUTE_MS });
  await it.pass(MINUTE_MS);
  expect(it.stored()).toEqual({ "t/0": 3, "old/0": 3 });
  await it.pass(5 * MINUTE_MS);
  // The one that is subscribed to stays, however old it is.
  expect(it.stored()).toEqual({ "t/0": 3 });
  await it.soon(second.close());
});

test("a group that was empty for the retention begins anew; before that it goes on where it was", async () => {
  await using it = await world({ t: 1 });
  it.source.append("t", 0, 3);
  const handled: string[] = [];
  const client = await it.client();
  const join = async (): Promise<void> => {
    const handle = ({ value }: { readonly value: string }): void => void handled.push(value);
    const consumer = await it.consumer(client, { handle, offsetRetentionMs: 10 * MINUTE_MS });
    await it.soon(consumer.close(), 5_000);
  };
  await join();
  await it.pass(9 * MINUTE_MS);
  await join();
  expect(handled.length).toBe(3);
  const { emptySinceMs } = await it.soon(groupAdmin(client).describe("g"), 10);
  expect(emptySinceMs).not.toBeNull();
  await it.pass(10 * MINUTE_MS);
  await join();
  expect(handled.length).toBe(6);
  await it.pass(8 * MINUTE_MS);
  const admin = groupAdmin(client);
  expect(await it.soon(admin.expireOffsets("g"), 20)).toBe(0);
  expect(await it.soon(admin.expireOffsets("g", { retentionMs: 9 * MINUTE_MS }), 20)).toBe(0);
  expect(await it.soon(admin.expireOffsets("g", { retentionMs: 7 * MINUTE_MS }), 20)).toBe(1);
  expect(it.stored()).toEqual({});
});

test("the clock of a consumer that is wrong by a year deletes no offset", async () => {
  await using it = await world({ t: 1, old: 1 });
  it.source.append("t", 0, 3);
  it.source.append("old", 0, 3);
  const first = await it.consumer(await it.client(), { topics: ["t", "old"] });
  await it.pass(1_000);
  await it.soon(first.close());
  const client = await it.client();
  it.server.faults.jumpClock(client, 365 * DAY_MS);
  await it.pass(5_000);
  const second = await it.consumer(client, {});
  await it.pass(11 * MINUTE_MS);
  expect(it.stored()).toEqual({ "t/0": 3, "old/0": 3 });
  await it.soon(second.close());
});

test("a group whose last member died without a word begins anew after the retention and some time, and not before", async () => {
  await using it = await world({ t: 1 });
  it.source.append("t", 0, 3);
  const client = await it.client();
  await it.consumer(client, {});
  // It lives on, with nothing to commit, for longer than the retention.
  await it.pass(100 * MINUTE_MS);
  it.server.faults.partition(client);
  const admin = groupAdmin(await it.client());
  await it.pass(45 * MINUTE_MS);
  expect((await it.soon(admin.describe("g"), 10)).emptySinceMs).toBeNull();
  expect(await it.soon(admin.expireOffsets("g", { retentionMs: 30 * MINUTE_MS }), 20)).toBe(0);
  await it.pass(120 * MINUTE_MS);
  expect(await it.soon(admin.expireOffsets("g", { retentionMs: 30 * MINUTE_MS }), 20)).toBe(1);
});

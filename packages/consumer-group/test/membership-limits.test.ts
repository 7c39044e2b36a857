import { describe, expect, test } from "vitest";
import { joinGroup } from "../src/membership.ts";
import { topic } from "./groups.ts";
import { groupWorld, joined, membersIn, refusalOf, sizesIn, targetsIn } from "./membership.ts";

describe("a group that is full", () => {
  test("refuses one more member, which leaves nothing behind", async () => {
    await using world = await groupWorld([topic("x", 4)]);
    const { server, topics } = world;
    await world.join({ groupMembersMax: 2 });
    const second = await world.join({ groupMembersMax: 2 });
    const third = await world.client();
    const watches = server.leaks();
    expect(await refusalOf(server, joined(third, topics, { groupMembersMax: 2 }))).toBe("LIMIT_EXCEEDED");
    await world.settle();
    expect(membersIn(server).size).toBe(2);
    expect(server.leaks()).toMatchObject({
      watches: watches.watches,
      subscriptions: watches.subscriptions,
      waiting: 0,
    });
    await second.member.leave();
    await joined(third, topics, { groupMembersMax: 2 });
    await world.settle();
    expect(sizesIn(server)).toEqual([2, 2]);
  });

  test("refuses those who came last of many that come at once, and only as many as are too many", async () => {
    await using world = await groupWorld([topic("x", 4)]);
    const { server, topics } = world;
    const clients = await Promise.all(Array.from({ length: 7 }, () => world.client()));
    const joining = Promise.allSettled(clients.map((client) => joined(client, topics, { groupMembersMax: 4 })));
    await world.settle(5_000);
    const came = await joining;
    expect(came.filter(({ status }) => status === "fulfilled")).toHaveLength(4);
    for (const one of came)
      if (one.status === "rejected")
        expect(one.reason).toMatchObject({ code: "LIMIT_EXCEEDED", limitName: "groupMembersMax", limit: 4 });
    expect(membersIn(server).size).toBe(4);
    expect(sizesIn(server)).toEqual([1, 1, 1, 1]);
    expect(targetsIn(server).size).toBe(4);
  });
});

describe("options", () => {
  test.each([
    ["no group", { group: "" }, TypeError],
    ["a long name", { group: "g".repeat(300) }, RangeError],
    ["an empty topic", { topics: [""] }, TypeError],
    ["a pattern with a flag", { topics: /x/i }, TypeError],
    ["a pattern that is none with the flag u", { topics: new RegExp("\\-") }, TypeError],
    ["a pattern that is too long", { topics: new RegExp("x".repeat(1_001), "u") }, RangeError],
    ["no assignor", { assignors: [] }, RangeError],
    ["no room", { groupMembersMax: 0 }, RangeError],
    ["no time to give back", { rebalanceTimeoutMs: Number.NaN }, RangeError],
    ["a wait below nothing", { debounceMs: -1 }, RangeError],
    ["an instance without a name", { instance: "" }, TypeError],
  ])("that cannot be are refused before anything is asked: %s", async (_what, options, error) => {
    await using world = await groupWorld([topic("x", 4)]);
    const client = await world.client();
    const asked = world.server.requests().length;
    await expect(joinGroup(client, { group: "g", topics: ["x"], source: world.topics, ...options })).rejects.toThrow(
      error,
    );
    expect(world.server.requests().length).toBe(asked);
  });

  test("may have any names: slashes, dots and percent signs stand for nothing but themselves", async () => {
    const name = "a/b..%2F é";
    await using world = await groupWorld([topic(name, 2)]);
    const { server } = world;
    const { member } = await world.join({ instance: "..", rack: "r/1", clientId: "host 1" });
    expect(member.member).toBe("..");
    expect(targetsIn(server).get("..")?.partitions).toEqual({ [name]: [0, 1] });
  });
});

/** A group: who is a member of it, with which value, and what its readers cost. */
import { type Client, json, text } from "@corral/client";
import { describe, expect, test } from "vitest";
import { group } from "../src/group.ts";
import { register } from "../src/registration.ts";
import { codec, follow, idsOf, PATH, valuesOf } from "./grouping.ts";
import { refusal, soon, world } from "./soon.ts";

describe("a group", () => {
  test("lists its members with value, epoch and session, in the order of their joining; oneself when the server does", async () => {
    const { server, clients } = await world();
    const [a, b] = clients as [Client, Client];
    const mine = group(a, PATH, { codec });
    await soon(server, mine.ready());
    expect(mine).toMatchObject({ isFresh: true, generation: 0 });
    const joining = mine.join("z", "one");
    expect(mine.members.size).toBe(0);
    const one = await soon(server, joining);
    const two = await soon(server, group(b, PATH, { codec }).join("a", "two"));
    await server.clock.advance(100);
    expect([...mine.members]).toEqual([
      ["z", { value: "one", epoch: one.epoch, mzxid: one.epoch, sessionId: a.session!.id }],
      ["a", { value: "two", epoch: two.epoch, mzxid: two.epoch, sessionId: b.session!.id }],
    ]);
    await soon(server, one.update("new"));
    expect(mine.members.get("z")?.value).toBe("new");
    await soon(server, one.unregister());
    expect(idsOf(mine)).toEqual(["a"]);
    await server.close();
  });

  test("asks nothing before it is wanted, and then for one subscription, however many read it", async () => {
    const { server, clients } = await world(1);
    const mine = group(clients[0]!, PATH, { codec });
    await server.clock.advance(1_000);
    expect(server.requests()).toEqual([]);
    expect(mine).toMatchObject({ isFresh: false, generation: undefined });
    const told = Array.from({ length: 5 }, () => follow(server, mine));
    await soon(server, mine.ready());
    expect(server.requests().map(({ op }) => op)).toEqual(["subscribe"]);
    expect(told.map(({ states }) => states.length)).toEqual([1, 1, 1, 1, 1]);
    await mine.close();
    await server.clock.advance(100);
    expect(told.map(({ end }) => end)).toEqual(["left", "left", "left", "left", "left"]);
    expect(server.leaks()).toMatchObject({ subscriptions: 0, watches: 0 });
    await server.close();
  });

  test("the first state is told when it is in sync, whole", async () => {
    const { server, clients } = await world();
    const [a, b] = clients as [Client, Client];
    const ids = Array.from({ length: 500 }, (_, i) => `m${i}`);
    await soon(server, Promise.all(ids.map((id) => group(a, PATH, { codec }).join(id, "x".repeat(2_000)))), 1_000);
    const other = group(b, PATH, { codec });
    const told = follow(server, other);
    await server.clock.advance(1_000);
    expect(told.states.map(({ members }) => members.size)).toEqual([500]);
    await server.close();
  });

  test("a session that goes with many members is one change, and so is a take-over", async () => {
    const { server, clients } = await world(3);
    const [a, b, c] = clients as [Client, Client, Client];
    for (const id of ["1", "2", "3"]) await soon(server, group(a, PATH, { codec }).join(id, "a"));
    await soon(server, group(b, PATH, { codec }).join("4", "b"));
    const told = follow(server, group(c, PATH, { codec }));
    await server.clock.advance(100);
    await soon(server, group(b, PATH, { codec }).join("1", "b", { onConflict: "take-over" }));
    await soon(server, a.close());
    expect(told.states.map(valuesOf)).toEqual([
      [
        ["1", "a"],
        ["2", "a"],
        ["3", "a"],
        ["4", "b"],
      ],
      [
        ["2", "a"],
        ["3", "a"],
        ["4", "b"],
        ["1", "b"],
      ],
      [
        ["4", "b"],
        ["1", "b"],
      ],
    ]);
    await server.close();
  });

  test("only ephemerals are members", async () => {
    const { server, clients } = await world();
    const [a, b] = clients as [Client, Client];
    const mine = group(a, PATH, { codec });
    await soon(server, mine.ready());
    await soon(server, b.create(`${PATH}/config`, "x", { codec, parents: true }));
    await soon(server, b.create(`${PATH}/config/deep`, "x", { codec }));
    await soon(server, mine.join("1", "a"));
    await soon(server, b.set(`${PATH}/config`, "y", { codec }));
    expect(idsOf(mine)).toEqual(["1"]);
    await server.close();
  });

  test("a value that the codec refuses is told as such, and harms no other member", async () => {
    const { server, clients } = await world();
    const [a, b] = clients as [Client, Client];
    const typed = group(a, PATH, { codec: json<{ n: number }>() });
    await soon(server, typed.join("1", { n: 1 }));
    const foreign = await soon(server, group(b, PATH, { codec: text }).join("2", "no json"));
    await soon(server, typed.ready());
    expect(idsOf(typed)).toEqual(["1"]);
    expect([...typed.undecodable].map(([id, { code }]) => [id, code])).toEqual([["2", "CODEC"]]);
    await soon(server, foreign.update('{"n":2}'));
    expect(idsOf(typed)).toEqual(["1", "2"]);
    expect(typed.undecodable.size).toBe(0);
    await server.close();
  });

  test("an id that would be another place is refused", async () => {
    const { server, clients } = await world(1);
    const mine = group(clients[0]!, PATH, { codec });
    for (const id of ["", "a/b", "..", "/"]) expect(await refusal(server, mine.join(id, "x"))).toBe("BAD_ARGUMENTS");
    await server.close();
  });

  test("more members than it may hold end it, with the limit", async () => {
    const { server, clients } = await world();
    const [a, b] = clients as [Client, Client];
    const mine = group(a, PATH, { codec, membersMax: 2 });
    const told = follow(server, mine);
    for (const id of ["1", "2", "3"]) await soon(server, group(b, PATH, { codec }).join(id, "b"));
    expect(told.states.at(-1)?.members.size).toBe(2);
    expect(told.end).toBe("LIMIT_EXCEEDED");
    expect(await refusal(server, mine.ready())).toBe("LIMIT_EXCEEDED");
    expect(mine.isFresh).toBe(false);
    expect(server.leaks().subscriptions).toBe(0);
    await server.close();
  });

  test("two who know of the same generation know of the same members, whenever they came", async () => {
    const { server, clients } = await world(4);
    const [a, b, c, d] = clients as [Client, Client, Client, Client];
    const early = group(c, PATH, { codec });
    await soon(server, early.ready());
    const one = await soon(server, group(a, PATH, { codec }).join("1", "a"));
    await soon(server, group(b, PATH, { codec }).join("2", "b"));
    await soon(server, one.update("aa"));
    const late = group(d, PATH, { codec });
    for (const act of [
      () => Promise.resolve(),
      () => b.create("/elsewhere"),
      () => one.unregister(),
      () => server.faults.expire(b),
      () => group(a, PATH, { codec }).join("3", "a"),
    ]) {
      await soon<unknown>(server, act(), 1_000);
      await soon(server, late.ready());
      const fresh = await soon(server, group(d, PATH, { codec }).ready());
      for (const seen of [late, fresh]) {
        expect(seen.generation).toBe(early.generation);
        expect([...seen.members]).toEqual([...early.members]);
      }
    }
    await server.close();
  });
});

test("a thousand readers that come and go leave nothing (pain 30)", async () => {
  const { server, clients } = await world(1);
  const mine = group(clients[0]!, PATH, { codec });
  await soon(server, mine.ready());
  await soon(server, register(clients[0]!, `${PATH}/1`, "x", { codec, parents: true }));
  const before = server.leaks();
  for (let i = 0; i < 1_000; i++) {
    const reader = mine.changes(i % 2 === 0 ? { quietMs: 1_000 } : {});
    const next = reader.next();
    if (i % 3 === 0) await server.clock.runUntilIdle();
    await reader.return();
    await next;
  }
  expect(server.leaks()).toEqual(before);
  await server.close();
});

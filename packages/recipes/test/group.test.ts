import { type Client, type ErrorName, isCorralError, json, text } from "@corral/client";
import { startTestServer, type TestServer } from "@corral/testing";
import { describe, expect, test } from "vitest";
import { type Group, group, type GroupState } from "../src/group.ts";
import { register } from "../src/registration.ts";

const PATH = "/groups/g";
const codec = text;

async function world(count = 2, timeoutMs = 6_000): Promise<{ server: TestServer; clients: Client[] }> {
  const server = await startTestServer({ latencyMs: 1 });
  const opening = Array.from({ length: count }, () => server.connect({ session: { timeoutMs } }));
  const clients = await soon(server, Promise.all(opening));
  return { server, clients };
}

async function soon<T>(server: TestServer, promise: Promise<T>, ms = 100): Promise<T> {
  promise.catch(() => undefined);
  await server.clock.advance(ms);
  return promise;
}

async function refusal(server: TestServer, promise: Promise<unknown>, ms = 100): Promise<ErrorName | "none"> {
  try {
    await soon(server, promise, ms);
    return "none";
  } catch (error) {
    if (!isCorralError(error)) throw error;
    return error.code;
  }
}

interface Told<T> {
  readonly states: GroupState<T>[];
  readonly at: number[];
  /** How the loop has ended. */
  end?: ErrorName | "left";
}

function follow<T>(server: TestServer, from: Group<T>, how?: Parameters<Group<T>["changes"]>[0]): Told<T> {
  const told: Told<T> = { states: [], at: [] };
  void (async () => {
    try {
      for await (const state of from.changes(how)) {
        told.states.push(state);
        told.at.push(server.clock.now);
      }
      told.end = "left";
    } catch (error) {
      if (!isCorralError(error)) throw error;
      told.end = error.code;
    }
  })();
  return told;
}
const idsOf = ({ members }: { readonly members: ReadonlyMap<string, unknown> }): string[] => [...members.keys()];
const valuesOf = <T>({ members }: GroupState<T>): [string, T][] => [...members].map(([id, { value }]) => [id, value]);

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

describe("a group over losses (pains 17 and 18)", () => {
  test("a member that lost its session is a member again, with a greater epoch", async () => {
    const { server, clients } = await world();
    const [a, b] = clients as [Client, Client];
    const one = await soon(server, group(a, PATH, { codec }).join("1", "a"));
    const told = follow(server, group(b, PATH, { codec }));
    await server.clock.advance(100);
    await soon(server, server.faults.expire(a), 1_000);
    expect(told.states.map(idsOf)).toEqual([["1"], [], ["1"]]);
    const [before, , after] = told.states;
    expect(after!.members.get("1")!.epoch).toBe(one.epoch);
    expect(one.epoch).toBeGreaterThan(before!.members.get("1")!.epoch);
    await server.close();
  });

  test("while the connection is broken the last known state stays, and is not fresh; then all that happened is in the next", async () => {
    const { server, clients } = await world(3, 20_000);
    const [a, b, c] = clients as [Client, Client, Client];
    const one = await soon(server, group(a, PATH, { codec }).join("1", "a"));
    const other = group(c, PATH, { codec });
    const told = follow(server, other);
    await server.clock.advance(100);
    const fault = server.faults.partition(c);
    await soon(server, one.unregister());
    for (const id of ["2", "3"]) await soon(server, group(b, PATH, { codec }).join(id, "b"));
    await server.clock.advance(15_000);
    expect(idsOf(other)).toEqual(["1"]);
    expect(other.isFresh).toBe(false);
    using slow = server.faults.delayReply({ op: "subscribe" }, 3_000);
    fault.end();
    while (c.state.name !== "connected") await server.clock.advance(10);
    expect(slow.hits).toBe(1);
    expect(other.isFresh).toBe(false);
    await server.clock.advance(10_000);
    expect(idsOf(other)).toEqual(["2", "3"]);
    expect(other.isFresh).toBe(true);
    expect(idsOf(told.states.at(-1)!)).toEqual(["2", "3"]);
    await server.close();
  });

  test("a resync is a new state, not the end of everybody and their return; and none if nothing changed", async () => {
    const { server, clients } = await world(3);
    const [a, b, c] = clients as [Client, Client, Client];
    for (const id of ["1", "2"]) await soon(server, group(a, PATH, { codec }).join(id, "a"));
    const other = group(c, PATH, { codec });
    const told = follow(server, other);
    await server.clock.advance(100);
    for (const id of ["none", "3", "gone"]) {
      const fault = server.faults.partition(c);
      if (id === "3") await soon(server, group(b, PATH, { codec }).join(id, "b"));
      if (id === "gone") await soon(server, a.close());
      await soon(server, b.create(`/x${id}`));
      server.faults.forgetHistory();
      await server.clock.advance(20_000);
      fault.end();
      await server.clock.advance(20_000);
      expect(other.isFresh).toBe(true);
    }
    expect(c.stats().sessionsLost).toBeGreaterThan(0);
    expect(told.states.map(idsOf)).toEqual([["1", "2"], ["1", "2", "3"], ["3"]]);
    await server.close();
  });

  test("the same loop goes on over a deleted group, lost sessions, and a restart", async () => {
    const { server, clients } = await world();
    const [a, b] = clients as [Client, Client];
    const told = follow(server, group(b, PATH, { codec }));
    let one = await soon(server, group(a, PATH, { codec }).join("1", "a"));
    await soon(server, one.unregister());
    await soon(server, a.delete(PATH));
    one = await soon(server, group(a, PATH, { codec }).join("2", "a"));
    await soon(server, server.faults.expire(b), 1_000);
    await soon(server, server.faults.restart({ crash: true, downMs: 100 }), 2_000);
    await server.clock.advance(3_000);
    await soon(server, one.update("probe"), 1_000);
    expect(valuesOf(told.states.at(-1)!)).toEqual([["2", "probe"]]);
    expect(told.end).toBeUndefined();
    const generations = told.states.map(({ generation }) => generation);
    expect(generations).toEqual(generations.toSorted((x, y) => x - y));
    await server.close();
  });

  test("a loop ends with CLOSED when the client is closed, and quietly by its own signal or a break", async () => {
    const { server, clients } = await world(1);
    const mine = group(clients[0]!, PATH, { codec });
    const stop = new AbortController();
    const [byClient, bySignal] = [follow(server, mine), follow(server, mine, { signal: stop.signal })];
    const broken = (async () => {
      for await (const state of mine.changes()) return state;
      return undefined;
    })();
    await soon(server, broken);
    stop.abort();
    await server.clock.advance(0);
    expect(bySignal.end).toBe("left");
    expect(byClient.end).toBeUndefined();
    const never = follow(server, mine, { signal: stop.signal });
    await server.clock.advance(10);
    expect(never).toMatchObject({ end: "left", states: [] });
    await soon(server, clients[0]!.close());
    expect(byClient.end).toBe("CLOSED");
    expect(await refusal(server, mine.ready())).toBe("CLOSED");
    await server.close();
  });

  test("a slow reader sees the newest state, and nothing is kept for it beside that", async () => {
    const { server, clients } = await world();
    const [a, b] = clients as [Client, Client];
    const reader = group(b, PATH, { codec }).changes();
    const one = await soon(server, group(a, PATH, { codec }).join("1", "0"));
    for (let i = 1; i <= 50; i++) await soon(server, one.update(String(i)), 10);
    const { value } = await reader.next();
    expect(valuesOf(value as GroupState<string>)).toEqual([["1", "50"]]);
    let isPending = true;
    void reader.next().then(() => (isPending = false));
    await server.clock.advance(10);
    expect(isPending).toBe(true);
    await server.close();
  });
});

describe("quiet", () => {
  test("a state is told once nothing has changed for so long, also the first", async () => {
    const { server, clients } = await world();
    const [a, b] = clients as [Client, Client];
    const told = follow(server, group(b, PATH, { codec }), { quietMs: 3_000 });
    await server.clock.advance(2_900);
    expect(told.states).toEqual([]);
    for (let i = 0; i < 4; i++) await soon(server, group(a, PATH, { codec }).join(String(i), "a"), 2_000);
    expect(told.states).toEqual([]);
    await server.clock.advance(1_100);
    expect(told.states.map(idsOf)).toEqual([["0", "1", "2", "3"]]);
    await server.clock.advance(60_000);
    expect(told.states).toHaveLength(1);
    await server.close();
  });

  test("churn without end is told after maxWaitMs, again and again", async () => {
    const { server, clients } = await world();
    const [a, b] = clients as [Client, Client];
    const one = await soon(server, group(a, PATH, { codec }).join("1", "0"));
    const told = follow(server, group(b, PATH, { codec }), { quietMs: 1_000, maxWaitMs: 5_000 });
    const begun = server.clock.now;
    for (let i = 0; i < 100; i++) await soon(server, one.update(String(i)), 200);
    const waits = told.at.map((at, i) => at - (told.at[i - 1] ?? begun));
    expect(waits.length).toBeGreaterThanOrEqual(3);
    expect(Math.max(...waits)).toBeLessThanOrEqual(5_000 + 250);
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(4_900);
    await server.close();
  });

  test("by default, after ten times quietMs", async () => {
    const { server, clients } = await world();
    const [a, b] = clients as [Client, Client];
    const one = await soon(server, group(a, PATH, { codec }).join("1", "0"));
    const told = follow(server, group(b, PATH, { codec }), { quietMs: 500 });
    const begun = server.clock.now;
    for (let i = 0; i < 30; i++) await soon(server, one.update(String(i)), 200);
    expect(told.at[0]! - begun).toBeGreaterThanOrEqual(4_900);
    expect(told.at[0]! - begun).toBeLessThanOrEqual(5_250);
    await server.close();
  });

  test("one who leaves while it is not quiet leaves no timer", async () => {
    const { server, clients } = await world();
    const [a, b] = clients as [Client, Client];
    const mine = group(b, PATH, { codec });
    const stop = new AbortController();
    const told = follow(server, mine, { quietMs: 60_000, signal: stop.signal });
    await soon(server, group(a, PATH, { codec }).join("1", "a"));
    const timers = server.leaks().timers;
    stop.abort();
    await server.clock.runUntilIdle();
    expect(server.leaks().timers).toBe(timers - 1);
    expect(told).toMatchObject({ states: [], end: "left" });
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

/** A group whose members, readers or server are away for a while. */
import type { Client } from "@corral/client";
import { describe, expect, test } from "vitest";
import { group, type GroupState } from "../src/group.ts";
import { codec, follow, idsOf, PATH, valuesOf } from "./grouping.ts";
import { refusal, soon, world } from "./soon.ts";

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

  test("a group that was deleted while nobody could tell is another generation: one generation has one list of members", async () => {
    const { server, clients } = await world();
    const [a, b] = clients as [Client, Client];
    const one = await soon(server, group(a, PATH, { codec }).join("1", "a"));
    const other = group(b, PATH, { codec });
    const told = follow(server, other);
    await server.clock.advance(100);
    const fault = server.faults.partition(b);
    await soon(server, one.unregister());
    await soon(server, a.delete(PATH));
    const gone = await soon(server, a.sync());
    server.faults.forgetHistory();
    await server.clock.advance(20_000);
    fault.end();
    await server.clock.advance(20_000);
    expect(other.isFresh).toBe(true);
    expect(told.states.map(idsOf)).toEqual([["1"], []]);
    expect(told.states[1]!.generation).toBeGreaterThanOrEqual(gone);
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

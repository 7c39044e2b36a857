/** A group that is told once nothing has changed for a while. */
import type { Client } from "@corral/client";
import { describe, expect, test } from "vitest";
import { group } from "../src/group.ts";
import { codec, follow, idsOf, PATH } from "./grouping.ts";
import { soon, world } from "./soon.ts";

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

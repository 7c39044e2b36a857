/** A double barrier: a round begins when all are there and ends when all have left, whatever it costs and however many they are. */
import type { Client } from "@corral/client";
import { startTestServer } from "@corral/testing";
import { describe, expect, test } from "vitest";
import { doubleBarrier, type Entered, PARTIES_MAX } from "../src/double-barrier.ts";
import { connected } from "./connecting.ts";
import { eventually } from "./faults/stage.ts";
import { D, here, partiesIn, told } from "./parties.ts";

describe("double barrier", () => {
  test("all parties go on together, leave together, and rounds are numbered from 1", async () => {
    await using server = await startTestServer();
    const clients = await connected(server, 3);
    const tokens = new Set<number>();
    for (let round = 1; round <= 4; round++) {
      const first = here(clients[0]!, 3).enter();
      const second = here(clients[1]!, 3).enter();
      const came = told({ first, second });
      await server.clock.advance(10_000);
      expect(came).toEqual([]);
      const entered = await Promise.all([first, second, here(clients[2]!, 3).enter()]);
      expect(entered.map((one) => one.round)).toEqual([round, round, round]);
      expect(entered.every(({ isValid }) => isValid)).toBe(true);
      for (const { token } of entered) tokens.add(token);
      const leaving = [entered[round % 3]!, entered[(round + 1) % 3]!].map((one) => one.leave());
      const left = told({ a: leaving[0]!, b: leaving[1]! });
      await server.clock.advance(10_000);
      expect(left).toEqual([]);
      await Promise.all([...leaving, entered[(round + 2) % 3]!.leave()]);
      expect(entered.some(({ isValid }) => isValid)).toBe(false);
    }
    expect(tokens.size).toBe(12);
    expect(server.dump().filter(({ path }) => path.startsWith(`${D}/`))).toEqual([]);
    expect(server.leaks()).toMatchObject({ ephemerals: 0, watches: 0 });
  });

  test("one party more than the round takes is refused while that is not over, or waits for the next if it is told to", async () => {
    await using server = await startTestServer();
    const [a, b, c] = (await connected(server, 3)) as [Client, Client, Client];
    const entered = await Promise.all([here(a, 2).enter(), here(b, 2).enter()]);
    await expect(here(c, 2).enter()).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
    const patient = doubleBarrier(c, D, { parties: 2, whenFull: "wait" }).enter();
    const came = told({ patient });
    await entered[0].release();
    await expect(here(a, 2).enter()).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
    await server.clock.advance(10_000);
    expect(came).toEqual([]);
    await entered[1].leave();
    const again = await Promise.all([patient, here(a, 2).enter()]);
    expect(again.map(({ round }) => round)).toEqual([2, 2]);
  });

  test("of more parties at once than a round takes, exactly as many pass as it takes, and the others are refused", async () => {
    for (let seed = 1; seed <= 20; seed++) {
      await using server = await startTestServer({ seed, latencyMs: 1 });
      const clients = await connected(server, 7);
      const entering = clients.map((client) => here(client, 5).enter());
      const came = await eventually(server, Promise.allSettled(entering));
      expect(came.filter(({ status }) => status === "fulfilled")).toHaveLength(5);
      for (const one of came)
        if (one.status === "rejected") expect(one.reason).toMatchObject({ code: "LIMIT_EXCEEDED" });
      await server.clock.runUntilIdle();
      expect(partiesIn(server)).toBe(5);
    }
  });

  test("nobody slips into a round that is leaving", async () => {
    await using server = await startTestServer();
    const [a, b, c, d] = (await connected(server, 4)) as [Client, Client, Client, Client];
    const entered = await Promise.all([a, b, c].map((client) => here(client, 3).enter()));
    const leaving = entered.slice(1).map((one) => one.leave());
    await server.clock.runUntilIdle();
    expect(partiesIn(server)).toBe(1);
    const late = doubleBarrier(d, D, { parties: 3, whenFull: "wait" }).enter();
    const came = told({ late });
    await server.clock.advance(10_000);
    expect(came).toEqual([]);
    expect(partiesIn(server)).toBe(1);
    await Promise.all([...leaving, entered[0]!.leave()]);
    await server.clock.runUntilIdle();
    expect(came).toEqual([]);
    const next = await Promise.all([late, here(a, 3).enter(), here(b, 3).enter()]);
    expect(next.map(({ round }) => round)).toEqual([2, 2, 2]);
  });

  test("its guard holds exactly while the party is in the round", async () => {
    await using server = await startTestServer();
    const [a, b] = (await connected(server, 2)) as [Client, Client];
    const [mine, other] = await Promise.all([here(a, 2).enter(), here(b, 2).enter()]);
    await a.create("/work", null, { guard: mine.guard });
    await Promise.all([mine.leave(), other.leave()]);
    await expect(a.set("/work", null, { guard: mine.guard })).rejects.toMatchObject({ code: "GUARD_FAILED" });
  });

  test("two who mean different numbers of parties, and a number out of range, are told", async () => {
    await using server = await startTestServer();
    const [a, b] = (await connected(server, 2)) as [Client, Client];
    const waiting = here(a, 3).enter();
    told({ waiting });
    await server.clock.runUntilIdle();
    await expect(here(b, 2).enter()).rejects.toMatchObject({
      code: "BAD_ARGUMENTS",
      limitName: "parties",
      limit: 3,
      actual: 2,
    });
    for (const parties of [0, -1, 1.5, PARTIES_MAX + 1, Number.NaN])
      expect(() => here(a, parties)).toThrow(expect.objectContaining({ code: "BAD_ARGUMENTS" }));
  });

  test("a round of 100 costs each party the same number of requests, whatever its size", async () => {
    await using server = await startTestServer();
    const costs: number[] = [];
    for (const parties of [10, 100]) {
      const clients = await Promise.all(Array.from({ length: parties }, () => server.connect()));
      const before = server.requests().length;
      const barrier = (client: Client) => doubleBarrier(client, `/barriers/${parties}`, { parties });
      const entering: Promise<Entered>[] = [];
      for (const client of clients) {
        entering.push(barrier(client).enter());
        await server.clock.runUntilIdle();
      }
      const entered = await Promise.all(entering);
      await Promise.all(entered.map((one) => one.leave()));
      costs.push((server.requests().length - before) / parties);
    }
    expect(costs[1]).toBeLessThanOrEqual(costs[0]! + 1);
    expect(costs[1]).toBeLessThan(20);
  });

  test("the largest round begins and ends", { timeout: 60_000 }, async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    const entering = Array.from({ length: PARTIES_MAX }, () => here(client, PARTIES_MAX).enter());
    const entered = await eventually(server, Promise.all(entering));
    await eventually(server, Promise.all(entered.map((one) => one.leave())));
    expect(server.leaks()).toMatchObject({ ephemerals: 0, watches: 0 });
  });
});

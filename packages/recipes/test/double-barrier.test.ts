import type { Client } from "@corral/client";
import { startTestServer, type TestServer } from "@corral/testing";
import { drawFrom } from "@corral/testing/world";
import { describe, expect, test } from "vitest";
import { begun } from "../src/double-barrier/round.ts";
import { doubleBarrier, type Entered, PARTIES_MAX } from "../src/double-barrier.ts";
import { eventually } from "./faults/stage.ts";

const D = "/barriers/d";
const T = { session: { timeoutMs: 6_000 } };

const here = (client: Client, parties: number, identity = "x") => doubleBarrier(client, D, { parties, identity });

/** What has become of promises, by their names, in the order in which it became so. */
function told(promises: Readonly<Record<string, Promise<unknown>>>): string[] {
  const came: string[] = [];
  for (const [name, promise] of Object.entries(promises))
    promise.then(
      () => came.push(name),
      (error: { code: string }) => came.push(`${name} ${error.code}`),
    );
  return came;
}

const clientsOf = (server: TestServer, count: number): Promise<Client[]> =>
  Promise.all(Array.from({ length: count }, () => server.connect(T)));

const partiesIn = (server: TestServer): number =>
  server.dump().filter(({ path }) => path.startsWith(`${D}/round/_c_`)).length;

describe("double barrier", () => {
  test("all parties go on together, leave together, and rounds are numbered from 1", async () => {
    await using server = await startTestServer();
    const clients = await clientsOf(server, 3);
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

  test(
    "nobody passes before all have entered, whatever session events, cuts and strange children come",
    { timeout: 30_000 },
    async () => {
      await using server = await startTestServer({ latencyMs: 1 });
      const clients = await clientsOf(server, 5);
      const [a, b, c, d, stranger] = clients as [Client, Client, Client, Client, Client];
      const [first, second] = [here(a, 3).enter(), here(b, 3).enter()];
      const came = told({ first, second });
      await server.clock.advance(100);
      const draw = drawFrom(11, "noise");
      for (let i = 0; i < 1_000; i++) {
        const one = [a, b][i % 2]!;
        switch (Math.floor(draw() * 6)) {
          case 0:
            server.faults.cut(one);
            break;
          case 1:
            void stranger.create(`${D}/strange-`, null, { sequential: true });
            break;
          case 2:
            void stranger.create(`${D}/round/strange-`, null, { sequential: true, lifetime: "ephemeral" });
            break;
          case 3:
            server.faults.forgetHistory();
            server.faults.cut(one);
            break;
          case 4:
            void stranger.set(`${D}/round`, new TextEncoder().encode("3"));
            break;
          case 5:
            server.faults.stallClient(one, 50);
        }
        await server.clock.advance(100);
        expect(came).toEqual([]);
      }
      await server.faults.restart();
      await server.clock.advance(1_000);
      expect(came).toEqual([]);
      expect(a.stats().reconnects).toBeGreaterThan(50);
      expect([a, b].map((client) => client.stats().sessionsLost)).toEqual([0, 0]);
      const third = here(c, 3).enter();
      const entered = await eventually(server, Promise.all([first, second, third]), 5_000);
      expect(entered.map(({ round }) => round)).toEqual([1, 1, 1]);
      await expect(eventually(server, here(d, 3).enter(), 5_000)).rejects.toMatchObject({
        code: "LIMIT_EXCEEDED",
        limitName: "parties",
        limit: 3,
        path: D,
      });
      expect(partiesIn(server)).toBe(3);
    },
  );

  test("one party more than the round takes is refused while that is not over, or waits for the next if it is told to", async () => {
    await using server = await startTestServer();
    const [a, b, c] = (await clientsOf(server, 3)) as [Client, Client, Client];
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
      const clients = await Promise.all(Array.from({ length: 7 }, () => server.connect(T)));
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
    const [a, b, c, d] = (await clientsOf(server, 4)) as [Client, Client, Client, Client];
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

  test("an enter that is aborted, or ends at its time, leaves no znode, and another party takes its place", async () => {
    await using server = await startTestServer();
    const [a, b, c] = (await clientsOf(server, 3)) as [Client, Client, Client];
    const abort = new AbortController();
    const aborted = here(a, 2).enter({ signal: abort.signal });
    const came = told({ aborted });
    await server.clock.runUntilIdle();
    abort.abort();
    await server.clock.runUntilIdle();
    expect(came).toEqual(["aborted ABORTED"]);
    expect(partiesIn(server)).toBe(0);
    const timed = here(b, 2).enter({ timeoutMs: 3_000 });
    told({ timed });
    const begun = server.clock.now;
    await expect(eventually(server, timed)).rejects.toMatchObject({ code: "TIMEOUT", path: D });
    expect(server.clock.now - begun).toBeLessThanOrEqual(3_100);
    await server.clock.runUntilIdle();
    expect(partiesIn(server)).toBe(0);
    expect(server.leaks().watches).toBe(0);
    const entered = await Promise.all([here(a, 2).enter(), here(c, 2).enter()]);
    expect(entered.map(({ round }) => round)).toEqual([1, 1]);
  });

  test("one whose session ends while it waits is told, does not count, and a party that comes for it completes the round", async () => {
    await using server = await startTestServer();
    const [a, b, c] = (await clientsOf(server, 3)) as [Client, Client, Client];
    const [first, second] = [here(a, 3).enter(), here(b, 3).enter()];
    const came = told({ first, second });
    await server.clock.runUntilIdle();
    const partition = server.faults.partition(a);
    await server.clock.advance(20_000);
    expect(came).toEqual(["first SESSION_EXPIRED"]);
    const third = here(c, 3).enter();
    told({ third });
    await server.clock.advance(1_000);
    expect(came).toEqual(["first SESSION_EXPIRED"]);
    partition.end();
    await server.clock.advance(5_000);
    const entered = await Promise.all([here(a, 3).enter(), second, third]);
    expect(entered.map(({ round }) => round)).toEqual([1, 1, 1]);
  });

  test("one that stood still for longer than its session never passes with a round that it lost", async () => {
    await using server = await startTestServer();
    const [a, b, c] = (await clientsOf(server, 3)) as [Client, Client, Client];
    const stalled = here(a, 2).enter();
    const came = told({ stalled });
    await server.clock.runUntilIdle();
    server.faults.stallClient(a, 20_000);
    await server.clock.advance(15_000);
    const others = await Promise.all([here(b, 2).enter(), here(c, 2).enter()]);
    await server.clock.advance(30_000);
    expect(came).toEqual(["stalled SESSION_EXPIRED"]);
    expect(others.every(({ isValid }) => isValid)).toBe(true);
  });

  test("whoever loses its session inside is told by its signal, and the others do not wait for it to leave", async () => {
    await using server = await startTestServer();
    const [a, b, c] = (await clientsOf(server, 3)) as [Client, Client, Client];
    // Each of them once: the one that came first is the one the others wait for.
    for (const lost of [0, 1, 2]) {
      const clients = [a, b, c];
      const entered: Entered[] = [];
      const entering: Promise<Entered>[] = [];
      for (const client of clients) {
        entering.push(here(client, 3).enter());
        await server.clock.runUntilIdle();
      }
      entered.push(...(await Promise.all(entering)));
      const partition = server.faults.partition(clients[lost]!);
      const leaving = entered.filter((_one, i) => i !== lost).map((one) => one.leave());
      const left = told({ x: leaving[0]!, y: leaving[1]! });
      await server.clock.advance(4_000);
      expect(left).toEqual([]);
      await server.clock.advance(10_000);
      expect(left).toHaveLength(2);
      await Promise.all(leaving);
      expect(entered[lost]!.signal.aborted).toBe(true);
      expect(entered[lost]!.signal.reason).toMatchObject({ code: "SESSION_EXPIRED" });
      partition.end();
      await server.clock.advance(5_000);
      // To leave is to know that nobody is there any more.
      await entered[lost]!.leave();
      expect(server.dump().filter(({ path }) => path.startsWith(`${D}/`))).toEqual([]);
    }
  });

  test("leave ends at its time and by its signal, has left then, and left again it waits again", async () => {
    await using server = await startTestServer();
    const [a, b, c] = (await clientsOf(server, 3)) as [Client, Client, Client];
    const entering: Promise<Entered>[] = [];
    for (const client of [a, b, c]) {
      entering.push(here(client, 3).enter());
      await server.clock.runUntilIdle();
    }
    const [first, second, third] = (await Promise.all(entering)) as [Entered, Entered, Entered];
    const abort = new AbortController();
    const begun = server.clock.now;
    const timed = first.leave({ timeoutMs: 3_000 });
    const aborted = second.leave({ signal: abort.signal });
    const came = told({ timed, aborted });
    await server.clock.advance(2_999);
    expect(came).toEqual([]);
    await server.clock.advance(1);
    expect(came).toEqual(["timed TIMEOUT"]);
    expect(server.clock.now - begun).toBe(3_000);
    abort.abort();
    await server.clock.runUntilIdle();
    expect(came).toEqual(["timed TIMEOUT", "aborted ABORTED"]);
    expect([first.isValid, second.isValid, third.isValid]).toEqual([false, false, true]);
    expect(partiesIn(server)).toBe(1);
    const again = first.leave();
    const then = told({ again });
    await server.clock.advance(1_000);
    expect(then).toEqual([]);
    await third.leave();
    await again;
    expect(server.leaks()).toMatchObject({ ephemerals: 0, watches: 0 });
  });

  test("a round whose parties all died is over for whoever comes next", async () => {
    await using server = await startTestServer();
    const [a, b, c, d] = (await clientsOf(server, 4)) as [Client, Client, Client, Client];
    await Promise.all([here(a, 2).enter(), here(b, 2).enter()]);
    await Promise.all([server.faults.expire(a), server.faults.expire(b)]);
    const entered = await Promise.all([here(c, 2).enter(), here(d, 2).enter()]);
    expect(entered.map(({ round }) => round)).toEqual([2, 2]);
  });

  test("a party that somebody deletes is told, and is not let in with a round that began without it", async () => {
    await using server = await startTestServer();
    const [a, b, c] = (await clientsOf(server, 3)) as [Client, Client, Client];
    const evicted = here(a, 2).enter();
    const came = told({ evicted });
    await server.clock.runUntilIdle();
    const [own] = server.dump().filter(({ path }) => path.startsWith(`${D}/round/_c_`));
    await b.delete(own!.path);
    await server.clock.runUntilIdle();
    // It does not wait in vain for others to come.
    expect(came).toEqual(["evicted GUARD_FAILED"]);
    const entered = await Promise.all([here(b, 2).enter(), here(c, 2).enter()]);
    await server.clock.runUntilIdle();
    expect(came).toEqual(["evicted GUARD_FAILED"]);
    expect(entered.map(({ round }) => round)).toEqual([1, 1]);
  });

  test("its guard holds exactly while the party is in the round", async () => {
    await using server = await startTestServer();
    const [a, b] = (await clientsOf(server, 2)) as [Client, Client];
    const [mine, other] = await Promise.all([here(a, 2).enter(), here(b, 2).enter()]);
    await a.create("/work", null, { guard: mine.guard });
    await Promise.all([mine.leave(), other.leave()]);
    await expect(a.set("/work", null, { guard: mine.guard })).rejects.toMatchObject({ code: "GUARD_FAILED" });
  });

  test("two who mean different numbers of parties, and a number out of range, are told", async () => {
    await using server = await startTestServer();
    const [a, b] = (await clientsOf(server, 2)) as [Client, Client];
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

  test(
    "over rounds and rounds of five who want to be among three, with faults from seeds, rounds are full and never overlap",
    {
      timeout: 60_000,
    },
    async () => {
      for (let seed = 1; seed <= 4; seed++) {
        await using server = await startTestServer({ seed, latencyMs: 1 });
        const draw = drawFrom(seed, "chaos");
        const clients = await clientsOf(server, 5);
        const rounds = await observeRounds(await server.connect(), 3);
        const passed = new Map<number, Entered[]>();
        const stop = new AbortController();
        const living = clients.map(async (client) => {
          while (!stop.signal.aborted) {
            try {
              const timeoutMs = draw() < 0.2 ? 1 + 3_000 * draw() : Infinity;
              const wait = { timeoutMs, signal: stop.signal };
              const one = await doubleBarrier(client, D, { parties: 3, whenFull: "wait" }).enter(wait);
              for (const [round, others] of passed)
                if (round < one.round) expect(others.filter(({ isValid }) => isValid)).toHaveLength(0);
              expect(Math.max(...passed.keys(), 0)).toBeLessThanOrEqual(one.round);
              const together = passed.get(one.round) ?? [];
              passed.set(one.round, [...together, one]);
              expect(together.length).toBeLessThan(3);
              await client.deadline("work", { timeoutMs: Infinity }).pause(500 * draw());
              await one.leave({ timeoutMs: draw() < 0.1 ? 1_000 : Infinity, signal: stop.signal });
              if ((one.signal.reason as { code: string }).code === "CLOSED") {
                // Whoever has left, and was not lost, leaves nobody behind.
                expect(passed.get(one.round)!.filter(({ isValid }) => isValid)).toHaveLength(0);
              }
            } catch (error) {
              const { code } = error as { code?: string };
              if (!["SESSION_EXPIRED", "TIMEOUT", "ABORTED"].includes(code ?? "")) throw error;
            }
          }
        });
        const all = Promise.all(living);
        for (let i = 0; i < 60; i++) {
          const client = clients[Math.floor(draw() * 5)]!;
          const what = draw();
          if (what < 0.2) server.faults.cut(client);
          else if (what < 0.3) server.faults.dropReply({});
          else if (what < 0.4) server.faults.dropRequest({});
          else if (what < 0.5) server.faults.stallClient(client, 8_000 * draw());
          else if (what < 0.65) {
            const partition = server.faults.partition(client);
            client.clock.setTimeout(() => partition.end(), 9_000 * draw());
          } else if (what < 0.68) server.faults.forgetHistory();
          await server.clock.advance(1_000 * draw());
        }
        await server.clock.advance(30_000);
        const before = Math.max(...passed.keys());
        await server.clock.advance(10_000);
        // It goes on by itself when everything is healed.
        expect(Math.max(...passed.keys())).toBeGreaterThan(before);
        stop.abort();
        await eventually(server, all);
        await server.clock.advance(1_000);
        expect(rounds.faults).toEqual([]);
        expect(rounds.begun).toBeGreaterThan(10);
        expect(server.leaks().ephemerals).toBe(0);
      }
    },
  );
});

/** Whoever looks on, without a gap: each round begins with exactly its parties there. */
async function observeRounds(
  client: Client,
  parties: number,
): Promise<{ readonly faults: string[]; readonly begun: number }> {
  const seen = { faults: [] as string[], begun: 0 };
  const inside = new Set<string>();
  let isBegun = false;
  const subscription = await client.subscribe(D);
  void (async () => {
    try {
      for await (const event of subscription) {
        if (event.kind === "resync") inside.clear();
        if ("path" in event && event.path === `${D}/round/ready`) isBegun = event.kind !== "deleted";
        if (!("path" in event)) continue;
        if (event.kind === "deleted") inside.delete(event.path);
        else if (event.path.includes("-lock-")) {
          inside.add(event.path);
          if (isBegun && event.kind === "created") seen.faults.push(`${event.zxid}: a party came when it had begun`);
        } else if (event.kind === "created" && event.path === `${D}/round/ready` && event.value !== undefined) {
          const { first, last } = begun.decode(event.value);
          const counted = [...inside].filter((path) => Number(path.slice(-10)) <= last);
          seen.begun++;
          if (counted.length !== parties) seen.faults.push(`${event.zxid}: ${counted.length} parties`);
          if (!counted.includes(`${D}/round/${first}`)) seen.faults.push(`${event.zxid}: the first is not there`);
        }
      }
    } catch (error) {
      if ((error as { code?: string }).code !== "CLOSED") seen.faults.push(String(error));
    }
  })();
  return seen;
}

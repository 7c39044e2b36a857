/** Parties that are lost, or give up, or are thrown out: who is told, who counts, and who waits for whom. */
import type { Client } from "@corral/client";
import { startTestServer } from "@corral/testing";
import { describe, expect, test } from "vitest";
import type { Entered } from "../src/double-barrier.ts";
import { connected } from "./connecting.ts";
import { eventually } from "./faults/stage.ts";
import { D, here, partiesIn, told } from "./parties.ts";

describe("double barrier", () => {
  test("an enter that is aborted, or ends at its time, leaves no znode, and another party takes its place", async () => {
    await using server = await startTestServer();
    const [a, b, c] = (await connected(server, 3)) as [Client, Client, Client];
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
    const [a, b, c] = (await connected(server, 3)) as [Client, Client, Client];
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
    const [a, b, c] = (await connected(server, 3)) as [Client, Client, Client];
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
    const [a, b, c] = (await connected(server, 3)) as [Client, Client, Client];
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
    const [a, b, c] = (await connected(server, 3)) as [Client, Client, Client];
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
    const [a, b, c, d] = (await connected(server, 4)) as [Client, Client, Client, Client];
    await Promise.all([here(a, 2).enter(), here(b, 2).enter()]);
    await Promise.all([server.faults.expire(a), server.faults.expire(b)]);
    const entered = await Promise.all([here(c, 2).enter(), here(d, 2).enter()]);
    expect(entered.map(({ round }) => round)).toEqual([2, 2]);
  });

  test("a party that somebody deletes is told, and is not let in with a round that began without it", async () => {
    await using server = await startTestServer();
    const [a, b, c] = (await connected(server, 3)) as [Client, Client, Client];
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
});

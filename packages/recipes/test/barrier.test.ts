import { startTestServer } from "@corral/testing";
import { describe, expect, test } from "vitest";
import { barrier } from "../src/barrier.ts";
import { eventually } from "./faults/stage.ts";

const B = "/barriers/b";

/** What has become of promises so far. */
function watched<T>(promises: readonly Promise<T>[]): { readonly settled: string[] } {
  const settled: string[] = [];
  for (const [i, promise] of promises.entries())
    promise.then(
      () => settled.push(`${i}`),
      (error: { code: string }) => settled.push(`${i} ${error.code}`),
    );
  return { settled };
}

describe("barrier", () => {
  test("whoever waits at a raised barrier goes on when it is lowered, and nobody waits at one that is down", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(), await server.connect()];
    await barrier(b, B).wait();
    expect(await barrier(a, B).isRaised()).toBe(false);
    const generation = await barrier(a, B).raise();
    expect(generation).toBe(server.dump().find(({ path }) => path === B)!.czxid);
    expect(await barrier(b, B).isRaised()).toBe(true);
    const waiting = [barrier(b, B).wait(), barrier(b, B).wait(), barrier(a, B).wait()];
    const { settled } = watched(waiting);
    await server.clock.advance(100_000);
    expect(settled).toEqual([]);
    expect(await barrier(b, B).lower()).toBe(true);
    await Promise.all(waiting);
    expect(await barrier(b, B).lower()).toBe(false);
    expect(server.leaks().watches).toBe(0);
  });

  test("to raise what is raised changes nothing and returns the present generation", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(), await server.connect()];
    const generation = await barrier(a, B).raise();
    expect(await barrier(b, B).raise({ lifetime: "ephemeral" })).toBe(generation);
    await b.close();
    expect(await barrier(a, B).isRaised()).toBe(true);
    expect(await barrier(a, B).lower()).toBe(true);
    expect(await barrier(a, B).raise()).toBeGreaterThan(generation);
  });

  test("a waiter that saw one generation is let go when that is over, also if the next one is raised in the same moment", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(), await server.connect({ session: { timeoutMs: 6_000 } })];
    for (const fault of ["none", "partition", "session over", "history forgotten"] as const) {
      const first = await barrier(a, B).raise();
      const waiting = barrier(b, B).wait();
      await server.clock.runUntilIdle();
      const partition = fault === "none" ? undefined : server.faults.partition(b);
      const lowering = barrier(a, B).lower();
      const second = await barrier(a, B).raise();
      expect(await lowering).toBe(true);
      expect(second).toBeGreaterThan(first);
      if (fault === "history forgotten") {
        server.faults.forgetHistory();
        server.faults.cut(b);
      }
      await server.clock.advance(fault === "session over" ? 20_000 : 1_000);
      partition?.end();
      await eventually(server, waiting, 5_000);
      expect(await barrier(b, B).isRaised()).toBe(true);
      await barrier(a, B).lower();
    }
  });

  test("to lower names a generation, if it is given, and leaves later ones alone", async () => {
    await using server = await startTestServer();
    const a = await server.connect();
    const first = await barrier(a, B).raise();
    expect(await barrier(a, B).lower({ generation: first })).toBe(true);
    expect(await barrier(a, B).lower({ generation: first })).toBe(false);
    const second = await barrier(a, B).raise();
    expect(await barrier(a, B).lower({ generation: first })).toBe(false);
    expect(await barrier(a, B).isRaised()).toBe(true);
    expect(await barrier(a, B).lower({ generation: second })).toBe(true);
  });

  test("raising and lowering can be guarded by something held: whoever has lost it is refused", async () => {
    await using server = await startTestServer();
    const a = await server.connect();
    const { stat } = await a.create("/held", null);
    const guard = { path: "/held", czxid: stat.czxid };
    const generation = await barrier(a, B).raise({ guard });
    await a.delete("/held");
    await expect(barrier(a, B).lower({ guard })).rejects.toMatchObject({ code: "GUARD_FAILED", path: "/held" });
    await expect(barrier(a, B).lower({ guard, generation })).rejects.toMatchObject({ code: "GUARD_FAILED" });
    expect(await barrier(a, B).isRaised()).toBe(true);
    await barrier(a, B).lower();
    await expect(barrier(a, B).raise({ guard })).rejects.toMatchObject({ code: "GUARD_FAILED" });
    expect(await barrier(a, B).isRaised()).toBe(false);
  });

  test("an ephemeral barrier falls with the session that raised it", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect({ session: { timeoutMs: 6_000 } }), await server.connect()];
    await barrier(a, B).raise({ lifetime: "ephemeral" });
    const waiting = barrier(b, B).wait();
    const { settled } = watched([waiting]);
    server.faults.partition(a);
    await server.clock.advance(4_000);
    expect(settled).toEqual([]);
    await server.clock.advance(6_000);
    await waiting;
  });

  test("a wait goes on over cuts, restarts and the end of the waiter's session, and ends at its time or by its signal", async () => {
    await using server = await startTestServer({ log: "file" });
    const [a, b] = [await server.connect(), await server.connect({ session: { timeoutMs: 6_000 } })];
    await barrier(a, B).raise();
    const signal = new AbortController();
    const waiting = [
      barrier(b, B).wait(),
      barrier(b, B).wait({ timeoutMs: 60_000 }),
      barrier(b, B).wait({ signal: signal.signal }),
    ];
    const { settled } = watched(waiting);
    await server.clock.runUntilIdle();
    server.faults.cut(b);
    await server.clock.advance(1_000);
    await server.faults.restart({ crash: true });
    await server.clock.advance(1_000);
    const partition = server.faults.partition(b);
    await server.clock.advance(20_000);
    partition.end();
    await server.clock.advance(10_000);
    expect(b.stats().sessionsLost).toBe(1);
    expect(settled).toEqual([]);
    signal.abort();
    await server.clock.advance(60_000 - 32_000 - 1);
    expect(settled).toEqual(["2 ABORTED"]);
    await server.clock.advance(1);
    expect(settled).toEqual(["2 ABORTED", "1 TIMEOUT"]);
    await barrier(a, B).lower();
    await waiting[0];
    expect(server.leaks().watches).toBe(0);
  });

  test("a wait whose first look is lost with the session looks again in the next one", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(), await server.connect({ session: { timeoutMs: 6_000 } })];
    await barrier(a, B).raise();
    const partition = server.faults.partition(b);
    const waiting = barrier(b, B).wait();
    const { settled } = watched([waiting]);
    await server.clock.advance(20_000);
    partition.end();
    await server.clock.advance(5_000);
    expect(b.stats().sessionsLost).toBe(1);
    expect(settled).toEqual([]);
    await barrier(a, B).lower();
    await waiting;
  });

  test("when its client is closed, a wait says so", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(), await server.connect()];
    await barrier(a, B).raise();
    const waiting = barrier(b, B).wait();
    const { settled } = watched([waiting]);
    await server.clock.runUntilIdle();
    await b.close();
    await server.clock.runUntilIdle();
    expect(settled).toEqual(["0 CLOSED"]);
  });

  test("lowering wakes all, with one event each and not one request", async () => {
    await using server = await startTestServer();
    const a = await server.connect();
    const clients = await Promise.all(Array.from({ length: 50 }, () => server.connect()));
    await barrier(a, B).raise();
    const waiting = clients.map((client) => barrier(client, B).wait());
    await server.clock.runUntilIdle();
    const before = server.requests().length;
    await barrier(a, B).lower();
    await Promise.all(waiting);
    await server.clock.runUntilIdle();
    expect(server.requests().length - before).toBe(1);
    expect(server.leaks().watches).toBe(0);
  });

  test("a waiter whose process stood still while it was lowered and raised again goes on", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(), await server.connect({ session: { timeoutMs: 6_000 } })];
    await barrier(a, B).raise();
    const waiting = barrier(b, B).wait();
    await server.clock.runUntilIdle();
    server.faults.stallClient(b, 20_000);
    await barrier(a, B).lower();
    await barrier(a, B).raise();
    await eventually(server, waiting, 40_000);
    expect(b.stats().sessionsLost).toBe(1);
  });
});

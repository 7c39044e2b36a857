/** Rounds of a double barrier in a world that breaks as a seed decides. */
import type { Client } from "@corral/client";
import { startTestServer } from "@corral/testing";
import { drawFrom } from "@corral/testing/world";
import { describe, expect, test } from "vitest";
import { begun } from "../../src/double-barrier/round.ts";
import { doubleBarrier, type Entered } from "../../src/double-barrier.ts";
import { connected } from "../connecting.ts";
import { eventually } from "../faults/stage.ts";
import { D, here, partiesIn, told } from "../parties.ts";

describe("double barrier", () => {
  test(
    "nobody passes before all have entered, whatever session events, cuts and strange children come",
    { timeout: 30_000 },
    async () => {
      await using server = await startTestServer({ latencyMs: 1 });
      const clients = await connected(server, 5);
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

  test(
    "over rounds and rounds of five who want to be among three, with faults from seeds, rounds are full and never overlap",
    {
      timeout: 60_000,
    },
    async () => {
      for (let seed = 1; seed <= 4; seed++) {
        await using server = await startTestServer({ seed, latencyMs: 1 });
        const draw = drawFrom(seed, "chaos");
        const clients = await connected(server, 5);
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

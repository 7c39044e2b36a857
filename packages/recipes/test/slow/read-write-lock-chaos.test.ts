/** One read-write lock, four who read and write, and a world that breaks as a seed decides. */
import type { Client } from "@corral/client";
import { startTestServer } from "@corral/testing";
import { between, drawFrom, oneOf } from "@corral/testing/world";
import { describe, expect, test } from "vitest";
import type { Held } from "../../src/hold/held.ts";
import { readWriteLock } from "../../src/read-write-lock.ts";
import { connected } from "../connecting.ts";
import { chaos, type ChaosNow } from "@corral/testing/chaos";
import { eventually } from "../faults/stage.ts";
import { inQueue, PATH } from "../reading-and-writing.ts";

describe("read-write lock", () => {
  test.each([1, 2, 3, 4, 5, 6])(
    "whatever happens, no writer holds together with anybody (chaos, seed %i)",
    async (seed) => {
      await using server = await startTestServer({ seed, latencyMs: 1, log: "file" });
      const clients = await connected(server, 4);
      const draw = drawFrom(seed, "read-write work");
      const over = new AbortController();
      let holds: { readonly client: Client; readonly held: Held; readonly isReading: boolean }[] = [];
      const count = { read: 0, write: 0, downgrade: 0, together: 0 };
      const pause = (client: Client, ms: number): Promise<void> =>
        new Promise((resolve) => void client.clock.setTimeout(resolve, ms));
      const working = clients.map(async (client) => {
        while (!over.signal.aborted) {
          const mine = readWriteLock(client, PATH);
          const kind = oneOf(draw, ["read", "write"] as const);
          try {
            const timeoutMs = oneOf(draw, [300, 3_000, 60_000]);
            let held = await mine[kind].acquire({ signal: over.signal, timeoutMs });
            count[kind]++;
            holds.push({ client, held, isReading: kind === "read" });
            await pause(client, between(draw, 1, 300));
            if (kind === "write" && draw() < 0.5) {
              held = await mine.downgrade(held, { timeoutMs });
              count.downgrade++;
              holds.push({ client, held, isReading: true });
              await pause(client, between(draw, 1, 300));
            }
            await held.release();
          } catch (error) {
            const codes = ["SESSION_EXPIRED", "OUTCOME_UNKNOWN", "ABORTED", "TIMEOUT", "GUARD_FAILED"];
            if (!codes.includes((error as { code: string }).code)) throw error;
          }
        }
      });
      const always = ({ isStalled, isOverruled }: ChaosNow): void => {
        holds = holds.filter(({ client, held }) => isStalled(client) || held.isValid);
        const valid = holds.filter(({ client }) => !isStalled(client) && !isOverruled(client));
        count.together = Math.max(count.together, valid.length);
        if (valid.length > 1 && valid.some(({ isReading }) => !isReading)) throw new Error("a writer is not alone");
      };
      await chaos({ server, clients, seed, steps: 60, always });
      over.abort();
      await eventually(server, Promise.all(working));
      await server.clock.advance(30_000);
      expect(inQueue(server)).toEqual([]);
      for (const part of ["read", "write", "downgrade"] as const) expect(count[part], part).toBeGreaterThan(1);
      expect(count.together).toBeGreaterThan(1);
    },
    30_000,
  );
});

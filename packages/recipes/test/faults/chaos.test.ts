/** The chaos that the recipes' tests rely on: it strikes, it is the same each time, it ends, and what it checks can fail. */
import type { Client } from "@corral/client";
import { startTestServer } from "@corral/testing";
import { expect, test } from "vitest";
import { lock } from "../../src/lock.ts";
import { chaos, type ChaosNow, validHolders } from "@corral/testing/chaos";
import { eventually } from "./stage.ts";

/** Three clients that acquire and release one lock again and again. */
async function contend(seed: number): Promise<{ struck: readonly string[]; count: number; most: number }> {
  await using server = await startTestServer({ seed, latencyMs: 1, log: "file" });
  const clients = await Promise.all([1, 2, 3].map(() => server.connect({ session: { timeoutMs: 6_000 } })));
  const holders = validHolders(1);
  const over = new AbortController();
  const working = clients.map(async (client) => {
    while (!over.signal.aborted) {
      try {
        await using held = await lock(client, "/locks/a").acquire({ signal: over.signal });
        holders.add(client, held);
        await new Promise<void>((resolve) => void client.clock.setTimeout(resolve, 300));
      } catch (error) {
        if (!["SESSION_EXPIRED", "OUTCOME_UNKNOWN", "ABORTED"].includes((error as { code: string }).code)) throw error;
      }
    }
  });
  const { struck } = await chaos({ server, clients, seed, steps: 60, always: holders.check });
  over.abort();
  await eventually(server, Promise.all(working));
  await server.clock.advance(1_000);
  expect(await lock(clients[0]!, "/locks/a").contenders()).toEqual([]);
  return { struck, count: holders.count, most: holders.most };
}

for (const seed of [1, 2, 3, 4]) {
  test(`chaos of seed ${seed}: one holds a lock at a time, whatever happens, and nothing is left at the end`, async () => {
    const { struck, count, most } = await contend(seed);
    expect(struck.length).toBeGreaterThan(30);
    expect(count).toBeGreaterThan(10);
    expect(most).toBe(1);
  }, 30_000);
}

test("chaos of the same seed is the same", async () => {
  const first = await contend(7);
  expect(await contend(7)).toEqual(first);
}, 30_000);

test("chaos tells what failed, with the seed, the step and what had struck", async () => {
  await using server = await startTestServer();
  const client = await server.connect();
  const failing = chaos({
    server,
    clients: [client],
    seed: 3,
    steps: 20,
    faults: ["cut"],
    between({ step }: ChaosNow) {
      if (step === 2) throw new Error("two is too much");
    },
  });
  await expect(failing).rejects.toThrow(
    /^chaos of seed 3, in step 2, after cut of client 0 at \d+; cut .*: two is too much$/,
  );
});

test("more valid holders than may be are found, and a token that does not grow; not of one that stands still or was overruled", async () => {
  await using server = await startTestServer();
  const [a, b] = [await server.connect(), await server.connect()];
  const holders = validHolders(1);
  const nobody = (): boolean => false;
  const isA = (client: Client): boolean => client === a;
  holders.add(a, { isValid: true, token: 5 });
  expect(() => holders.add(b, { isValid: true, token: 5 })).toThrow("token 5 after 5");
  holders.check({ isStalled: nobody });
  holders.add(b, { isValid: true, token: 6 });
  holders.check({ isStalled: isA, isOverruled: nobody });
  holders.check({ isStalled: nobody, isOverruled: isA });
  const tooMany = (): void => holders.check({ isStalled: nobody, isOverruled: nobody });
  expect(tooMany).toThrow("2 hold, at most 1 may: 5, 6");
  expect([holders.count, holders.most]).toEqual([2, 2]);
});

test("a client whose session was ended by order is overruled until it hears of that", async () => {
  await using server = await startTestServer();
  const client = await server.connect();
  const partition = server.faults.partition(client, { oneWay: "from-server" });
  const seen: boolean[] = [];
  const { isOverruled, struck } = await chaos({
    server,
    clients: [client],
    seed: 1,
    steps: 1,
    faults: ["expire"],
    always: (now) => void seen.push(now.isOverruled(client)),
  });
  expect(struck).toHaveLength(1);
  expect(seen).not.toContain(false);
  partition.end();
  await server.clock.advance(1_000);
  expect(isOverruled(client)).toBe(false);
});

import { startTestServer } from "@corral/testing";
import { expect, test } from "vitest";
import { lock } from "../src/index.ts";

test("a lock is held by one at a time, in the order of asking, with tokens that grow", async () => {
  await using server = await startTestServer();
  const clients = [await server.connect(), await server.connect(), await server.connect()];
  const order: number[] = [];
  const tokens: number[] = [];
  const first = await lock(clients[0]!, "/locks/a").acquire();
  const waiting = [1, 2].map(async (i) => {
    await using held = await lock(clients[i]!, "/locks/a").acquire();
    order.push(i);
    tokens.push(held.token);
  });
  await server.clock.runUntilIdle();
  expect(order).toEqual([]);
  expect((await lock(clients[0]!, "/locks/a").contenders()).map(({ holds }) => holds)).toEqual([true, false, false]);
  expect(await lock(clients[0]!, "/locks/a").tryAcquire()).toBeUndefined();
  expect(await first.release()).toBe("released");
  expect(first.isValid).toBe(false);
  await Promise.all(waiting);
  expect(order).toEqual([1, 2]);
  expect([first.token, ...tokens]).toEqual([first.token, ...tokens].toSorted((a, b) => a - b));
  expect(await first.release()).toBe("was-gone");
});

test("one that loses its session learns of it before another acquires", async () => {
  await using server = await startTestServer();
  const [a, b] = [await server.connect({ session: { timeoutMs: 6_000 } }), await server.connect()];
  const held = await lock(a, "/locks/a").acquire();
  const next = lock(b, "/locks/a").acquire();
  const events: string[] = [];
  held.signal.addEventListener("abort", () => events.push("lost"));
  void next.then(() => events.push("acquired"));
  server.faults.partition(a);
  await server.clock.advance(10_000);
  expect(events).toEqual(["lost", "acquired"]);
  expect((await next).token).toBeGreaterThan(held.token);
});

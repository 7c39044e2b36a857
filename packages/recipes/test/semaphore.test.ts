import { type Client, isCorralError } from "@corral/client";
import { startTestServer, type TestServer } from "@corral/testing";
import { drawFrom } from "@corral/testing/world";
import { expect, test } from "vitest";
import type { Held } from "../src/hold/held.ts";
import { semaphore, type SemaphoreOptions } from "../src/semaphore.ts";
import { SEMAPHORE_ESTABLISH_TRIES_MAX, SEMAPHORE_PERMITS_MAX } from "../src/semaphore/books.ts";

const PATH = "/semaphores/a";

/** Lets time pass until it has settled. */
async function eventually<T>(server: TestServer, promise: Promise<T>, withinMs = 60_000): Promise<T> {
  let isOver = false;
  promise.then(
    () => (isOver = true),
    () => (isOver = true),
  );
  await server.clock.runUntilIdle();
  for (let ms = 0; !isOver && ms < withinMs; ms += 50) await server.clock.advance(50);
  if (!isOver) throw new Error(`nothing after ${withinMs} ms`);
  return promise;
}

const connected = (server: TestServer, count: number): Promise<Client[]> =>
  Promise.all(Array.from({ length: count }, () => server.connect({ session: { timeoutMs: 6_000 } })));

/** Names below a part of the semaphore. */
const below = (server: TestServer, part: "queue" | "leases", path = PATH): string[] =>
  server
    .dump()
    .map((node) => node.path)
    .filter((at) => at.startsWith(`${path}/${part}/`));

const three: SemaphoreOptions = { permits: 3 };

test("as many hold as there are permits, and no more; the others are served in the order of coming", async () => {
  await using server = await startTestServer();
  const clients = await connected(server, 8);
  const order: number[] = [];
  const held: Held[] = [];
  const all = clients.map(async (client, i) => {
    const own = await semaphore(client, PATH, three).acquire();
    order.push(i);
    held.push(own);
  });
  await server.clock.runUntilIdle();
  const first = semaphore(clients[0]!, PATH, three);
  expect(order.toSorted()).toEqual([0, 1, 2]);
  expect(await first.available()).toBe(0);
  expect(await first.tryAcquire()).toBeUndefined();
  expect((await first.waiters()).map(({ holds }) => holds)).toEqual([false, false, false, false, false]);
  for (let i = 3; i < 8; i++) {
    expect(await held.shift()!.release()).toBe("released");
    await server.clock.runUntilIdle();
    expect(order).toHaveLength(i + 1);
    expect(order.at(-1)).toBe(i);
    expect((await first.holders()).map(({ token }) => token)).toEqual(held.map(({ token }) => token));
  }
  await Promise.all(all);
  for (const own of held) await own.release();
  expect(await first.available()).toBe(3);
});

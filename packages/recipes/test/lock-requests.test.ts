/** What a lock costs, counted where the requests arrive: at the server. */
import { startTestServer, type TestServer } from "@corral/testing";
import { expect, test } from "vitest";
import { lock } from "../src/lock.ts";
import { eventually } from "./faults/stage.ts";

const PATH = "/locks/a";
const WAITERS = 500;

/** What was asked from now on, as `op` and how often. */
function asked(server: TestServer): () => Record<string, number> {
  const before = server.requests().length;
  return () => {
    const counts: Record<string, number> = {};
    for (const { op } of server.requests().slice(before)) counts[op] = (counts[op] ?? 0) + 1;
    return counts;
  };
}

const sum = (counts: Record<string, number>): number => Object.values(counts).reduce((all, count) => all + count, 0);

test("to acquire a free lock takes three requests in two round trips, to release it one", async () => {
  await using server = await startTestServer({ latencyMs: 10 });
  const client = await eventually(server, server.connect());
  await eventually(server, client.create(PATH, null, { parents: true }));
  const acquiring = asked(server);
  const startedAt = server.clock.now;
  let heldAt = 0;
  const acquired = lock(client, PATH).acquire();
  await eventually(
    server,
    acquired.then(() => (heldAt = server.clock.now)),
  );
  expect(heldAt - startedAt).toBe(40);
  expect(acquiring()).toEqual({ create: 1, children: 1, get: 1 });
  const releasing = asked(server);
  await eventually(server, (await acquired).release());
  expect(releasing()).toEqual({ delete: 1 });
});

test("the first to want it pays for the queue's znode, once", async () => {
  await using server = await startTestServer();
  const client = await server.connect();
  const first = asked(server);
  await (await lock(client, PATH).acquire()).release();
  expect(first()).toEqual({ create: 3, children: 2, get: 1, delete: 1 });
  const second = asked(server);
  await (await lock(client, PATH).acquire()).release();
  expect(sum(second())).toBe(4);
});

test("a lock that is given on is with the next one two round trips after its release", async () => {
  await using server = await startTestServer({ latencyMs: 10 });
  const [a, b] = await eventually(server, Promise.all([server.connect(), server.connect()]));
  const held = await eventually(server, lock(a, PATH).acquire());
  let heldAt = 0;
  const next = lock(b, PATH)
    .acquire()
    .then(() => (heldAt = server.clock.now));
  await server.clock.advance(1_000);
  const releasedAt = server.clock.now;
  void held.release();
  await eventually(server, next);
  // The release, its event, the list and its answer, the look and its answer: each 10 ms.
  expect(heldAt - releasedAt).toBe(60);
});

test("a release wakes one of 500 waiters, and all of them together cost no more than one each", async () => {
  await using server = await startTestServer();
  const clients = await Promise.all(Array.from({ length: 10 }, () => server.connect()));
  const held = await lock(clients[0]!, PATH).acquire();
  const tokens: number[] = [];
  let isDraining = false;
  let drain = (): void => {};
  const draining = new Promise<void>((resolve) => {
    drain = resolve;
  });
  const waiting = Array.from({ length: WAITERS }, async (_, i) => {
    const mine = await lock(clients[i % clients.length]!, PATH).acquire();
    tokens.push(mine.token);
    if (!isDraining) await draining;
    await mine.release();
  });
  await server.clock.runUntilIdle();
  expect(server.dump().filter(({ path }) => path.startsWith(`${PATH}/`))).toHaveLength(WAITERS + 1);

  const one = asked(server);
  await held.release();
  await server.clock.runUntilIdle();
  expect(tokens).toHaveLength(1);
  const { delete: ofReleaser, ...caused } = one();
  expect(ofReleaser).toBe(1);
  expect(sum(caused)).toBeLessThanOrEqual(3);

  const all = asked(server);
  isDraining = true;
  drain();
  await Promise.all(waiting);
  expect(tokens).toHaveLength(WAITERS);
  expect(tokens).toEqual(tokens.toSorted((a, b) => a - b));
  // To list, to look, to delete: three each, less what the first has done above.
  expect(sum(all())).toBeLessThanOrEqual(3 * WAITERS);
  expect(server.leaks()).toMatchObject({ ephemerals: 0, watches: 0, waiting: 0 });
}, 20_000);

test("waiters that give up wake nobody but the one behind them", async () => {
  await using server = await startTestServer();
  const [a, b, c] = [await server.connect(), await server.connect(), await server.connect()];
  await using held = await lock(a, PATH).acquire();
  const leaving = new AbortController();
  const middle = lock(c, PATH).acquire({ signal: leaving.signal });
  const ended = middle.catch(() => "left");
  await server.clock.runUntilIdle();
  const last = lock(b, PATH).acquire({ timeoutMs: 60_000 });
  await server.clock.runUntilIdle();
  const count = asked(server);
  leaving.abort();
  expect(await ended).toBe("left");
  await server.clock.runUntilIdle();
  // It takes its watch back and leaves; the one behind it looks again and watches the holder.
  expect(count()).toEqual({ removeWatches: 1, delete: 1, children: 1, get: 1 });
  await held.release();
  expect((await last).isValid).toBe(true);
});

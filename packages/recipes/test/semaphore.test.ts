/** A semaphore: who holds, who waits, who is woken, and how it ends. */
import type { Client } from "@corral/client";
import { startTestServer } from "@corral/testing";
import { describe, expect, test } from "vitest";
import type { Held } from "../src/hold/held.ts";
import { semaphore } from "../src/semaphore.ts";
import { SEMAPHORE_ESTABLISH_TRIES_MAX } from "../src/semaphore/books.ts";
import { connected } from "./connecting.ts";
import { eventually } from "./faults/stage.ts";
import { below, counted, PATH, three } from "./three-permits.ts";

/** What it rejects with. */
const refusal = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe("semaphore", () => {
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
    expect(new Set(order)).toEqual(new Set([0, 1, 2]));
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

  test("permits that are free are given at once to all who come at once, also to those who only try", async () => {
    await using server = await startTestServer({ latencyMs: 1 });
    const clients = await eventually(server, connected(server, 20));
    const waits: unknown[] = [];
    const all = clients.map((client) =>
      semaphore(client, PATH, { permits: 40 }).acquire({ onWait: (waiting) => waits.push(waiting) }),
    );
    expect(await eventually(server, Promise.all(all))).toHaveLength(20);
    const tries = clients.map((client) => semaphore(client, PATH, { permits: 40 }).tryAcquire());
    expect((await eventually(server, Promise.all(tries))).filter((held) => held !== undefined)).toHaveLength(20);
    expect(waits).toEqual([]);
    expect(new Set((await eventually(server, Promise.all(all))).map(({ token }) => token)).size).toBe(20);
  });

  test("a permit that comes free while the first in the queue looks is not missed", async () => {
    await using server = await startTestServer();
    const [a, b] = await connected(server, 2);
    const theirs = await semaphore(b!, PATH, { permits: 1 }).acquire();
    const mine = semaphore(a!, PATH, { permits: 1, onMismatch: "use-stored" });
    const late = server.faults.delayReply({ op: "multiRead", client: 1 }, 100);
    const { held } = counted([mine.acquire()]);
    // It has been told that there is none, and does not know it yet.
    await server.clock.advance(50);
    expect(late.hits).toBe(1);
    late.end();
    await theirs.release();
    await server.clock.advance(100);
    expect(held).toHaveLength(1);
  });

  test("a release wakes one waiter, at a cost that does not grow with the queue", async () => {
    await using server = await startTestServer();
    const [holder, ...others] = await connected(server, 101);
    const first = await semaphore(holder!, PATH, { permits: 1 }).acquire();
    const all = others.map((client) => semaphore(client, PATH, { permits: 1 }).acquire());
    const { held } = counted(all);
    await server.clock.runUntilIdle();
    let before = server.requests().length;
    await first.release();
    await server.clock.runUntilIdle();
    expect(held).toHaveLength(1);
    const asked = server.requests().slice(before);
    // The one who got it, and the one who is first now.
    expect(new Set(asked.map(({ client }) => client)).size).toBe(3);
    expect(asked.length).toBeLessThanOrEqual(12);
    before = server.requests().length;
    for (let i = 0; i < 100; i++) {
      await held[i]!.release();
      await server.clock.runUntilIdle();
    }
    expect(held).toHaveLength(100);
    expect(server.requests().length - before).toBeLessThanOrEqual(12 * 100);
    await Promise.all(all);
    expect(server.leaks().watches).toBe(0);
  });

  test("one time limit is for the whole waiting, however often it is woken (pain 40)", async () => {
    await using server = await startTestServer();
    const [a, b] = await connected(server, 2);
    const theirs = semaphore(b!, PATH, { permits: 1, onMismatch: "use-stored" });
    const queue = Array.from({ length: 20 }, () => theirs.acquire());
    await server.clock.runUntilIdle();
    const from = server.clock.now;
    const positions: number[] = [];
    const mine = semaphore(a!, PATH, { permits: 1 });
    const acquiring = mine.acquire({ timeoutMs: 1_000, onWait: ({ position }) => positions.push(position) });
    let endedAt: number | undefined;
    acquiring.catch(() => (endedAt = server.clock.now));
    for (const held of queue) {
      await server.clock.advance(90);
      await (await held).release();
      await server.clock.runUntilIdle();
    }
    await expect(acquiring).rejects.toMatchObject({ code: "TIMEOUT" });
    expect(endedAt! - from).toBe(1_000);
    expect(positions[0]).toBe(19);
    expect(below(server, "queue")).toEqual([]);
    expect(await mine.available()).toBe(1);
    // The first in the queue is told what it waits for.
    const held = await mine.acquire();
    const waits: unknown[] = [];
    const stop = new AbortController();
    const waiting = mine.acquire({ signal: stop.signal, onWait: (waited) => waits.push(waited) });
    waiting.catch(() => {});
    await server.clock.runUntilIdle();
    expect(waits).toMatchObject([{ position: 0, behind: `${PATH}/leases` }]);
    stop.abort();
    await expect(waiting).rejects.toMatchObject({ code: "ABORTED" });
    await server.clock.runUntilIdle();
    expect(below(server, "queue")).toEqual([]);
    await held.release();
  });

  test("whoever holds can be asked to let go, or be evicted; so can whoever waits", async () => {
    await using server = await startTestServer();
    const [a, b, ops] = await connected(server, 3);
    const held = await semaphore(a!, PATH, { permits: 1 }).acquire();
    const waiting = refusal(semaphore(b!, PATH, { permits: 1 }).acquire());
    await server.clock.runUntilIdle();
    const theirs = semaphore(ops!, PATH, { permits: 1, identity: "ops" });
    const [holder] = await theirs.holders();
    const [waiter] = await theirs.waiters();
    expect(holder).toMatchObject({ token: held.token, isMine: false, holds: true });
    expect(await theirs.requestRevoke(holder!.token, "deploy")).toBe(true);
    await server.clock.runUntilIdle();
    expect(held.revokeRequested.reason).toEqual({ by: "ops", why: "deploy" });
    expect(await theirs.requestRevoke(waiter!.token)).toBe(false);
    expect(await theirs.evict(waiter!.token)).toBe(true);
    expect(await waiting).toMatchObject({ code: "GUARD_FAILED", path: waiter!.path });
    expect(await theirs.evict(waiter!.token)).toBe(false);
    expect(await theirs.evict(held.token)).toBe(true);
    await server.clock.runUntilIdle();
    expect((held.signal.reason as { code: string }).code).toBe("GUARD_FAILED");
    expect(await theirs.available()).toBe(1);
  });

  test("with gives the permit back, whatever the work comes to", async () => {
    await using server = await startTestServer();
    const [client] = await connected(server, 1);
    const mine = semaphore(client!, PATH, three);
    expect(await mine.with(({ isValid }) => isValid)).toBe(true);
    const failed = new Error("work");
    await expect(mine.with(() => Promise.reject(failed))).rejects.toBe(failed);
    await expect(mine.with(async ({ token }) => mine.evict(token))).rejects.toMatchObject({ code: "GUARD_FAILED" });
    expect(await mine.available()).toBe(3);
  });

  test("a semaphore that is deleted ends the waiting of all, and can be made again", async () => {
    await using server = await startTestServer();
    const [a, b] = await connected(server, 2);
    const mine = semaphore(a!, PATH, { permits: 1 });
    const held = await mine.acquire();
    const waiting = [1, 2, 3].map(() => expect(mine.acquire()).rejects.toMatchObject({ code: "GUARD_FAILED" }));
    await server.clock.runUntilIdle();
    await b!.delete(PATH, { recursive: true });
    await Promise.all(waiting);
    await server.clock.runUntilIdle();
    expect(held.isValid).toBe(false);
    expect((await semaphore(b!, PATH, three).acquire()).isValid).toBe(true);
    // Of one whose leases alone are deleted nothing is left but the number.
    await b!.delete(`${PATH}/leases`, { recursive: true });
    expect(await semaphore(b!, PATH, three).available()).toBe(3);
    expect((await semaphore(b!, PATH, three).acquire()).isValid).toBe(true);
    expect(await semaphore(b!, PATH, three).available()).toBe(2);
    // One that is deleted again and again is given up.
    const blind = Object.create(a!) as { multiRead: unknown };
    let looks = 0;
    blind.multiRead = () => {
      looks++;
      const error = { code: "NO_NODE" };
      return Promise.resolve([
        { ok: false, error },
        { ok: false, error },
      ]);
    };
    await expect(semaphore(blind as unknown as Client, PATH, three).tryAcquire()).rejects.toMatchObject({
      code: "NO_NODE",
      limitName: "establishTries",
    });
    expect(looks).toBe(SEMAPHORE_ESTABLISH_TRIES_MAX);
  });
});

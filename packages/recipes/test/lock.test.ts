/** A lock: the order of asking, what a waiter is told, how it is tried, and how work is done under it. */
import { isCorralError } from "@corral/client";
import { startTestServer } from "@corral/testing";
import { describe, expect, test } from "vitest";
import type { Waiting } from "../src/hold/turn.ts";
import { lock } from "../src/lock.ts";
import { eventually } from "./faults/stage.ts";
import { clientsOf, errorOf, PATH, standing } from "./locking.ts";

test("a lock is held by one at a time, in the order of asking, with tokens that grow", async () => {
  await using server = await startTestServer();
  const clients = await clientsOf(server, 3);
  const order: number[] = [];
  const tokens: number[] = [];
  const first = await lock(clients[0]!, PATH).acquire();
  const waiting = [1, 2].map(async (i) => {
    await using held = await lock(clients[i]!, PATH).acquire();
    order.push(i);
    tokens.push(held.token);
  });
  await server.clock.runUntilIdle();
  expect(order).toEqual([]);
  expect((await lock(clients[0]!, PATH).contenders()).map(({ holds }) => holds)).toEqual([true, false, false]);
  expect(await lock(clients[0]!, PATH).tryAcquire()).toBeUndefined();
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
  const held = await lock(a, PATH).acquire();
  const next = lock(b, PATH).acquire();
  const events: string[] = [];
  held.signal.addEventListener("abort", () => events.push("lost"));
  void next.then(() => events.push("acquired"));
  server.faults.partition(a);
  await server.clock.advance(10_000);
  expect(events).toEqual(["lost", "acquired"]);
  expect((await next).token).toBeGreaterThan(held.token);
});

test("one Lock may be used again and again, by many at once, and after a loss", async () => {
  await using server = await startTestServer();
  const client = await server.connect({ session: { timeoutMs: 6_000 } });
  const shared = lock(client, PATH);
  const tokens: number[] = [];
  await Promise.all(
    Array.from({ length: 5 }, () =>
      shared.with((held) => {
        tokens.push(held.token);
      }),
    ),
  );
  const lost = await shared.acquire();
  await server.faults.expire(client);
  await server.clock.advance(1_000);
  expect(lost.isValid).toBe(false);
  await using again = await shared.acquire();
  expect(again.isValid).toBe(true);
  expect([...tokens, lost.token, again.token]).toEqual(
    [...new Set([...tokens, lost.token, again.token])].toSorted((a, b) => a - b),
  );
  expect(tokens).toHaveLength(5);
});

test("whoever holds it and asks again waits for himself, and is told so", async () => {
  await using server = await startTestServer();
  const client = await server.connect();
  const shared = lock(client, PATH);
  const held = await shared.acquire();
  const waits: Waiting[] = [];
  const again = shared.acquire({ onWait: (waiting) => waits.push(waiting) });
  await server.clock.advance(60_000);
  expect(waits).toEqual([{ position: 1, behind: held.path }]);
  await held.release();
  expect((await again).isValid).toBe(true);
});

test("a waiter is told how many stand before it, and whom it waits for, each time that it has to wait", async () => {
  await using server = await startTestServer();
  const clients = await clientsOf(server, 4);
  const first = await lock(clients[0]!, PATH).acquire();
  const queue = [1, 2].map((i) => lock(clients[i]!, PATH).acquire());
  await server.clock.runUntilIdle();
  const waits: Waiting[] = [];
  const last = lock(clients[3]!, PATH).acquire({ onWait: (waiting) => waits.push(waiting) });
  await server.clock.runUntilIdle();
  const paths = standing(server);
  expect(waits).toEqual([{ position: 3, behind: paths[2] }]);
  // The end of others than the one before it is none of its business.
  await first.release();
  expect(waits).toHaveLength(1);
  await lock(clients[0]!, PATH).evict(server.dump().find(({ path }) => path === paths[2])!.czxid);
  await expect(queue[1]).rejects.toMatchObject({ code: "GUARD_FAILED" });
  expect(waits.slice(1)).toEqual([{ position: 1, behind: paths[1] }]);
  await (await queue[0])!.release();
  expect((await last).isValid).toBe(true);
  expect(waits).toHaveLength(2);
});

test("what onWait throws ends the acquisition, and leaves nobody in the queue", async () => {
  await using server = await startTestServer();
  const client = await server.connect();
  const held = await lock(client, PATH).acquire();
  const refusing = lock(client, PATH).acquire({
    onWait: () => {
      throw new RangeError("too long a queue");
    },
  });
  await expect(refusing).rejects.toThrow(RangeError);
  await server.clock.runUntilIdle();
  expect(standing(server)).toEqual([held.path]);
});

describe("tryAcquire", () => {
  test("a lock that is held or waited for costs one read and no write", async () => {
    await using server = await startTestServer();
    const [a, b] = await clientsOf(server, 2);
    await using held = await lock(a!, PATH).acquire();
    const before = server.requests().length;
    expect(await lock(b!, PATH).tryAcquire()).toBeUndefined();
    expect(
      server
        .requests()
        .slice(before)
        .map(({ op }) => op),
    ).toEqual(["children"]);
    expect(held.isValid).toBe(true);
  });

  test("a free one is held at once", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    const held = await lock(client, PATH).tryAcquire();
    expect(held!.isValid).toBe(true);
    expect(standing(server)).toEqual([held!.path]);
    expect(await held!.release()).toBe("released");
    expect(standing(server)).toEqual([]);
  });

  test("of many who try at once one gets it, and the others leave nothing behind", async () => {
    await using server = await startTestServer({ latencyMs: 1 });
    const clients = await clientsOf(server, 8);
    await clients[0]!.create(PATH, null, { parents: true });
    const tried = await eventually(server, Promise.all(clients.map((client) => lock(client, PATH).tryAcquire())));
    const got = tried.filter((held) => held !== undefined);
    expect(got).toHaveLength(1);
    expect(standing(server)).toEqual([got[0]!.path]);
    // They did ask at once: otherwise this would prove nothing.
    expect(server.requests({ op: "delete" }).length).toBeGreaterThan(0);
  });
});

describe("with", () => {
  test("comes to what the function comes to, and releases", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    expect(await lock(client, PATH).with(({ token }) => Promise.resolve(token > 0))).toBe(true);
    expect(await lock(client, PATH).with(() => "at once")).toBe("at once");
    await expect(lock(client, PATH).with(() => Promise.reject(new RangeError("mine")))).rejects.toThrow(RangeError);
    expect(standing(server)).toEqual([]);
  });

  test("rejects with why the lock was lost, once the function has ended, with its error as the cause", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    const log: string[] = [];
    const failed = new RangeError("stopped half way");
    const working = lock(client, PATH).with(async ({ signal, token }) => {
      await lock(client, PATH).evict(token);
      expect(signal.aborted).toBe(true);
      await client.sync();
      log.push("ended");
      throw failed;
    });
    const error = await errorOf(working);
    expect(log).toEqual(["ended"]);
    expect(error).toMatchObject({ code: "GUARD_FAILED", outcome: "no", retryable: true, cause: failed });
    expect(isCorralError(error)).toBe(true);
  });

  test("drops what the function came to if the lock was lost meanwhile", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    const working = lock(client, PATH).with(async (held) => {
      await lock(client, PATH).evict(held.token);
      return "not to be believed";
    });
    const error = await errorOf(working);
    expect(error.code).toBe("GUARD_FAILED");
    expect(error.cause).toBeUndefined();
  });

  test("the error by which the function says why the lock was lost is told as it is", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    let reason: unknown;
    const working = lock(client, PATH).with(async (held) => {
      await lock(client, PATH).evict(held.token);
      reason = held.signal.reason;
      held.assertValid();
    });
    expect(await errorOf(working)).toBe(reason);
  });

  test("one that the function has released itself was not lost", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    const working = lock(client, PATH).with(async (held) => {
      await held.release();
      return "early";
    });
    expect(await working).toBe("early");
  });

  test("is never called if the lock is not acquired", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    await using held = await lock(client, PATH).acquire();
    let calls = 0;
    const waiting = errorOf(lock(client, PATH).with(() => calls++, { timeoutMs: 1_000 }));
    await server.clock.advance(1_000);
    expect(await waiting).toMatchObject({ code: "TIMEOUT", op: "lock.acquire", path: PATH, outcome: "no" });
    expect(calls).toBe(0);
    expect(held.isValid).toBe(true);
  });
});

test("a lock below a chroot is the lock at the whole path, with paths as the client sees them", async () => {
  await using server = await startTestServer();
  const [a, b] = await clientsOf(server, 2);
  await a!.create("/tenants/x", null, { parents: true });
  const below = a!.chroot("/tenants/x");
  const held = await lock(below, PATH).acquire();
  expect(held.path.startsWith(`${PATH}/`)).toBe(true);
  expect(held.name).toBe(PATH);
  await below.create("/guarded", null, { guard: held.guard });
  expect(await lock(b!, `/tenants/x${PATH}`).tryAcquire()).toBeUndefined();
  const next = lock(b!, `/tenants/x${PATH}`).acquire();
  await server.clock.runUntilIdle();
  await held.release();
  expect((await next).isValid).toBe(true);
});

test("a path that is none is refused, by whatever it is given to", async () => {
  await using server = await startTestServer();
  const client = await server.connect();
  const bad = lock(client, "locks");
  for (const call of [bad.acquire(), bad.tryAcquire(), bad.contenders(), bad.evict(1), bad.requestRevoke()])
    expect((await errorOf(call)).code).toBe("BAD_ARGUMENTS");
  expect(server.leaks()).toMatchObject({ waiting: 0, watches: 0, ephemerals: 0 });
});

test("the queue's znode is a container: it goes some time after its last contender, and comes back when it is wanted", async () => {
  await using server = await startTestServer();
  const client = await server.connect();
  const first = await lock(client, PATH).acquire();
  await server.clock.advance(120_000);
  expect(first.isValid).toBe(true);
  await first.release();
  await server.clock.advance(120_000);
  expect(server.dump().some(({ path }) => path === PATH)).toBe(false);
  await using second = await lock(client, PATH).acquire();
  // Its place in the new queue is the first again; its token is not.
  expect(second.path.slice(-10)).toBe(first.path.slice(-10));
  expect(second.token).toBeGreaterThan(first.token);
});

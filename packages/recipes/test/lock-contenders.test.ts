/** The contenders of a lock: who they are, how one is asked to let go or thrown out, and those of other libraries. */
import type { CorralError } from "@corral/client";
import { startTestServer } from "@corral/testing";
import { describe, expect, test } from "vitest";
import type { Layout } from "../src/hold/contender-name.ts";
import type { Waiting } from "../src/hold/turn.ts";
import { lock } from "../src/lock.ts";
import { clientsOf, PATH, standing } from "./locking.ts";

describe("contenders", () => {
  test("tell who holds and who waits, since when, and whose they are, in the order of the queue", async () => {
    await using server = await startTestServer();
    const [a, b] = await clientsOf(server, 2);
    const held = await lock(a!, PATH, { identity: "anna" }).acquire();
    await server.clock.advance(1_000);
    const waiting = lock(b!, PATH, { identity: "bert" }).acquire();
    await server.clock.runUntilIdle();
    const contenders = await lock(b!, PATH).contenders();
    expect(contenders).toEqual([
      {
        path: held.path,
        identity: "anna",
        since: expect.any(Number) as number,
        token: held.token,
        sessionId: a!.session!.id,
        isMine: false,
        holds: true,
      },
      {
        path: standing(server)[1],
        identity: "bert",
        since: contenders[0]!.since + 1_000,
        token: expect.any(Number) as number,
        sessionId: b!.session!.id,
        isMine: true,
        holds: false,
      },
    ]);
    await held.release();
    expect((await waiting).token).toBe(contenders[1]!.token);
  });

  test("of a lock that nobody ever wanted there are none", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    expect(await lock(client, PATH).contenders()).toEqual([]);
    expect(await lock(client, PATH).requestRevoke()).toBe(false);
    expect(await lock(client, PATH).evict(1)).toBe(false);
    expect(server.dump().some(({ path }) => path === PATH)).toBe(false);
  });

  test("an identity that is too long is refused, with the limit", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    expect(() => lock(client, PATH, { identity: "ü".repeat(513) })).toThrow(
      expect.objectContaining({ code: "BAD_ARGUMENTS", path: PATH, limitName: "identity", limit: 1024, actual: 1026 }),
    );
    await using held = await lock(client, PATH, { identity: "ü".repeat(512) }).acquire();
    expect(held.isValid).toBe(true);
  });
});

describe("requestRevoke", () => {
  test("asks the holder to let go, by its signal, with who asks and why; nothing else happens", async () => {
    await using server = await startTestServer();
    const [a, b] = await clientsOf(server, 2);
    const held = await lock(a!, PATH).acquire();
    const asked: unknown[] = [];
    held.revokeRequested.addEventListener("abort", () => asked.push(held.revokeRequested.reason));
    expect(await lock(b!, PATH, { identity: "ops" }).requestRevoke("deploy")).toBe(true);
    await server.clock.runUntilIdle();
    expect(asked).toEqual([{ by: "ops", why: "deploy" }]);
    expect(held.isValid).toBe(true);
    // Asked again, it stays what it is; and the holder still learns of the end.
    expect(await lock(b!, PATH, { identity: "other" }).requestRevoke("again")).toBe(true);
    await server.clock.runUntilIdle();
    expect(asked).toHaveLength(1);
    expect(await lock(b!, PATH).evict(held.token)).toBe(true);
    await server.clock.runUntilIdle();
    expect(held.signal.reason).toMatchObject({ code: "GUARD_FAILED" });
  });

  test("keeps the identity of who is asked, and wakes no waiter", async () => {
    await using server = await startTestServer();
    const [a, b] = await clientsOf(server, 2);
    const held = await lock(a!, PATH, { identity: "anna" }).acquire();
    let isTheirs = false;
    const waiting = lock(b!, PATH)
      .acquire()
      .then((mine) => {
        isTheirs = true;
        return mine;
      });
    await server.clock.runUntilIdle();
    await lock(b!, PATH).requestRevoke("please");
    await server.clock.runUntilIdle();
    expect(isTheirs).toBe(false);
    expect((await lock(b!, PATH).contenders())[0]).toMatchObject({ identity: "anna", holds: true });
    await held.release();
    expect((await waiting).isValid).toBe(true);
  });

  test("one that is asked while it acquires learns of it when it holds", async () => {
    await using server = await startTestServer();
    const [a, b] = await clientsOf(server, 2);
    const first = await lock(a!, PATH).acquire();
    const second = lock(b!, PATH).acquire();
    await server.clock.runUntilIdle();
    const marked = JSON.stringify({ identity: "x", revoke: { by: "ops", why: "too late for you" } });
    await a!.set(standing(server)[1]!, new TextEncoder().encode(marked));
    await first.release();
    expect((await second).revokeRequested.reason).toEqual({ by: "ops", why: "too late for you" });
  });
});

describe("evict", () => {
  test("takes the lock from its holder, who learns of it, and gives it to the next", async () => {
    await using server = await startTestServer();
    const [a, b] = await clientsOf(server, 2);
    const held = await lock(a!, PATH).acquire();
    const next = lock(b!, PATH).acquire();
    await server.clock.runUntilIdle();
    expect(await lock(b!, PATH).evict(held.token)).toBe(true);
    expect((await next).token).toBeGreaterThan(held.token);
    expect(held.isValid).toBe(false);
    expect(held.validForMs).toBe(0);
    expect(held.signal.reason).toMatchObject({ code: "GUARD_FAILED", path: held.path });
    expect(() => held.assertValid()).toThrow(held.signal.reason as CorralError);
    expect(await held.release()).toBe("was-gone");
    expect((await next).isValid).toBe(true);
  });

  test("a waiter that is evicted learns of it at once, and those behind it move up", async () => {
    await using server = await startTestServer();
    const clients = await clientsOf(server, 3);
    const held = await lock(clients[0]!, PATH).acquire();
    const evicted = lock(clients[1]!, PATH).acquire();
    await server.clock.runUntilIdle();
    const last = lock(clients[2]!, PATH).acquire();
    await server.clock.runUntilIdle();
    const [, { token }] = (await lock(clients[0]!, PATH).contenders()) as [unknown, { token: number }];
    expect(await lock(clients[0]!, PATH).evict(token)).toBe(true);
    await expect(evicted).rejects.toMatchObject({ code: "GUARD_FAILED", op: "lock.acquire", retryable: true });
    expect(held.isValid).toBe(true);
    await held.release();
    expect((await last).isValid).toBe(true);
  });

  test("strikes the one with that token, or nobody", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    const held = await lock(client, PATH).acquire();
    expect(await lock(client, PATH).evict(held.token - 1)).toBe(false);
    expect(await lock(client, "/locks/b").evict(held.token)).toBe(false);
    expect(held.isValid).toBe(true);
    await held.release();
    expect(await lock(client, PATH).evict(held.token)).toBe(false);
  });
});

describe("foreign contenders", () => {
  const layouts: Layout[] = ["curator", "kazoo", "curator-latch"];

  test("the layouts queue together, in the order of asking", async () => {
    await using server = await startTestServer();
    const clients = await clientsOf(server, layouts.length);
    const order: Layout[] = [];
    const working = layouts.map(async (layout, i) => {
      const acquiring = lock(clients[i]!, PATH, { layout }).acquire();
      await using held = await acquiring;
      order.push(layout);
      expect(held.isValid).toBe(true);
      await clients[i]!.sync();
    });
    await Promise.all(working);
    expect(order).toEqual(layouts);
  });

  test.each([
    "_c_6d5a3ff5-3c1c-4a3a-8a6a-5f2ed2d0a0b1-lock-",
    "_c_6d5a3ff5-3c1c-4a3a-8a6a-5f2ed2d0a0b1-latch-",
    "4fa1e9f2c9f04e5f8b6f2c0f0b1c2d3e__lock__",
  ])("one that stands in the queue as %s is seen, waited for, and listed with its data as identity", async (prefix) => {
    await using server = await startTestServer();
    const [a, b] = await clientsOf(server, 2);
    await a!.create(PATH, null, { parents: true });
    // What others keep in the queue's znode stands for nobody.
    await a!.create(`${PATH}/config`, null);
    const foreign = await a!.create(`${PATH}/${prefix}`, new TextEncoder().encode("10.1.2.3"), {
      lifetime: "ephemeral",
      sequential: true,
    });
    expect(await lock(b!, PATH).tryAcquire()).toBeUndefined();
    const waits: Waiting[] = [];
    const mine = lock(b!, PATH).acquire({ onWait: (waiting) => waits.push(waiting) });
    await server.clock.runUntilIdle();
    expect(waits).toEqual([{ position: 1, behind: foreign.path }]);
    const [first, ...others] = await lock(b!, PATH).contenders();
    expect(first).toMatchObject({ path: foreign.path, identity: "10.1.2.3", holds: true, token: foreign.stat.czxid });
    expect(others).toHaveLength(1);
    expect(await lock(b!, PATH, { identity: "ops" }).requestRevoke("why")).toBe(true);
    await a!.delete(foreign.path);
    expect((await mine).token).toBeGreaterThan(foreign.stat.czxid);
  });

  test("one that came after ours waits for ours: nobody is overtaken", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    const held = await lock(client, PATH).acquire();
    await client.create(`${PATH}/4fa1e9f2c9f04e5f8b6f2c0f0b1c2d3e__lock__`, null, { sequential: true });
    expect(await held.verify()).toBe(true);
    expect((await lock(client, PATH).contenders()).map(({ holds }) => holds)).toEqual([true, false]);
  });
});

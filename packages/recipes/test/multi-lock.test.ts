import type { Client } from "@corral/client";
import { startTestServer, type TestServer } from "@corral/testing";
import { describe, expect, test } from "vitest";
import type { Held } from "../src/hold/held.ts";
import { lock } from "../src/lock.ts";
import { MULTI_LOCK_LOCKS_MAX, type MultiHeld, type MultiLock, multiLock } from "../src/multi-lock.ts";
import { readWriteLock } from "../src/read-write-lock.ts";
import { semaphore } from "../src/semaphore.ts";
import { connected } from "./connecting.ts";

const allOf = (client: Client, ...names: readonly string[]): MultiLock =>
  multiLock(
    client,
    names.map((name) => lock(client, `/locks/${name}`)),
  );

/** What it rejects with. */
const refusal = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

/** Paths of all contenders. */
const contenders = (server: TestServer): string[] =>
  server
    .dump()
    .filter(({ owner }) => owner !== 0)
    .map(({ path }) => path);

describe("multi-lock", () => {
  test("two who name their locks in opposite order never wait for each other, in a thousand rounds (pain 41)", async () => {
    await using server = await startTestServer();
    const [a, b] = await connected(server, 2);
    let rounds = 0;
    let holding = 0;
    const work = async (client: Client, names: readonly string[]): Promise<void> => {
      for (let i = 0; i < 1_000; i++) {
        await allOf(client, ...names).with(async (held) => {
          expect(++holding).toBe(1);
          await client.exists("/locks");
          expect(held.isValid).toBe(true);
          rounds++;
          holding--;
        });
      }
    };
    await Promise.all([work(a!, ["x", "y"]), work(b!, ["y", "x"])]);
    expect(rounds).toBe(2_000);
    expect(contenders(server)).toEqual([]);
  }, 20_000);

  test("taken one by one in the order of paths, released in reverse", async () => {
    await using server = await startTestServer();
    const [a] = await connected(server, 1);
    const all = allOf(a!, "c", "a", "b");
    expect(all.paths).toEqual(["/locks/a", "/locks/b", "/locks/c"]);
    const held = await all.acquire();
    const created = server.requests({ op: "create" }).map(({ path }) => path!.split("/")[2]!);
    expect([...new Set(created)]).toEqual(["a", "b", "c"]);
    const before = server.requests().length;
    expect(await held.release()).toBe("released");
    const deleted = server.requests().slice(before);
    expect(deleted.map(({ op }) => op)).toEqual(["delete", "delete", "delete"]);
    expect(deleted.map(({ path }) => path!.split("/")[2])).toEqual(["c", "b", "a"]);
    expect(await held.release()).toBe("was-gone");
  });

  test("one time limit is for all of them, however slowly they come free (pain 40)", async () => {
    await using server = await startTestServer();
    const [a, b] = await connected(server, 2);
    const names = Array.from({ length: 20 }, (_, i) => String.fromCharCode(97 + i));
    const theirs = await Promise.all(names.map((name) => lock(b!, `/locks/${name}`).acquire()));
    const acquiring = allOf(a!, ...names).acquire({ timeoutMs: 1_000 });
    let endedAt: number | undefined;
    acquiring.catch(() => (endedAt = server.clock.now));
    const from = server.clock.now;
    for (const held of theirs) {
      // Each time most of the limit: not one of the locks takes longer than that.
      await server.clock.advance(900);
      await held.release();
      await server.clock.runUntilIdle();
    }
    await expect(acquiring).rejects.toMatchObject({ code: "TIMEOUT" });
    expect(endedAt! - from).toBe(1_000);
    expect(contenders(server)).toEqual([]);
  });

  test("the first that fails ends it at once, and what was taken is given back", async () => {
    await using server = await startTestServer();
    const [a, b] = await connected(server, 2);
    const theirs = await lock(b!, "/locks/b").acquire();
    // Aborted while it waits.
    const stop = new AbortController();
    const acquiring = allOf(a!, "a", "b", "c").acquire({ signal: stop.signal });
    await server.clock.runUntilIdle();
    expect(contenders(server)).toHaveLength(3);
    const why = new Error("enough");
    stop.abort(why);
    await expect(acquiring).rejects.toMatchObject({ code: "ABORTED", cause: why });
    await server.clock.runUntilIdle();
    expect(contenders(server)).toEqual([theirs.path]);
    // Its contender is deleted while it waits.
    const evicted = refusal(allOf(a!, "a", "b", "c").acquire());
    await server.clock.runUntilIdle();
    const [, waiter] = await lock(b!, "/locks/b").contenders();
    expect(await lock(b!, "/locks/b").evict(waiter!.token)).toBe(true);
    expect(await evicted).toMatchObject({ code: "GUARD_FAILED", path: waiter!.path });
    await server.clock.runUntilIdle();
    expect(contenders(server)).toEqual([theirs.path]);
    expect(server.requests().some(({ path }) => path?.startsWith("/locks/c"))).toBe(false);
  });

  test("one that is lost while the next is waited for ends the waiting", async () => {
    await using server = await startTestServer();
    const [a, b] = await connected(server, 2);
    const theirs = await lock(b!, "/locks/b").acquire();
    const lost = refusal(allOf(a!, "a", "b").acquire());
    await server.clock.runUntilIdle();
    const [first] = await lock(b!, "/locks/a").contenders();
    expect(await lock(b!, "/locks/a").evict(first!.token)).toBe(true);
    expect(await lost).toMatchObject({ code: "GUARD_FAILED", path: first!.path });
    await server.clock.runUntilIdle();
    expect(contenders(server)).toEqual([theirs.path]);
  });

  test("tryAcquire is all or nothing", async () => {
    await using server = await startTestServer();
    const [a, b] = await connected(server, 2);
    const theirs = await lock(b!, "/locks/c").acquire();
    expect(await allOf(a!, "a", "b", "c").tryAcquire()).toBeUndefined();
    expect(contenders(server)).toEqual([theirs.path]);
    await theirs.release();
    const held = await allOf(a!, "a", "b", "c").tryAcquire();
    expect(held?.isValid).toBe(true);
    await held!.release();
    expect(contenders(server)).toEqual([]);
  });

  test("lost when any of them is lost; the rest stays until it is released", async () => {
    await using server = await startTestServer();
    const [a, b] = await connected(server, 2);
    const held = await allOf(a!, "a", "b", "c").acquire();
    expect(held.tokens).toEqual(held.holds.map(({ token }) => token));
    expect(held.token).toBe(held.tokens[2]);
    expect(held.path).toBe(held.holds[2]!.path);
    expect(held.validForMs).toBe(Math.min(...held.holds.map(({ validForMs }) => validForMs)));
    expect(await held.verify()).toBe(true);
    held.assertValid();
    expect(() => held.assertValid(1e9)).toThrow(expect.objectContaining({ code: "TIMEOUT" }));
    await a!.create("/guarded", null, { guard: held.guards });
    await lock(b!, "/locks/b").evict(held.tokens[1]!);
    await server.clock.runUntilIdle();
    expect(held.signal.aborted).toBe(true);
    const lost = held.signal.reason as { code: string; path: string };
    expect(lost).toMatchObject({ code: "GUARD_FAILED", path: held.holds[1]!.path });
    expect(held.isValid).toBe(false);
    expect(held.validForMs).toBe(0);
    expect(() => held.assertValid()).toThrow(expect.objectContaining({ code: "GUARD_FAILED" }));
    expect(await held.verify()).toBe(false);
    expect(held.holds[0]!.isValid).toBe(true);
    await expect(a!.create("/too-late", null, { guard: held.guards })).rejects.toMatchObject({
      code: "GUARD_FAILED",
      index: 1,
    });
    expect(await held.release()).toBe("released");
    expect(held.signal.reason).toBe(lost);
    expect(contenders(server)).toEqual([]);
  });

  test("with rejects with why it was lost", async () => {
    await using server = await startTestServer();
    const [a, b] = await connected(server, 2);
    const working = allOf(a!, "a", "b").with(async (held) => {
      await lock(b!, "/locks/a").evict(held.tokens[0]!);
      await server.clock.runUntilIdle();
      expect(held.signal.aborted).toBe(true);
      return "dropped";
    });
    await expect(working).rejects.toMatchObject({ code: "GUARD_FAILED" });
    expect(contenders(server)).toEqual([]);
    expect(await allOf(a!, "a", "b").with(({ tokens }) => tokens.length)).toBe(2);
  });

  test("whoever is cut off learns that it is lost before another has any of them; after a stall at the first look", async () => {
    await using server = await startTestServer();
    const [a, b] = await connected(server, 2);
    const held = await allOf(a!, "a", "b").acquire();
    const events: string[] = [];
    held.signal.addEventListener("abort", () => events.push("lost"));
    const next = allOf(b!, "b", "a").acquire();
    void next.then(() => events.push("acquired"));
    using partition = server.faults.partition(a!);
    await server.clock.advance(10_000);
    expect(events).toEqual(["lost", "acquired"]);
    expect((held.signal.reason as { code: string }).code).toBe("SESSION_EXPIRED");
    const theirs = await next;
    expect(Math.min(...theirs.tokens)).toBeGreaterThan(Math.max(...held.tokens));
    partition.end();
    await server.clock.advance(5_000);
    server.faults.sleepClient(b!, 20_000);
    await server.clock.advance(19_999);
    expect(theirs.isValid).toBe(false);
    expect(() => theirs.assertValid()).toThrow(expect.objectContaining({ code: "SESSION_EXPIRED" }));
    expect(theirs.signal.aborted).toBe(true);
  });

  test("one of several that is asked for is all that are asked for", async () => {
    await using server = await startTestServer();
    const [a, b] = await connected(server, 2);
    const held = await allOf(a!, "a", "b").acquire();
    expect(await lock(b!, "/locks/b", { identity: "ops" }).requestRevoke("deploy")).toBe(true);
    await server.clock.runUntilIdle();
    expect(held.revokeRequested.reason).toEqual({ by: "ops", why: "deploy" });
    expect(held.isValid).toBe(true);
  });

  test("sides of read-write locks and semaphores can be among them", async () => {
    await using server = await startTestServer();
    const [a, b] = await connected(server, 2);
    const both = (client: Client): MultiLock =>
      multiLock(client, [
        semaphore(client, "/locks/s", { permits: 2 }),
        readWriteLock(client, "/locks/r").read,
        readWriteLock(client, "/locks/w").write,
      ]);
    const held = await both(a!).acquire();
    expect(await both(b!).tryAcquire()).toBeUndefined();
    expect(await semaphore(b!, "/locks/s", { permits: 2 }).available()).toBe(1);
    await held.release();
    const theirs = await both(b!).tryAcquire();
    expect(theirs?.isValid).toBe(true);
  });

  test("a signal that outlives ten thousand acquisitions gathers no listeners", async () => {
    await using server = await startTestServer();
    const [a] = await connected(server, 1);
    const listeners = { added: 0, removed: 0 };
    const stop = new AbortController();
    const { signal } = stop;
    const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
    signal.addEventListener = (...how: Parameters<typeof add>): void => {
      listeners.added++;
      add(...how);
    };
    signal.removeEventListener = (...how: Parameters<typeof remove>): void => {
      listeners.removed++;
      remove(...how);
    };
    const fake = (path: string): { path: string; acquire: () => Promise<Held>; tryAcquire: () => Promise<Held> } => {
      const acquire = (): Promise<Held> => Promise.resolve(heldForEver(path));
      return { path, acquire, tryAcquire: acquire };
    };
    const all = multiLock(a!, [fake("/a"), fake("/b")]);
    for (let i = 0; i < 10_000; i++) await (await all.acquire({ signal })).release();
    expect(listeners.added).toBeGreaterThanOrEqual(10_000);
    expect(listeners.added - listeners.removed).toBeLessThanOrEqual(1);
  });

  test("no lock, too many, or one path twice are refused", async () => {
    await using server = await startTestServer();
    const [a] = await connected(server, 1);
    const refused = expect.objectContaining({ code: "BAD_ARGUMENTS", limitName: "locks" }) as Error;
    expect(() => multiLock(a!, [])).toThrow(refused);
    expect(() => allOf(a!, "a", "b", "a")).toThrow(refused);
    const many = Array.from({ length: MULTI_LOCK_LOCKS_MAX + 1 }, (_, i) => String(i));
    expect(() => allOf(a!, ...many)).toThrow(refused);
    expect(allOf(a!, ...many.slice(1)).paths).toHaveLength(MULTI_LOCK_LOCKS_MAX);
  });
});

/** Something held that no server knows of. */
function heldForEver(path: string): Held {
  const never = new AbortController().signal;
  const held: Pick<MultiHeld, "path" | "signal" | "revokeRequested" | "isValid" | "validForMs"> & Partial<Held> = {
    path,
    signal: never,
    revokeRequested: never,
    isValid: true,
    validForMs: 1,
    assertValid: () => {},
    release: () => Promise.resolve("released" as const),
  };
  return held as Held;
}

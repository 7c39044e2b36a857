/** A read-write lock: readers together, writers alone, who is woken, who is refused, and whoever else stands in its queue. */
import { startTestServer } from "@corral/testing";
import { describe, expect, test } from "vitest";
import { lock } from "../src/lock.ts";
import { readWriteLock } from "../src/read-write-lock.ts";
import { connected } from "./connecting.ts";
import { inQueue, observed, PATH } from "./reading-and-writing.ts";

describe("read-write lock", () => {
  test("readers hold together, writers alone, in the order of asking", async () => {
    await using server = await startTestServer();
    const clients = await connected(server, 5);
    const locks = clients.map((client) => readWriteLock(client, PATH));
    const wants = ["read", "read", "write", "read", "write"] as const;
    const seen: ReturnType<typeof observed>[] = [];
    for (const [i, kind] of wants.entries()) {
      seen.push(observed(locks[i]![kind].acquire()));
      await server.clock.runUntilIdle();
    }
    const holding = (): number[] => seen.flatMap(({ held }, i) => (held?.isValid === true ? [i] : []));
    expect(holding()).toEqual([0, 1]);
    expect((await locks[0]!.contenders()).map((one) => [one.wants, one.holds])).toEqual([
      ["read", true],
      ["read", true],
      ["write", false],
      ["read", false],
      ["write", false],
    ]);
    expect(await locks[0]!.read.contenders()).toHaveLength(3);
    expect(await locks[0]!.write.contenders()).toHaveLength(2);
    // A reader that comes now would wait for a writer that waits.
    expect(await locks[4]!.read.tryAcquire()).toBeUndefined();
    for (const [i, next] of [
      [0, [1]],
      [1, [2]],
      [2, [3]],
      [3, [4]],
      [4, []],
    ] as const) {
      await seen[i]!.held!.release();
      await server.clock.runUntilIdle();
      expect(holding()).toEqual(next);
    }
    expect(inQueue(server)).toEqual([]);
  });

  test("who holds the read lock is refused the write lock at once, by the same object only", async () => {
    await using server = await startTestServer();
    const [client] = await connected(server, 1);
    const mine = readWriteLock(client!, PATH);
    const refused = { code: "BAD_ARGUMENTS", outcome: "no", path: PATH };
    const one = await mine.read.acquire();
    const two = await mine.read.acquire();
    const before = server.requests().length;
    await expect(mine.write.acquire()).rejects.toMatchObject(refused);
    await expect(mine.write.tryAcquire()).rejects.toMatchObject(refused);
    await expect(mine.write.with(() => 1)).rejects.toMatchObject(refused);
    expect(server.requests()).toHaveLength(before);
    // Another party waits as anybody does.
    const other = observed(readWriteLock(client!, PATH).write.acquire());
    await one.release();
    await expect(mine.write.acquire()).rejects.toMatchObject(refused);
    await two.release();
    await server.clock.runUntilIdle();
    await other.held!.release();
    const reading = await mine.downgrade(await mine.write.acquire());
    await expect(mine.write.acquire()).rejects.toMatchObject(refused);
    // Lost is not held any more.
    const lost = mine.read.acquire();
    await lost;
    await server.faults.expire(client!);
    await server.clock.advance(1_000);
    expect(reading.isValid).toBe(false);
    expect((await mine.write.acquire()).isValid).toBe(true);
  });

  test("of many writers a release wakes one, of many readers behind a writer all", async () => {
    await using server = await startTestServer();
    const [client, ...others] = await connected(server, 21);
    const first = await readWriteLock(client!, PATH).write.acquire();
    const writers = others.map((one) => observed(readWriteLock(one, PATH).write.acquire()));
    await server.clock.runUntilIdle();
    let before = server.requests().length;
    await first.release();
    await server.clock.runUntilIdle();
    // The release; the one who is woken looks, confirms, and takes its watches back.
    expect(server.requests().length - before).toBeLessThanOrEqual(5);
    expect(writers.filter(({ held }) => held !== undefined)).toHaveLength(1);
    for (const writer of writers) {
      await writer.held!.release();
      await server.clock.runUntilIdle();
    }

    // A reader behind two writers is not woken by the first.
    const one = await readWriteLock(others[0]!, PATH).write.acquire();
    const second = observed(readWriteLock(others[1]!, PATH).write.acquire());
    await server.clock.runUntilIdle();
    const last = observed(readWriteLock(client!, PATH).read.acquire());
    await server.clock.runUntilIdle();
    before = server.requests({ client: 1 }).length;
    await one.release();
    await server.clock.runUntilIdle();
    expect(second.held?.isValid).toBe(true);
    expect(server.requests({ client: 1 })).toHaveLength(before);
    await second.held!.release();
    await server.clock.runUntilIdle();
    await last.held!.release();

    const writing = await readWriteLock(client!, PATH).write.acquire();
    const readers = others.map((one) => observed(readWriteLock(one, PATH).read.acquire()));
    await server.clock.runUntilIdle();
    before = server.requests().length;
    await writing.release();
    await server.clock.runUntilIdle();
    expect(readers.every(({ held }) => held?.isValid === true)).toBe(true);
    expect(server.requests().length - before).toBeLessThanOrEqual(1 + 4 * readers.length);
  });

  test("whoever asks to let go is heard by all readers who hold, and still by a writer that downgrades", async () => {
    await using server = await startTestServer();
    const [a, b, c] = await connected(server, 3);
    const ops = readWriteLock(c!, PATH, { identity: "ops" });
    const mine = readWriteLock(a!, PATH);
    const reason = { by: "ops", why: "deploy" };
    expect(await ops.write.requestRevoke("deploy")).toBe(false);
    const writing = await mine.write.acquire();
    const behind = observed(readWriteLock(b!, PATH).read.acquire());
    await server.clock.runUntilIdle();
    expect(await ops.read.requestRevoke("deploy")).toBe(false);
    expect(await ops.write.requestRevoke("deploy")).toBe(true);
    await server.clock.runUntilIdle();
    expect(writing.revokeRequested.reason).toEqual(reason);
    const reading = await mine.downgrade(writing);
    await server.clock.runUntilIdle();
    expect(reading.revokeRequested.reason).toEqual(reason);
    expect(behind.held!.revokeRequested.aborted).toBe(false);
    expect(await ops.read.requestRevoke("deploy")).toBe(true);
    await server.clock.runUntilIdle();
    expect(behind.held!.revokeRequested.reason).toEqual(reason);
    expect(await ops.write.evict(behind.held!.token)).toBe(true);
    await server.clock.runUntilIdle();
    expect(behind.held!.isValid).toBe(false);
    expect(reading.isValid).toBe(true);
  });

  test("contenders of Curator, kazoo and plain locks stand in the same queue", async () => {
    await using server = await startTestServer();
    const [a, b, c, d] = await connected(server, 4);
    const theirs = await readWriteLock(a!, PATH, { layout: "kazoo" }).read.acquire();
    expect(theirs.path).toMatch(/\/[0-9a-f]{32}__rlock__\d{10}$/);
    const ours = await readWriteLock(b!, PATH).read.acquire();
    expect(ours.path).toMatch(/\/_c_[0-9a-f-]{36}-__READ__\d{10}$/);
    const plain = observed(lock(c!, PATH).acquire());
    await server.clock.runUntilIdle();
    const behind = observed(readWriteLock(d!, PATH, { layout: "kazoo" }).read.acquire());
    await server.clock.runUntilIdle();
    expect(plain.held).toBeUndefined();
    await theirs.release();
    await ours.release();
    await server.clock.runUntilIdle();
    expect(plain.held?.isValid).toBe(true);
    expect(behind.held).toBeUndefined();
    await plain.held!.release();
    await server.clock.runUntilIdle();
    expect(behind.held?.isValid).toBe(true);
  });
});

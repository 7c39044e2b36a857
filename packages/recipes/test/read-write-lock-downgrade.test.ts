/** A writer that becomes a reader: it lets readers in and no writer, and keeps its rank. */
import { startTestServer } from "@corral/testing";
import { describe, expect, test } from "vitest";
import type { Held } from "../src/hold/held.ts";
import { lock } from "../src/lock.ts";
import { readWriteLock } from "../src/read-write-lock.ts";
import { connected } from "./connecting.ts";
import { eventually } from "./faults/stage.ts";
import { inQueue, observed, PATH } from "./reading-and-writing.ts";

describe("read-write lock", () => {
  test("a downgraded writer keeps its rank and its token: the writer behind waits for it, the readers in between do not (pain 10)", async () => {
    await using server = await startTestServer();
    const clients = await connected(server, 4);
    const [first, reader, second, last] = clients.map((client) => readWriteLock(client, PATH));
    const writing = await first!.write.acquire();
    const between = observed(reader!.read.acquire());
    await server.clock.runUntilIdle();
    const next = observed(second!.write.acquire());
    await server.clock.runUntilIdle();
    const behind = observed(last!.read.acquire());
    await server.clock.runUntilIdle();
    const reading = await first!.downgrade(writing);
    await server.clock.runUntilIdle();
    expect(reading.path.slice(-10)).toBe(writing.path.slice(-10));
    expect(reading.token).toBe(writing.token);
    expect((writing.signal.reason as { code: string }).code).toBe("CLOSED");
    expect(await writing.release()).toBe("was-gone");
    expect(between.held?.isValid).toBe(true);
    expect(next.held).toBeUndefined();
    expect(behind.held).toBeUndefined();
    // The guard is that of the znode which stands for it now.
    await clients[0]!.create("/guarded", null, { guard: reading.guard });
    await expect(clients[0]!.create("/too-late", null, { guard: writing.guard })).rejects.toMatchObject({
      code: "GUARD_FAILED",
    });
    await between.held!.release();
    await server.clock.runUntilIdle();
    expect(next.held).toBeUndefined();
    await reading.release();
    await server.clock.runUntilIdle();
    expect(next.held?.isValid).toBe(true);
    expect(next.held!.token).toBeGreaterThan(reading.token);
    await next.held!.release();
    await server.clock.runUntilIdle();
    expect(behind.held?.isValid).toBe(true);
    await behind.held!.release();
    expect(inQueue(server)).toEqual([]);
  });

  test("a writer that is evicted while its downgrade is on its way is told GUARD_FAILED, and leaves nothing", async () => {
    await using server = await startTestServer();
    const [a, b] = await connected(server, 2);
    const mine = readWriteLock(a!, PATH);
    const writing = await mine.write.acquire();
    const evicting = b!.delete(writing.path);
    await expect(mine.downgrade(writing)).rejects.toMatchObject({ code: "GUARD_FAILED" });
    await evicting;
    await server.clock.runUntilIdle();
    expect(writing.isValid).toBe(false);
    expect(inQueue(server)).toEqual([]);
  });

  test("a store that keeps the greatest token of a writer refuses one that came too late, and nobody who holds", async () => {
    await using server = await startTestServer();
    const [a, b] = await connected(server, 2);
    const mine = readWriteLock(a!, PATH);
    const theirs = readWriteLock(b!, PATH);
    let greatest = 0;
    const takes = ({ token }: Held, kind: "read" | "write"): boolean => {
      if (token < greatest) return false;
      if (kind === "write") greatest = token;
      return true;
    };
    const writing = await mine.write.acquire();
    expect(takes(writing, "write")).toBe(true);
    const next = theirs.write.acquire();
    await server.clock.runUntilIdle();
    const reading = await mine.downgrade(writing);
    expect(takes(reading, "read")).toBe(true);
    // One who reads beside it came later than the writer who waits: its token must not be kept.
    await server.clock.advance(1);
    await reading.release();
    expect(takes(await next, "write")).toBe(true);
    expect(takes(reading, "read")).toBe(false);
  });

  test("only a write lock of the same object can be downgraded; anything else stays what it is", async () => {
    await using server = await startTestServer();
    const [a, b] = await connected(server, 2);
    const mine = readWriteLock(a!, PATH);
    const refused = { code: "BAD_ARGUMENTS" };
    const reading = await mine.read.acquire();
    await expect(mine.downgrade(reading)).rejects.toMatchObject(refused);
    expect(reading.isValid).toBe(true);
    await reading.release();
    const theirs = await readWriteLock(b!, PATH).write.acquire();
    await expect(mine.downgrade(theirs)).rejects.toMatchObject(refused);
    expect(theirs.isValid).toBe(true);
    await theirs.release();
    const plain = await lock(a!, PATH).acquire();
    await expect(mine.downgrade(plain)).rejects.toMatchObject(refused);
    await plain.release();
    const writing = await mine.write.acquire();
    await writing.release();
    await expect(mine.downgrade(writing)).rejects.toMatchObject({ code: "CLOSED" });
    expect(inQueue(server)).toEqual([]);
  });

  test("a downgrade that is aborted or out of time leaves nothing held, whether it was done or not", async () => {
    await using server = await startTestServer({ latencyMs: 10 });
    const [a, b] = await connected(server, 2);
    for (const strike of ["abort", "request lost", "reply lost"] as const) {
      const mine = readWriteLock(a!, PATH);
      const writing = await eventually(server, mine.write.acquire());
      const next = readWriteLock(b!, PATH).write.acquire();
      await server.clock.advance(100);
      const stop = new AbortController();
      const downgrading = mine.downgrade(writing, { signal: stop.signal, timeoutMs: 500 });
      downgrading.catch(() => {});
      expect(writing.isValid).toBe(false);
      using partition =
        strike === "abort"
          ? undefined
          : server.faults.partition(a!, { oneWay: strike === "reply lost" ? "from-server" : "to-server" });
      if (strike === "abort") stop.abort();
      await server.clock.advance(500);
      await expect(downgrading).rejects.toMatchObject({ code: strike === "abort" ? "ABORTED" : "TIMEOUT" });
      partition?.end();
      const then = await eventually(server, next, 10_000);
      expect(then.isValid).toBe(true);
      expect(inQueue(server)).toEqual([then.path]);
      await eventually(server, then.release());
    }
  });

  test("a piece of work under the write lock may downgrade it", async () => {
    await using server = await startTestServer();
    const [client] = await connected(server, 1);
    const mine = readWriteLock(client!, PATH);
    const came = await mine.write.with(async (writing) => {
      await using reading = await mine.downgrade(writing);
      return reading.isValid;
    });
    expect(came).toBe(true);
    expect(inQueue(server)).toEqual([]);
  });
});

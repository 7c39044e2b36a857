/** The number of a semaphore's permits: where it is kept, who may change it, and what follows. */
import { text } from "@corral/client";
import { startTestServer } from "@corral/testing";
import { describe, expect, test } from "vitest";
import { semaphore } from "../src/semaphore.ts";
import { SEMAPHORE_PERMITS_MAX } from "../src/semaphore/books.ts";
import { connected } from "./connecting.ts";
import { below, counted, PATH, three } from "./three-permits.ts";

describe("semaphore", () => {
  test("the number of permits is stored by whoever comes first; who comes with another one is refused, and has written nothing", async () => {
    await using server = await startTestServer();
    const [a, b] = await connected(server, 2);
    const held = await semaphore(a!, PATH, three).acquire();
    const before = server.dump();
    const other = semaphore(b!, PATH, { permits: 5 });
    const refused = { code: "BAD_ARGUMENTS", limitName: "permits", limit: 3, actual: 5, path: `${PATH}/permits` };
    await expect(other.acquire()).rejects.toMatchObject(refused);
    await expect(other.tryAcquire()).rejects.toMatchObject(refused);
    await expect(other.with(() => 1)).rejects.toMatchObject(refused);
    expect(server.dump()).toEqual(before);
    expect(await other.available()).toBe(2);
    const modest = semaphore(b!, PATH, { permits: 5, onMismatch: "use-stored" });
    const two = [await modest.acquire(), await modest.acquire()];
    expect(await modest.tryAcquire()).toBeUndefined();
    for (const one of [held, ...two]) await one.release();
    expect((await a!.get(`${PATH}/permits`, { codec: text })).value).toBe("3");
  });

  test("a greater number lets in as many more, a smaller one takes nothing away; who was there before follows", async () => {
    await using server = await startTestServer();
    const clients = await connected(server, 6);
    const [mine] = clients.map((client) => semaphore(client, PATH, three));
    const { held } = counted(clients.map((client) => semaphore(client, PATH, three).acquire()));
    await server.clock.runUntilIdle();
    expect(held).toHaveLength(3);
    expect(await mine!.resize(5)).toBe(3);
    await server.clock.runUntilIdle();
    expect(held).toHaveLength(5);
    expect(await mine!.resize(2)).toBe(5);
    await server.clock.runUntilIdle();
    expect(await mine!.available()).toBe(-3);
    expect(held.every(({ isValid }) => isValid)).toBe(true);
    for (let i = 0; i < 3; i++) await held[i]!.release();
    await server.clock.runUntilIdle();
    expect(await mine!.available()).toBe(0);
    expect(held).toHaveLength(5);
    await held[3]!.release();
    await server.clock.runUntilIdle();
    expect(held).toHaveLength(6);
    // One who comes now comes with the wrong number.
    await expect(semaphore(clients[1]!, PATH, three).acquire()).rejects.toMatchObject({ code: "BAD_ARGUMENTS" });
    expect(await mine!.tryAcquire()).toBeUndefined();
  });

  test("no permit at all is a number too: all wait until there is one", async () => {
    await using server = await startTestServer();
    const [a, b] = await connected(server, 2);
    const none = semaphore(a!, PATH, { permits: 0 });
    expect(await none.available()).toBe(0);
    expect(await none.tryAcquire()).toBeUndefined();
    const { held } = counted([none.acquire(), semaphore(b!, PATH, { permits: 0 }).acquire()]);
    await server.clock.runUntilIdle();
    expect(held).toEqual([]);
    await none.resize(1);
    await server.clock.runUntilIdle();
    expect(held).toHaveLength(1);
    await held[0]!.release();
    await server.clock.runUntilIdle();
    expect(held).toHaveLength(2);
    // Before anybody has stored one there is none before.
    expect(await semaphore(a!, "/semaphores/new", three).resize(7)).toBeUndefined();
    expect(await semaphore(b!, "/semaphores/new", { permits: 7 }).tryAcquire()).toBeDefined();
  });

  test("a number that is lowered between the look and the lease is respected", async () => {
    await using server = await startTestServer();
    const [a, b] = await connected(server, 2);
    const mine = semaphore(a!, PATH, three);
    expect(await mine.available()).toBe(3);
    const theirs = semaphore(b!, PATH, three);
    await (await theirs.acquire()).release();
    const late = server.faults.delayReply({ op: "multiRead", client: 1 }, 100);
    const { held } = counted([mine.acquire()]);
    // The answer to its second look, that of the waiter, is on its way.
    await server.clock.advance(150);
    expect(below(server, "queue")).toHaveLength(1);
    await theirs.resize(0);
    late.end();
    await server.clock.advance(100);
    expect(server.requests({ op: "multi", client: 1 })).toHaveLength(1);
    expect(held).toEqual([]);
    expect(below(server, "leases")).toEqual([]);
    await theirs.resize(1);
    await server.clock.runUntilIdle();
    expect(held).toHaveLength(1);
  });

  test("numbers that are none are refused; a stored one that is none is told", async () => {
    await using server = await startTestServer();
    const [client] = await connected(server, 1);
    for (const permits of [-1, 1.5, Number.NaN, SEMAPHORE_PERMITS_MAX + 1]) {
      const refused = expect.objectContaining({ code: "BAD_ARGUMENTS", limitName: "permits" }) as Error;
      expect(() => semaphore(client!, PATH, { permits })).toThrow(refused);
      await expect(semaphore(client!, PATH, three).resize(permits)).rejects.toBeDefined();
    }
    expect(server.dump().some(({ path }) => path.startsWith(PATH))).toBe(false);
    await (await semaphore(client!, PATH, three).acquire()).release();
    await client!.set(`${PATH}/permits`, new TextEncoder().encode('"many"'));
    await expect(semaphore(client!, PATH, three).acquire()).rejects.toMatchObject({ code: "CODEC" });
    await expect(semaphore(client!, PATH, three).available()).rejects.toMatchObject({ code: "CODEC" });
  });
});

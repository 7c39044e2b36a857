/** The manners of what is held, shown by a lock: towards those who listen, and towards the server when all is over. */
import { getEventListeners } from "node:events";
import type { Client } from "@corral/client";
import { startTestServer, type TestServer } from "@corral/testing";
import { describe, expect, test } from "vitest";
import { Holding } from "../src/hold/holding.ts";
import { lock } from "../src/lock.ts";
import { eventually } from "./faults/stage.ts";
import { errorOf, PATH, short, standing, TIMEOUT_MS } from "./locking.ts";

/** What is left once all clients are closed. */
async function leaksAfter(server: TestServer, clients: readonly Client[]): Promise<unknown> {
  await eventually(server, Promise.all(clients.map((client) => client.close())));
  await server.clock.advance(60_000);
  return server.leaks();
}
const NO_LEAKS = {
  clients: 0,
  connections: 0,
  sessions: 0,
  ephemerals: 0,
  watches: 0,
  subscriptions: 0,
  waiting: 0,
  timers: 0,
};

describe("manners", () => {
  test("whoever listens may call the client, and wait for it, without stopping anything", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(short), await server.connect()];
    const held = await lock(a, PATH).acquire();
    const seen: string[] = [];
    a.on("state", ({ name }) => {
      if (name === "suspended") void a.exists(PATH).then(() => seen.push("state"));
    });
    held.signal.addEventListener("abort", () => {
      void lock(a, PATH)
        .acquire()
        .then(() => seen.push("again"));
    });
    held.revokeRequested.addEventListener("abort", () => void held.release().then((what) => seen.push(what)));
    await lock(b, PATH).requestRevoke("go");
    await server.clock.runUntilIdle();
    server.faults.cut(a);
    await server.clock.advance(1_000);
    expect(seen).toContain("released");
    expect(seen).toContain("again");
    expect(seen).toContain("state");
    expect((await lock(b, PATH).contenders()).map(({ isMine }) => isMine)).toEqual([false]);
  });

  test("a listener that closes the client when the hold is lost is obeyed", async () => {
    await using server = await startTestServer();
    const client = await server.connect(short);
    const held = await lock(client, PATH).acquire();
    let closing: Promise<void> | undefined;
    held.signal.addEventListener("abort", () => {
      closing = client.close();
    });
    await server.faults.expire(client);
    await server.clock.advance(10_000);
    await closing;
    expect(client.state.name).toBe("closed");
    expect(server.leaks()).toEqual(NO_LEAKS);
  });

  test("however many wait and hold with one signal in one session, each signal has one listener", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    const { signal } = new AbortController();
    const held = await Promise.all(
      Array.from({ length: 300 }, (_, i) => lock(client, `/locks/${i}`).acquire({ signal })),
    );
    const waiting = held.map((_, i) => lock(client, `/locks/${i}`).acquire({ signal }));
    await server.clock.runUntilIdle();
    expect(getEventListeners(signal, "abort").length).toBeLessThanOrEqual(1);
    expect(getEventListeners(client.session!.signal, "abort").length).toBeLessThanOrEqual(1);
    await Promise.all(held.map((one) => one.release()));
    await Promise.all((await Promise.all(waiting)).map((one) => one.release()));
    expect(getEventListeners(signal, "abort")).toEqual([]);
    expect(server.leaks()).toMatchObject({ ephemerals: 0, watches: 0, waiting: 0 });
    expect(await leaksAfter(server, [client])).toEqual(NO_LEAKS);
  });

  test("thousands of acquisitions, released, given up or refused, leave no watch, no timer, no listener and no znode", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(), await server.connect()];
    const shared = new AbortController();
    const blocker = await lock(b, "/locks/b").acquire();
    for (let i = 0; i < 300; i++) {
      await (await lock(a, PATH).acquire({ signal: shared.signal })).release();
      const given = new AbortController();
      const aborted = errorOf(lock(a, "/locks/b").acquire({ signal: given.signal }));
      if (i % 3 > 0) await server.clock.runUntilIdle();
      given.abort();
      expect((await aborted).code).toBe("ABORTED");
      expect(await lock(a, "/locks/b").tryAcquire({ signal: shared.signal })).toBeUndefined();
    }
    await server.clock.runUntilIdle();
    expect(getEventListeners(shared.signal, "abort")).toEqual([]);
    expect(getEventListeners(a.session!.signal, "abort").length).toBeLessThanOrEqual(1);
    // The one that is held is watched by its holder, and perhaps still by a client whose last read was given up on its way.
    expect(server.leaks().watches).toBeLessThanOrEqual(2);
    expect(server.leaks()).toMatchObject({ ephemerals: 1, waiting: 0 });
    expect(await blocker.release()).toBe("released");
    await server.clock.runUntilIdle();
    expect(server.leaks()).toMatchObject({ ephemerals: 0, watches: 0 });
    expect(await leaksAfter(server, [a, b])).toEqual(NO_LEAKS);
  });

  test("a session that is handed on takes what it holds with it, and this process holds nothing any more", async () => {
    await using server = await startTestServer();
    const client = await server.connect(short);
    const held = await lock(client, PATH).acquire();
    const session = await client.detach();
    expect(held.isValid).toBe(false);
    expect(held.signal.reason).toMatchObject({ code: "SESSION_EXPIRED" });
    const heir = await server.connect({ session: { timeoutMs: TIMEOUT_MS, resume: session } });
    const [mine] = await lock(heir, PATH).contenders();
    expect(mine).toMatchObject({ isMine: true, holds: true, token: held.token });
    expect(await lock(heir, PATH).evict(mine!.token)).toBe(true);
    expect(standing(server)).toEqual([]);
  });

  test("a hold that ends before it was confirmed was never one", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(), await server.connect()];
    await a.create(PATH, null, { parents: true });
    const { path, stat } = await a.create(`${PATH}/x-lock-`, null, { lifetime: "ephemeral", sequential: true });
    const session = a.session!;
    const place = { path, name: path.slice(PATH.length + 1), parent: PATH, czxid: stat.czxid, session };
    const holding = new Holding(a, PATH, place);
    await b.delete(path);
    expect(await errorOf(holding.confirm("test", {}))).toMatchObject({ code: "GUARD_FAILED", op: "test" });
    expect(holding.isValid).toBe(false);
    const wrong = new Holding(a, PATH, { ...place, czxid: stat.czxid + 1 });
    await b.create(path, null);
    expect(await errorOf(wrong.confirm("test", {}))).toMatchObject({ code: "GUARD_FAILED" });
  });
});

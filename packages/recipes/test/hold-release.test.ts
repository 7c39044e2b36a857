/** The release of what is held, shown by a lock: that it happens in the end, and what it comes to. */
import { startTestServer } from "@corral/testing";
import { describe, expect, test } from "vitest";
import { lock } from "../src/lock.ts";
import { eventually } from "./faults/stage.ts";
import { errorOf, PATH, short, standing, TIMEOUT_MS } from "./locking.ts";

describe("release", () => {
  test("that cannot reach the server in time resolves all the same, and is done as soon as it can", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(short), await server.connect()];
    const held = await lock(a, PATH).acquire();
    const next = lock(b, PATH).acquire();
    const partition = server.faults.partition(a);
    const releasing = held.release({ timeoutMs: 1_000 });
    expect(held.isValid).toBe(false);
    expect(held.signal.reason).toMatchObject({ code: "CLOSED" });
    await server.clock.advance(1_000);
    expect(await releasing).toBe("will-be-released");
    partition.end();
    await server.clock.advance(3_000);
    expect((await next).isValid).toBe(true);
    // It is told once what came of it.
    expect(await held.release()).toBe("released");
    expect(await held.release()).toBe("was-gone");
  });

  test("that never reaches the server is done by the end of the session", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(short), await server.connect()];
    const held = await lock(a, PATH).acquire();
    const next = lock(b, PATH).acquire();
    server.faults.partition(a);
    const releasing = held.release({ timeoutMs: 1_000 });
    await server.clock.advance(1_000);
    expect(await releasing).toBe("will-be-released");
    await server.clock.advance(2 * TIMEOUT_MS);
    expect((await next).isValid).toBe(true);
    expect(await held.release()).toBe("was-gone");
  });

  test("whose reply is lost is done once, and the next holder is left alone", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(short), await server.connect()];
    const held = await lock(a, PATH).acquire();
    const next = lock(b, PATH).acquire();
    await server.clock.runUntilIdle();
    server.faults.dropReply({ op: "delete", client: 1 });
    expect(await eventually(server, held.release())).toBe("released");
    expect((await next).isValid).toBe(true);
    expect(standing(server)).toEqual([(await next).path]);
  });

  test("while the client's queue is full is tried again until it is done", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect({ ...short, queue: { calls: 3 } }), await server.connect()];
    const held = await lock(a, PATH).acquire();
    const partition = server.faults.partition(a);
    server.faults.cut(a);
    await server.clock.runUntilIdle();
    const waiting = [1, 2, 3].map(() => a.exists("/x"));
    expect(await errorOf(a.exists("/x"))).toMatchObject({ code: "OVERLOADED" });
    const releasing = held.release();
    await server.clock.advance(1_000);
    partition.end();
    expect(await eventually(server, releasing)).toBe("released");
    await Promise.all(waiting);
    expect(await b.children(PATH)).toEqual([]);
  });

  test("that is aborted goes on by itself", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    const held = await lock(client, PATH).acquire();
    expect(await held.release({ signal: AbortSignal.abort() })).toBe("will-be-released");
    await server.clock.runUntilIdle();
    expect(standing(server)).toEqual([]);
  });

  test("of what is over already asks nobody: the session that held it, or its client, is gone", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(short), await server.connect(short)];
    const [lost, closed] = [await lock(a, PATH).acquire(), await lock(b, "/locks/b").acquire()];
    server.faults.partition(a);
    await server.clock.advance(TIMEOUT_MS);
    const before = server.requests().length;
    expect(await lost.release()).toBe("was-gone");
    await b.close();
    expect(await closed.release()).toBe("was-gone");
    expect(closed.signal.aborted).toBe(true);
    expect(server.requests({ op: "delete" }).slice(before)).toEqual([]);
  });

  test("of a hold that was lost unnoticed tells by the signal that it was lost, not that it was released", async () => {
    await using server = await startTestServer();
    const client = await server.connect(short);
    const held = await lock(client, PATH).acquire();
    server.faults.stallClient(client, 3 * TIMEOUT_MS);
    await server.clock.advance(2 * TIMEOUT_MS);
    expect(held.signal.aborted).toBe(false);
    void held.release();
    expect(held.signal.reason).toMatchObject({ code: "SESSION_EXPIRED" });
  });

  test("that the server refuses rejects, and can be tried again", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(), await server.connect()];
    const held = await lock(a, PATH).acquire();
    const open = [{ scheme: "world", id: "anyone", permissions: 31 }];
    await b.setAcl(PATH, [{ scheme: "world", id: "anyone", permissions: 31 - 8 }]);
    expect(await errorOf(held.release())).toMatchObject({ code: "NO_AUTH", path: PATH });
    expect(held.isValid).toBe(false);
    const worked = lock(b, "/locks/b").with(async () => {
      await b.setAcl("/locks/b", [{ scheme: "world", id: "anyone", permissions: 31 - 8 }]);
      throw new RangeError("mine");
    });
    // What the work came to is not hidden by that.
    await expect(worked).rejects.toThrow(RangeError);
    await b.setAcl(PATH, open);
    expect(await held.release()).toBe("released");
  });
});

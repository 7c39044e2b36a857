/** What is held, shown by a lock: what it says of itself, and what it guards. */
import { startTestServer } from "@corral/testing";
import { describe, expect, test } from "vitest";
import { lock } from "../src/lock.ts";
import { eventually } from "./faults/stage.ts";
import { errorOf, PATH, short, standing, TIMEOUT_MS } from "./locking.ts";

describe("what is held", () => {
  test("says for how long that is certain, and refuses to be relied on for longer", async () => {
    await using server = await startTestServer();
    const client = await server.connect(short);
    const held = await lock(client, PATH).acquire();
    server.faults.partition(client);
    const before = held.validForMs;
    expect(before).toBeGreaterThan(0.9 * TIMEOUT_MS);
    await server.clock.advance(1_000);
    expect(held.validForMs).toBeCloseTo(before - 1_000);
    held.assertValid();
    held.assertValid(held.validForMs - 1);
    expect(() => held.assertValid(TIMEOUT_MS)).toThrow(
      expect.objectContaining({ code: "TIMEOUT", limitName: "marginMs", limit: TIMEOUT_MS, outcome: "no" }),
    );
  });

  test("can be verified: the server is asked, and what it says is believed", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(short), await server.connect()];
    const held = await lock(a, PATH).acquire();
    expect(await held.verify()).toBe(true);
    // The event of its deletion is lost with the connection; the question is asked on the next one.
    const partition = server.faults.partition(a, { oneWay: "from-server" });
    await b.delete(held.path);
    await server.clock.runUntilIdle();
    expect(held.isValid).toBe(true);
    const verifying = held.verify();
    server.faults.cut(a);
    partition.end();
    expect(await eventually(server, verifying)).toBe(false);
    expect(held.signal.reason).toMatchObject({ code: "GUARD_FAILED" });
    expect(await held.verify()).toBe(false);
  });

  test("guards what is written: nothing of it happens once it is lost", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(), await server.connect()];
    const held = await lock(a, PATH).acquire();
    await a.create("/state", null, { guard: held.guard });
    server.faults.stallClient(a, 1_000);
    await lock(b, PATH).evict(held.token);
    // It has not heard of it, and believes what it believed.
    expect(held.isValid).toBe(true);
    const late = errorOf(a.set("/state", Uint8Array.of(1), { guard: held.guard }));
    await server.clock.advance(1_000);
    expect(await late).toMatchObject({ code: "GUARD_FAILED", outcome: "no" });
    expect((await b.get("/state")).value).toBeNull();
  });

  test("a znode of the same name made by somebody else is not it", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(), await server.connect()];
    const held = await lock(a, PATH).acquire();
    server.faults.stallClient(a, 1_000);
    await b.delete(held.path);
    await b.create(held.path, null, { lifetime: "ephemeral" });
    await server.clock.advance(1_000);
    expect(held.signal.reason).toMatchObject({ code: "GUARD_FAILED" });
    expect(await held.release()).toBe("was-gone");
    expect(await b.exists(held.path)).toBe(true);
    const late = await errorOf(a.create("/late", null, { guard: held.guard }));
    expect(late.code).toBe("GUARD_FAILED");
  });

  test("goes by `await using`", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    {
      await using held = await lock(client, PATH).acquire();
      expect(standing(server)).toEqual([held.path]);
    }
    expect(standing(server)).toEqual([]);
  });
});

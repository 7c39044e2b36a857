/** A registration whose znode is deleted by somebody: it is noticed, and put back or over. */
import { describe, expect, test } from "vitest";
import { register } from "../src/registration.ts";
import { codec, first, follow, namesOf, ofPath, PATH, second, valueOf, world } from "./registering.ts";
import { soon } from "./soon.ts";

describe("deleted by somebody", () => {
  test("restore (the default): it is put back, in the same session, with a greater epoch", async () => {
    const { server, a, b } = await world();
    const registration = await soon(server, register(a, PATH, first, { codec, parents: true }));
    const seen = follow(registration);
    const { epoch } = registration;
    await server.clock.advance(10_000);
    await soon(server, b.delete(PATH));
    expect(ofPath(server)).toMatchObject({ owner: a.session!.id, czxid: registration.epoch });
    expect(registration.epoch).toBeGreaterThan(epoch!);
    expect(namesOf(seen)).toEqual(["registered", "missing", "registered"]);
    expect(seen[1]!.cause).toMatchObject({ code: "GUARD_FAILED" });
    await server.close();
  });

  test("restore: against one who deletes it again and again it becomes slow, and it is quick again after a while", async () => {
    const { server, a, b } = await world();
    const registration = await soon(server, register(a, PATH, first, { codec, parents: true }));
    let isHostile = true;
    const watch = await soon(server, b.addWatch(PATH));
    const hostile = (async () => {
      for (;;) {
        if (isHostile) await b.delete(PATH, { missing: "ok" });
        if ((await watch.next()).done === true) return;
      }
    })();
    const before = server.requests({ op: "create", path: PATH }).length;
    await server.clock.advance(60_000);
    const creations = server.requests({ op: "create", path: PATH }).length - before;
    expect(creations).toBeGreaterThan(10);
    expect(creations).toBeLessThan(60);
    isHostile = false;
    await server.clock.advance(20_000);
    expect(registration.isValid).toBe(true);
    await soon(server, b.delete(PATH), 10);
    expect(registration.isValid).toBe(true);
    await soon(server, watch.close());
    await hostile;
    await server.close();
  });

  test("conflict: it is over for good, and nothing is put back", async () => {
    const { server, a, b } = await world();
    const registration = await soon(server, register(a, PATH, first, { codec, onDelete: "conflict", parents: true }));
    await soon(server, b.delete(PATH), 10_000);
    expect(registration.state).toBe("conflict");
    expect(registration.signal.reason).toMatchObject({ code: "GUARD_FAILED" });
    expect(ofPath(server)).toBeUndefined();
    await server.close();
  });

  test("conflict: whoever waits for his turn waits for it also when he is taken over; that is no deletion", async () => {
    for (const onConflict of ["wait", "error"] as const) {
      const { server, a, b } = await world();
      const options = { codec, onConflict, onDelete: "conflict", parents: true } as const;
      const older = await soon(server, register(a, PATH, first, options));
      const newer = await soon(server, register(b, PATH, second, { codec, onConflict: "take-over" }));
      expect(older).toMatchObject({ state: "conflict", cause: { code: "NODE_EXISTS" } });
      await soon(server, newer.unregister());
      expect(older.state).toBe(onConflict === "wait" ? "registered" : "conflict");
      await server.close();
    }
  });

  test("a deletion while it is cut off is noticed when it is back, and put back", async () => {
    const { server, a, b } = await world(20_000);
    const registration = await soon(server, register(a, PATH, first, { codec, parents: true }));
    const { epoch } = registration;
    const fault = server.faults.partition(a);
    await soon(server, b.delete(PATH));
    while (a.state.name !== "suspended") await server.clock.advance(100);
    fault.end();
    await server.clock.advance(20_000);
    expect(a.stats().sessionsLost).toBe(0);
    expect(registration.epoch).toBeGreaterThan(epoch!);
    expect(ofPath(server)?.czxid).toBe(registration.epoch);
    await server.close();
  });

  test("a deletion that can no longer be told is noticed all the same, also if another has come", async () => {
    for (const isTaken of [false, true]) {
      const { server, a, b } = await world(20_000);
      const registration = await soon(server, register(a, PATH, first, { codec, parents: true }));
      const { epoch } = registration;
      const fault = server.faults.partition(a);
      await soon(server, b.delete(PATH));
      if (isTaken) await soon(server, register(b, PATH, second, { codec }));
      await soon(server, b.create("/x"));
      server.faults.forgetHistory();
      // Until the client has given up the connection.
      while (a.state.name !== "suspended") await server.clock.advance(100);
      fault.end();
      await server.clock.advance(20_000);
      expect(a.stats().sessionsLost).toBe(0);
      expect(registration.state).toBe(isTaken ? "conflict" : "registered");
      if (!isTaken) expect(registration.epoch).toBeGreaterThan(epoch!);
      expect(valueOf(server)).toEqual(isTaken ? second : first);
      await server.close();
    }
  });

  test("a deletion is noticed also after the program has removed all watches of the path", async () => {
    const { server, a, b } = await world();
    const registration = await soon(server, register(a, PATH, first, { codec, parents: true }));
    await soon(server, a.removeWatches(PATH));
    expect(registration.isValid).toBe(true);
    await soon(server, b.delete(PATH));
    expect(ofPath(server)?.czxid).toBe(registration.epoch);
    await server.close();
  });

  test("a deleted parent: it says so, and comes back when the parent does", async () => {
    const { server, a, b } = await world();
    await soon(server, b.create("/brokers/ids", null, { parents: true }));
    const registration = await soon(server, register(a, PATH, first, { codec }));
    await soon(server, b.delete("/brokers/ids", { recursive: true }), 1_000);
    expect(registration).toMatchObject({ state: "missing", cause: { code: "NO_NODE" } });
    await soon(server, b.create("/brokers/ids"), 10_000);
    expect(registration).toMatchObject({ state: "registered", isValid: true, cause: undefined });
    await server.close();
  });
});

/** A registration whose path is wanted by two: who gets it, who waits, and who is told. */
import { describe, expect, test } from "vitest";
import { register } from "../src/registration.ts";
import { codec, first, follow, namesOf, ofPath, PATH, second, valueOf, world } from "./registering.ts";
import { refusal, soon } from "./soon.ts";

describe("a conflict", () => {
  test("error (the default): a path that is another's is refused, at once, with the session that owns it", async () => {
    const { server, a, b } = await world();
    await soon(server, register(b, PATH, second, { codec, parents: true }));
    await expect(soon(server, register(a, PATH, first, { codec }))).rejects.toMatchObject({
      code: "NODE_EXISTS",
      outcome: "no",
      path: PATH,
      limitName: "ephemeralOwner",
      actual: b.session!.id,
    });
    expect(valueOf(server)).toEqual(second);
    expect(server.leaks()).toMatchObject({ ephemerals: 1, watches: 1, waiting: 0 });
    await server.close();
  });

  test("a znode that is no ephemeral is refused, whatever the policy", async () => {
    const { server, a } = await world();
    await soon(server, a.create(PATH, null, { parents: true }));
    for (const onConflict of ["error", "wait", "take-over"] as const) {
      const registering = register(a, PATH, first, { codec, onConflict });
      await expect(soon(server, registering)).rejects.toMatchObject({ code: "NODE_EXISTS", actual: 0 });
    }
    expect(ofPath(server)).toMatchObject({ owner: 0, data: null });
    await server.close();
  });

  test("a second registration of the same client is another: it takes nothing for its own", async () => {
    const { server, a } = await world();
    const one = await soon(server, register(a, PATH, first, { codec, parents: true }));
    expect(await refusal(server, register(a, PATH, second, { codec }))).toBe("NODE_EXISTS");
    expect(one.isValid).toBe(true);
    expect(valueOf(server)).toEqual(first);
    await server.close();
  });

  test("wait: registers as soon as the other has gone, asking nothing meanwhile", async () => {
    const { server, a, b } = await world();
    const other = await soon(server, register(b, PATH, second, { codec, parents: true }));
    const waiting = register(a, PATH, first, { codec, onConflict: "wait" });
    await soon(server, Promise.resolve(), 200);
    const asked = server.requests({ client: 1 }).length;
    await server.clock.advance(600_000);
    expect(server.requests({ client: 1 })).toHaveLength(asked);
    await soon(server, other.unregister(), 20);
    const registration = await soon(server, waiting, 0);
    expect(valueOf(server)).toEqual(first);
    expect(registration.epoch).toBeGreaterThan(other.guard.czxid);
    await server.close();
  });

  test("wait: after a loss it waits for whoever came meanwhile, and comes back after him", async () => {
    const { server, a, b } = await world();
    const registration = await soon(server, register(a, PATH, first, { codec, onConflict: "wait", parents: true }));
    const seen = follow(registration);
    const fault = server.faults.partition(a);
    const other = await soon(server, register(b, PATH, second, { codec, onConflict: "wait" }), 10_000);
    fault.end();
    await server.clock.advance(10_000);
    expect(registration).toMatchObject({ state: "conflict", epoch: undefined, isValid: false });
    expect(registration.signal.aborted).toBe(false);
    expect(registration.cause).toMatchObject({ code: "NODE_EXISTS", actual: b.session!.id });
    await soon(server, other.unregister());
    expect(registration).toMatchObject({ state: "registered", isValid: true });
    expect(namesOf(seen)).toEqual(["registered", "missing", "conflict", "registered"]);
    await server.close();
  });

  test("error: after a loss, one who came meanwhile keeps it, and it is over for good", async () => {
    const { server, a, b } = await world();
    const registration = await soon(server, register(a, PATH, first, { codec, parents: true }));
    const fault = server.faults.partition(a);
    await soon(server, register(b, PATH, second, { codec, onConflict: "wait" }), 10_000);
    fault.end();
    await server.clock.advance(10_000);
    expect(registration).toMatchObject({ state: "conflict", isValid: false });
    expect(registration.signal.reason).toMatchObject({ code: "NODE_EXISTS", actual: b.session!.id });
    expect(valueOf(server)).toEqual(second);
    expect(await refusal(server, registration.update(first))).toBe("NODE_EXISTS");
    expect(await soon(server, registration.unregister())).toBe("was-gone");
    expect(valueOf(server)).toEqual(second);
    expect(registration.state).toBe("closed");
    await server.close();
  });

  test("take-over: one transaction, so that nobody sees the path empty; the other is in conflict for good", async () => {
    const { server, a, b } = await world();
    const older = await soon(server, register(b, PATH, second, { codec, parents: true }));
    const units: string[] = [];
    const told = await soon(server, a.subscribe(PATH, { scope: "node" }));
    void (async () => {
      for await (const event of told) if (event.kind !== "synced") units.push(`${event.kind} ${event.zxid}`);
    })();
    await server.clock.runUntilIdle();
    units.length = 0;
    const newer = await soon(server, register(a, PATH, first, { codec, onConflict: "take-over" }));
    expect(units).toEqual([`deleted ${newer.epoch}`, `created ${newer.epoch}`]);
    expect(newer.epoch).toBeGreaterThan(older.guard.czxid);
    expect(older).toMatchObject({ state: "conflict", isValid: false });
    expect(older.signal.reason).toMatchObject({ code: "NODE_EXISTS" });
    expect(valueOf(server)).toEqual(first);
    await told.close();
    await server.close();
  });

  test("take-over: two owners do not fight, however often each loses its session; the newer one stays", async () => {
    const { server, a, b } = await world();
    const options = { codec, onConflict: "take-over", parents: true } as const;
    const older = await soon(server, register(a, PATH, first, options));
    const newer = await soon(server, register(b, PATH, second, options));
    expect(older.signal.aborted).toBe(true);
    const asked = server.requests({ client: 1 }).length;
    for (let i = 0; i < 3; i++) {
      await soon(server, server.faults.expire(a), 2_000);
      await soon(server, server.faults.expire(b), 2_000);
    }
    await server.clock.advance(60_000);
    expect(newer).toMatchObject({ state: "registered", isValid: true });
    expect(valueOf(server)).toEqual(second);
    expect(
      server
        .requests({ client: 1 })
        .slice(asked)
        .filter(({ op }) => op !== "setWatches"),
    ).toEqual([]);
    await server.close();
  });

  test("take-over: one who is back from a long loss does not take the path from whoever came after him", async () => {
    const { server, a, b } = await world();
    const older = await soon(server, register(a, PATH, first, { codec, onConflict: "take-over", parents: true }));
    const fault = server.faults.partition(a);
    const newer = await soon(server, register(b, PATH, second, { codec, onConflict: "take-over" }));
    await server.clock.advance(20_000);
    fault.end();
    await server.clock.advance(20_000);
    expect(older.state).toBe("conflict");
    expect(newer.isValid).toBe(true);
    await server.close();
  });

  test("take-over: who is taken over stays so, also if the other has gone before he can look", async () => {
    for (const isSuspended of [false, true]) {
      const { server, a, b } = await world(20_000);
      const options = { codec, onConflict: "take-over", parents: true } as const;
      const older = await soon(server, register(a, PATH, first, options));
      const seen = follow(older);
      const fault = server.faults.partition(a);
      // Much to tell before that is told.
      for (let i = 0; i < 100; i++) await soon(server, b.set(PATH, first, { codec }), 3);
      const newer = await soon(server, register(b, PATH, second, options));
      await soon(server, newer.unregister());
      // Back in the same session, or in the next.
      if (isSuspended) await server.clock.advance(30_000);
      fault.end();
      await server.clock.advance(30_000);
      expect(a.stats().sessionsLost).toBe(isSuspended ? 1 : 0);
      expect(older.state).toBe("conflict");
      expect(older.signal.reason).toMatchObject({ code: "NODE_EXISTS" });
      expect(namesOf(seen).filter((state) => state === "registered")).toHaveLength(1);
      expect(ofPath(server)).toBeUndefined();
      await server.close();
    }
  });

  test("wait: one who is taken over waits for his turn, and gets it", async () => {
    const { server, a, b } = await world();
    const older = await soon(server, register(a, PATH, first, { codec, onConflict: "wait", parents: true }));
    const newer = await soon(server, register(b, PATH, second, { codec, onConflict: "take-over" }));
    expect(older).toMatchObject({ state: "conflict", isValid: false });
    await soon(server, newer.unregister());
    expect(older).toMatchObject({ state: "registered", isValid: true });
    await server.close();
  });

  test("take-over: one whose session is lost does not take the path from one who found it free", async () => {
    const { server, a, b } = await world();
    const older = await soon(server, register(a, PATH, first, { codec, onConflict: "take-over", parents: true }));
    const fault = server.faults.partition(a);
    await server.clock.advance(20_000);
    expect(ofPath(server)).toBeUndefined();
    const newer = await soon(server, register(b, PATH, second, { codec, parents: true }));
    fault.end();
    await server.clock.advance(20_000);
    expect(older.state).toBe("conflict");
    expect(older.signal.reason).toMatchObject({ code: "NODE_EXISTS", actual: b.session!.id });
    expect(newer.isValid).toBe(true);
    await server.close();
  });

  test("take-over: two who begin at once, and are cut off before they may tell, take it once each", async () => {
    const { server, a, b } = await world();
    await soon(server, a.create("/brokers/ids", null, { parents: true }));
    // Each is cut off when he has the path, and before he may tell.
    for (const client of [1, 2]) server.faults.dropRequest({ op: "addWatch", client });
    const options = { codec, onConflict: "take-over" } as const;
    const older = register(a, PATH, first, options);
    older.catch(() => undefined);
    await server.clock.advance(3);
    const newer = await soon(server, register(b, PATH, second, options), 30_000);
    await expect(older).rejects.toMatchObject({ code: "NODE_EXISTS" });
    expect(newer.isValid).toBe(true);
    expect(valueOf(server)).toEqual(second);
    expect(server.requests({ op: "multi" })).toHaveLength(1);
    await server.close();
  });

  test("take-over by many at once: each takes it once, and one has it at rest", async () => {
    const { server, a, b } = await world();
    const made: number[] = [];
    const told = await soon(server, b.subscribe(PATH, { scope: "node" }));
    void (async () => {
      for await (const event of told) if (event.kind === "created") made.push(event.zxid);
    })();
    const clients = [a, b, ...(await soon(server, Promise.all([1, 2, 3, 4].map(() => server.connect()))))];
    const all = await soon(
      server,
      Promise.all(
        clients.map((client) => register(client, PATH, first, { codec, onConflict: "take-over", parents: true })),
      ),
      1_000,
    );
    expect(all.filter(({ isValid }) => isValid)).toHaveLength(1);
    expect(all.filter(({ state }) => state === "conflict")).toHaveLength(clients.length - 1);
    expect(made.length).toBeLessThanOrEqual(clients.length);
    await told.close();
    expect(ofPath(server)?.czxid).toBe(Math.max(...all.map(({ guard }) => guard.czxid)));
    await server.close();
  });

  test("take-over within one client: who gives up meanwhile does not delete the other's znode", async () => {
    const { server, a } = await world();
    const options = { codec, parents: true, onConflict: "take-over" } as const;
    const before = await soon(server, register(a, PATH, first, options));
    const taking = register(a, PATH, second, options);
    // When the transaction is on its way, before anybody has heard of it.
    let leaving: Promise<unknown> | undefined;
    server.faults.at({ op: "multi" }, () => {
      leaving = before.unregister();
    });
    const after = await soon(server, taking);
    const { epoch } = after;
    expect(await soon(server, leaving!)).toBe("was-gone");
    await server.clock.advance(1_000);
    expect(ofPath(server)).toMatchObject({ czxid: epoch, owner: a.session!.id });
    expect(after.epoch).toBe(epoch);
  });
});

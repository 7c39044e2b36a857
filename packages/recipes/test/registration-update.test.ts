/** The value of a registration: how it changes, also while it is missing. */
import { describe, expect, test } from "vitest";
import { register } from "../src/registration.ts";
import { type Broker, codec, first, PATH, second, valueOf, world } from "./registering.ts";
import { soon } from "./soon.ts";

describe("update", () => {
  test("changes the value in this life; a later life begins with the newest", async () => {
    const { server, a } = await world();
    const registration = await soon(server, register(a, PATH, first, { codec, parents: true }));
    const { epoch } = registration;
    await soon(server, registration.update(second));
    expect(valueOf(server)).toEqual(second);
    expect(registration.epoch).toBe(epoch);
    await soon(server, server.faults.expire(a), 1_000);
    expect(valueOf(server)).toEqual(second);
    await server.close();
  });

  test("while it is missing: resolves when it is back with it, and nobody sees the value before", async () => {
    const { server, a, b } = await world();
    const registration = await soon(server, register(a, PATH, first, { codec, parents: true }));
    const fault = server.faults.partition(a);
    await server.clock.advance(10_000);
    expect(registration.state).toBe("missing");
    const values: unknown[] = [];
    const told = await soon(server, b.subscribe(PATH, { scope: "node", codec }));
    void (async () => {
      for await (const event of told)
        if (event.kind === "created" || event.kind === "changed") values.push(event.value);
    })();
    const updating = registration.update(second);
    const skipped = registration.update({ host: "three" });
    fault.end();
    await soon(server, Promise.all([updating, skipped]), 10_000);
    expect(values).toEqual([{ host: "three" }]);
    await told.close();
    await server.close();
  });

  test("given while the znode is being made: it is there at rest", async () => {
    const { server, a } = await world();
    const registration = await soon(server, register(a, PATH, first, { codec, parents: true }));
    let updating: Promise<void> | undefined;
    server.faults.at({ op: "create", path: PATH, client: 1 }, () => {
      updating = registration.update(second);
    });
    await soon(server, server.faults.expire(a), 1_000);
    await updating;
    expect(valueOf(server)).toEqual(second);
    await server.close();
  });

  test("whatever strikes while it is under way, the newest value is there at rest, once the promise says so", async () => {
    for (const strike of ["dropRequest", "dropReply", "expire", "delete"] as const) {
      const { server, a, b } = await world();
      const registration = await soon(server, register(a, PATH, first, { codec, parents: true }));
      const match = { op: "set", path: PATH };
      if (strike === "dropRequest" || strike === "dropReply") server.faults[strike](match);
      else if (strike === "expire") server.faults.at(match, () => void server.faults.expire(a));
      else server.faults.at(match, () => void b.delete(PATH));
      await soon(server, registration.update(second), 5_000);
      expect(valueOf(server), strike).toEqual(second);
      expect(registration.isValid, strike).toBe(true);
      await server.close();
    }
  });

  test("a refused value is dropped, in this life and in a later one", async () => {
    const { server, a } = await world();
    const registration = await soon(server, register(a, PATH, first, { codec, parents: true }));
    const huge: Broker = { host: "x".repeat(1_100_000) };
    await expect(soon(server, registration.update(huge))).rejects.toMatchObject({
      code: "LIMIT_EXCEEDED",
      outcome: "no",
    });
    await soon(server, server.faults.expire(a), 1_000);
    expect(valueOf(server)).toEqual(first);
    // While it is missing, the creation is what refuses it.
    const fault = server.faults.partition(a);
    await server.clock.advance(10_000);
    const updating = registration.update(huge, { timeoutMs: 60_000 });
    updating.catch(() => undefined);
    fault.end();
    await expect(soon(server, updating, 20_000)).rejects.toMatchObject({ code: "LIMIT_EXCEEDED", outcome: "no" });
    expect(registration.isValid).toBe(true);
    expect(valueOf(server)).toEqual(first);
    await server.close();
  });

  test("a time limit while it is missing: the outcome is unknown, and the value is what it comes back with", async () => {
    const { server, a } = await world();
    const registration = await soon(server, register(a, PATH, first, { codec, parents: true }));
    const fault = server.faults.partition(a);
    await server.clock.advance(10_000);
    const updating = registration.update(second, { timeoutMs: 1_000 });
    await expect(soon(server, updating, 1_100)).rejects.toMatchObject({ code: "TIMEOUT", outcome: "unknown" });
    fault.end();
    await server.clock.advance(10_000);
    expect(valueOf(server)).toEqual(second);
    await server.close();
  });

  test("what a program does to its object afterwards changes nothing", async () => {
    const { server, a } = await world();
    const value = { host: "one" };
    await soon(server, register(a, PATH, value, { codec, parents: true }));
    value.host = "changed";
    await soon(server, server.faults.expire(a), 1_000);
    expect(valueOf(server)).toEqual(first);
    await server.close();
  });
});

/** An instance that stays when its provider goes. */
import type { Client } from "@corral/client";
import { describe, expect, test } from "vitest";
import { discovery } from "../src/discovery.ts";
import { BASE, codec, meta, SERVICE, textAt } from "./discovering.ts";
import { refusal, soon, world } from "./soon.ts";

describe("a static instance", () => {
  test("stays when its provider goes, and when its registration is disposed of; until it is unregistered", async () => {
    const { server, clients } = await world();
    const [a, b] = clients as [Client, Client];
    const instance = { id: "db", address: "db:5432", meta, lifetime: "static" } as const;
    const of = discovery(a, BASE, { codec });
    const providing = (async () => {
      await using registration = await of.provide(SERVICE, instance);
      expect(registration).toMatchObject({ state: "registered", isValid: true });
    })();
    await soon(server, providing);
    await soon(server, server.faults.expire(a), 1_000);
    const consumer = await soon(server, discovery(b, BASE, { codec }).consume(SERVICE));
    expect(consumer.instances).toMatchObject([{ id: "db", lifetime: "static" }]);
    // The same again is the same one.
    const again = await soon(server, of.provide(SERVICE, instance));
    expect(again.epoch).toBe(consumer.instances[0]!.epoch);
    expect(await soon(server, again.unregister())).toBe("released");
    expect(await soon(server, again.unregister())).toBe("was-gone");
    expect(again).toMatchObject({ state: "closed", epoch: undefined });
    expect(consumer.instances).toEqual([]);
    await server.close();
  });

  test("another one in its place is refused, waited for, or replaced, as it is said", async () => {
    const { server, clients } = await world();
    const [a, b] = clients as [Client, Client];
    const [of, ofB] = [discovery(a, BASE, { codec }), discovery(b, BASE, { codec })];
    const dynamic = await soon(server, ofB.provide(SERVICE, { id: "1", address: "b", meta }));
    const instance = { id: "1", address: "a", meta, lifetime: "static" } as const;
    expect(await refusal(server, of.provide(SERVICE, instance))).toBe("NODE_EXISTS");
    expect(await refusal(server, of.provide(SERVICE, instance, { onConflict: "wait", timeoutMs: 500 }), 600)).toBe(
      "TIMEOUT",
    );
    const taking = await soon(server, of.provide(SERVICE, instance, { onConflict: "take-over" }));
    expect(dynamic.state).toBe("conflict");
    const waiting = of.provide(SERVICE, { ...instance, address: "c" }, { onConflict: "wait" });
    await soon(server, Promise.resolve(), 60_000);
    await soon(server, taking.unregister());
    expect((await soon(server, waiting)).epoch).toBeGreaterThan(taking.guard.czxid);
    expect(textAt(server, `${BASE}/${SERVICE}/1`)).toContain('"c"');
    await server.close();
  });

  test("is changed by whoever provides it; not after somebody deleted it", async () => {
    const { server, clients } = await world();
    const [a, b] = clients as [Client, Client];
    const of = discovery(a, BASE, { codec });
    const one = await soon(server, of.provide(SERVICE, { id: "1", address: "a", meta, lifetime: "static" }));
    await soon(server, one.update({ address: "b", meta }));
    expect(textAt(server, one.path)).toContain('"b"');
    await soon(server, b.delete(one.path));
    await soon(server, of.provide(SERVICE, { id: "1", address: "x", meta, lifetime: "static" }));
    expect(await refusal(server, one.update({ address: "c", meta }))).toBe("GUARD_FAILED");
    expect(one).toMatchObject({ state: "conflict", isValid: false });
    expect(await soon(server, one.unregister())).toBe("was-gone");
    expect(textAt(server, one.path)).toContain('"x"');
    await server.close();
  });

  test("a lost reply or an expiry while it is written: it is there once, and known", async () => {
    for (const strike of ["dropRequest", "dropReply", "expire"] as const) {
      const { server, clients } = await world(1);
      const [client] = clients as [Client];
      const match = { op: "create", path: `${BASE}/${SERVICE}/1` };
      if (strike === "expire")
        server.faults.at(match, () => client.clock.setTimeout(() => void server.faults.expire(client), 1.5));
      else server.faults[strike](match);
      const providing = discovery(client, BASE, { codec }).provide(SERVICE, {
        id: "1",
        address: "a",
        meta,
        lifetime: "static",
      });
      const one = await soon(server, providing, 3_000);
      expect(
        server
          .dump()
          .filter(({ path }) => path === one.path)
          .map(({ czxid }) => czxid),
      ).toEqual([one.epoch]);
      await server.close();
    }
  });
});

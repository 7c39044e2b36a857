/** An instance of a service: how it stands in the tree, who sees it, and that it comes back. */
import { type Client, msgpack, raw } from "@corral/client";
import { describe, expect, test } from "vitest";
import { discovery } from "../src/discovery.ts";
import { BASE, codec, idsOf, meta, served, SERVICE, textAt } from "./discovering.ts";
import { refusal, soon, world } from "./soon.ts";

describe("an instance", () => {
  test("is a znode below its service, in JSON, with its meta as text where it is text", async () => {
    const { server, clients } = await world(1);
    const [client] = clients as [Client];
    const of = discovery(client, BASE, { codec });
    const registration = await soon(server, of.provide(SERVICE, { id: "1", address: "10.0.0.1:80", meta }));
    expect(registration.path).toBe("/services/billing/1");
    expect(JSON.parse(textAt(server, registration.path))).toEqual({ address: "10.0.0.1:80", meta: '{"zone":"a"}' });
    const consumer = await soon(server, of.consume(SERVICE));
    expect(consumer.instances).toEqual([
      { id: "1", address: "10.0.0.1:80", meta, lifetime: "dynamic", epoch: registration.epoch },
    ]);
    await soon(server, registration.update({ address: "10.0.0.2:80", meta: { zone: "b" } }));
    expect(consumer.instances[0]).toMatchObject({ address: "10.0.0.2:80", meta: { zone: "b" } });
    await server.close();
  });

  test("any meta comes back as it was: bytes that are no text, none at all, MessagePack", async () => {
    const { server, clients } = await world(1);
    const [client] = clients as [Client];
    const bytes = discovery(client, "/bytes", { codec: raw });
    const metas = {
      empty: new Uint8Array(),
      none: null,
      binary: Uint8Array.of(0xff, 0, 0x80),
      bom: Uint8Array.of(0xef, 0xbb, 0xbf, 65),
    };
    for (const [id, one] of Object.entries(metas))
      await soon(server, bytes.provide("s", { id, address: "x", meta: one }));
    const consumer = await soon(server, bytes.consume("s"));
    expect(Object.fromEntries(consumer.instances.map(({ id, meta: one }) => [id, one]))).toEqual(metas);
    const packed = discovery(client, "/packed", { codec: msgpack<{ n: number[] }>() });
    await soon(server, packed.provide("s", { id: "1", address: "x", meta: { n: [1, 300] } }));
    expect((await soon(server, packed.consume("s"))).instances[0]!.meta).toEqual({ n: [1, 300] });
    await server.close();
  });

  test("of others that cannot be read is told as such, and harms no other", async () => {
    const { server, provider, consumer } = await served(["a"]);
    for (const [id, data] of [
      ["x", "no json"],
      ["y", '{"meta":"{}"}'],
      ["z", "null"],
    ] as const)
      await soon(server, provider.create(`${BASE}/${SERVICE}/${id}`, new TextEncoder().encode(data)));
    expect(idsOf(consumer.instances)).toEqual(["a"]);
    expect([...consumer.undecodable.keys()].toSorted()).toEqual(["x", "y", "z"]);
    await server.close();
  });

  test("services lists the names; one without instances is forgotten after a while", async () => {
    const { server, clients } = await world(1);
    const [client] = clients as [Client];
    const of = discovery(client, BASE, { codec });
    expect(await soon(server, of.services())).toEqual([]);
    const one = await soon(server, of.provide("b", { id: "1", address: "x", meta }));
    await soon(server, of.provide("a", { id: "1", address: "x", meta }));
    expect(await soon(server, of.services())).toEqual(["a", "b"]);
    await soon(server, one.unregister(), 300_000);
    expect(await soon(server, of.services())).toEqual(["a"]);
    await server.close();
  });

  test("names that would be another place are refused", async () => {
    const { server, clients } = await world(1);
    const of = discovery(clients[0]!, BASE, { codec });
    expect(await refusal(server, of.provide("a/b", { id: "1", address: "x", meta }))).toBe("BAD_ARGUMENTS");
    expect(await refusal(server, of.provide("a", { id: "", address: "x", meta }))).toBe("BAD_ARGUMENTS");
    expect(await refusal(server, of.consume(""))).toBe("BAD_ARGUMENTS");
    expect(server.leaks()).toMatchObject({ subscriptions: 0, ephemerals: 0 });
    await server.close();
  });

  test("dynamic: comes back after a loss of the session, and does not after it was given up while cut off (pain 32)", async () => {
    const { server, clients } = await world();
    const [a, b] = clients as [Client, Client];
    const registration = await soon(
      server,
      discovery(a, BASE, { codec }).provide(SERVICE, { id: "1", address: "x", meta }),
    );
    const consumer = await soon(server, discovery(b, BASE, { codec }).consume(SERVICE));
    await soon(server, server.faults.expire(a), 1_000);
    expect(consumer.instances[0]).toMatchObject({ id: "1", epoch: registration.epoch });
    const fault = server.faults.partition(a);
    const disposing = registration[Symbol.asyncDispose]();
    await server.clock.advance(20_000);
    fault.end();
    await soon(server, disposing, 20_000);
    expect(consumer.instances).toEqual([]);
    await server.close();
  });
});

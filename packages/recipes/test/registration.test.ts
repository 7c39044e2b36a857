/** A registration: its lives, from one session to the next, and that it leaves nothing behind. */
import { getEventListeners } from "node:events";
import { isCorralError, json, Permission } from "@corral/client";
import { describe, expect, test } from "vitest";
import { register } from "../src/registration.ts";
import { codec, first, follow, namesOf, ofPath, PATH, second, world } from "./registering.ts";
import { refusal, soon } from "./soon.ts";

describe("a registration", () => {
  test("is an ephemeral of this session, with its czxid as the epoch, and goes when it is unregistered", async () => {
    const { server, a } = await world();
    const registration = await soon(server, register(a, PATH, first, { codec, parents: true }));
    const node = ofPath(server)!;
    expect(node).toMatchObject({ owner: a.session!.id, czxid: registration.epoch });
    expect(registration).toMatchObject({ path: PATH, state: "registered", isValid: true, cause: undefined });
    expect(registration.guard).toEqual({ path: PATH, czxid: node.czxid });
    const seen = follow(registration);
    expect(await soon(server, registration.unregister())).toBe("released");
    expect(ofPath(server)).toBeUndefined();
    expect(registration).toMatchObject({ state: "closed", isValid: false, validForMs: 0, epoch: undefined });
    expect(isCorralError(registration.signal.reason, "CLOSED")).toBe(true);
    expect(await soon(server, registration.unregister())).toBe("was-gone");
    expect(namesOf(seen)).toEqual(["registered", "closed"]);
    await server.close();
  });

  test("await using gives it up", async () => {
    const { server, a } = await world();
    const using = (async () => {
      await using registration = await register(a, PATH, first, { codec, parents: true });
      expect(registration.isValid).toBe(true);
    })();
    await soon(server, using);
    expect(ofPath(server)).toBeUndefined();
    expect(server.leaks()).toMatchObject({ ephemerals: 0, watches: 0, waiting: 0 });
    await server.close();
  });

  test("comes back by itself after each loss of the session, with a greater epoch, in the new session", async () => {
    const { server, a } = await world();
    const registration = await soon(server, register(a, PATH, first, { codec, parents: true }));
    const seen = follow(registration);
    const epochs = [registration.epoch!];
    for (let life = 0; life < 3; life++) {
      const guard = registration.guard;
      await soon(server, server.faults.expire(a));
      await server.clock.advance(1_000);
      expect(registration.state).toBe("registered");
      expect(ofPath(server)).toMatchObject({ owner: a.session!.id, czxid: registration.epoch });
      expect(await refusal(server, a.create("/x", null, { guard }))).toBe("GUARD_FAILED");
      epochs.push(registration.epoch!);
    }
    expect(epochs).toEqual([...new Set(epochs)].toSorted((x, y) => x - y));
    expect(namesOf(seen)).toEqual(["registered", ...Array.from({ length: 3 }, () => ["missing", "registered"]).flat()]);
    expect(seen.flatMap(({ epoch }) => epoch ?? [])).toEqual(epochs);
    await server.close();
  });

  test("in each life it asks for two things: the znode, and whether it is there, with a watch", async () => {
    const { server, a } = await world();
    await soon(server, register(a, PATH, first, { codec, parents: true }));
    const before = server.requests({ client: 1 }).length;
    await soon(server, server.faults.expire(a), 1_000);
    const asked = server
      .requests({ client: 1 })
      .slice(before)
      .filter(({ op }) => op !== "setWatches");
    expect(asked.map(({ op, path }) => [op, path])).toEqual([
      ["create", PATH],
      ["exists", PATH],
    ]);
    await server.close();
  });

  test("a late process knows by the clock that it is not registered, before any timer has told it", async () => {
    const { server, a } = await world(4_000);
    const registration = await soon(server, register(a, PATH, first, { codec, parents: true }));
    const { guard } = registration;
    server.faults.partition(a);
    server.faults.sleepClient(a, 20_000);
    let seen: unknown;
    a.clock.setTimeout(() => (seen = [registration.isValid, registration.state, registration.epoch]), 0);
    await server.clock.advance(21_000);
    expect(seen).toEqual([false, "missing", undefined]);
    expect(registration.guard).toEqual(guard);
    await server.close();
  });

  test("states tells of the loss when this side can no longer know, long before it is back", async () => {
    const { server, a } = await world(4_000);
    const registration = await soon(server, register(a, PATH, first, { codec, parents: true }));
    const seen = follow(registration);
    server.faults.partition(a);
    await server.clock.advance(4_100);
    expect(namesOf(seen)).toEqual(["registered", "missing"]);
    expect(seen[1]!.cause).toMatchObject({ code: "SESSION_EXPIRED" });
    await server.close();
  });

  test("one that may not read its own znode cannot know of its end: it is refused, and leaves nothing", async () => {
    const { server, a } = await world();
    const acl = [
      { permissions: Permission.create | Permission.delete | Permission.write, scheme: "world", id: "anyone" },
    ];
    await soon(server, a.create("/brokers/ids", null, { parents: true }));
    expect(await refusal(server, register(a, PATH, first, { codec, acl }))).toBe("NO_AUTH");
    await server.clock.advance(100);
    expect(server.leaks()).toMatchObject({ ephemerals: 0, watches: 0, waiting: 0 });
    await server.close();
  });

  test("a suspended connection is no loss", async () => {
    const { server, a } = await world(10_000);
    const registration = await soon(server, register(a, PATH, first, { codec, parents: true }));
    const { epoch } = registration;
    const fault = server.faults.partition(a);
    await server.clock.advance(7_000);
    expect(a.state.name).toBe("suspended");
    expect(registration).toMatchObject({ isValid: true, state: "registered" });
    fault.end();
    await server.clock.advance(5_000);
    expect(registration).toMatchObject({ isValid: true, epoch });
    await server.close();
  });

  test("survives a restart of the server in the same life", async () => {
    const { server, a } = await world();
    const registration = await soon(server, register(a, PATH, first, { codec, parents: true }));
    const { epoch } = registration;
    await soon(server, server.faults.restart({ crash: true, downMs: 500 }), 1_000);
    await server.clock.advance(5_000);
    expect(registration).toMatchObject({ state: "registered", epoch });
    expect(ofPath(server)).toMatchObject({ czxid: epoch });
    await server.close();
  });

  test("sequential: each life has a path of its own, and nothing is left of the one before", async () => {
    const { server, a } = await world();
    const registration = await soon(
      server,
      register(a, "/workers/w-", first, { codec, parents: true, sequential: true }),
    );
    expect(registration.path).toBe("/workers/w-0000000000");
    await soon(server, server.faults.expire(a), 1_000);
    expect(registration.path).toBe("/workers/w-0000000001");
    expect(registration.guard).toEqual({ path: registration.path, czxid: registration.epoch });
    expect(server.dump().filter(({ owner }) => owner !== 0)).toHaveLength(1);
    await soon(server, registration.unregister());
    expect(server.leaks()).toMatchObject({ ephemerals: 0, watches: 0 });
    await server.close();
  });

  test("without parents a missing parent is NO_NODE; with parents it is made as a container", async () => {
    const { server, a } = await world();
    expect(await refusal(server, register(a, PATH, first, { codec }))).toBe("NO_NODE");
    expect(server.leaks()).toMatchObject({ ephemerals: 0, watches: 0, waiting: 0 });
    await using registration = await soon(server, register(a, PATH, first, { codec, parents: true }));
    expect(registration.isValid).toBe(true);
    await soon(server, registration.unregister());
    await server.clock.advance(180_000);
    expect(ofPath(server, "/brokers/ids")).toBeUndefined();
    await server.close();
  });

  test("a value that cannot be encoded, and a path that is none, are refused before anything is there", async () => {
    const { server, a } = await world();
    const cyclic: { self?: unknown } = {};
    cyclic.self = cyclic;
    expect(await refusal(server, register(a, "/x", cyclic, { codec: json<object>() }))).toBe("CODEC");
    expect(await refusal(server, register(a, "no/path", first, { codec }))).toBe("BAD_ARGUMENTS");
    expect(server.leaks()).toMatchObject({ ephemerals: 0, watches: 0 });
    await server.close();
  });

  test("is over when its client is closed, and a client that is closed cannot register", async () => {
    const { server, a } = await world();
    const registration = await soon(server, register(a, PATH, first, { codec, parents: true }));
    const seen = follow(registration);
    await soon(server, a.close());
    expect(registration.state).toBe("closed");
    expect(isCorralError(registration.signal.reason, "CLOSED")).toBe(true);
    expect(namesOf(seen).at(-1)).toBe("closed");
    expect(await soon(server, registration.unregister())).toBe("was-gone");
    expect(await refusal(server, register(a, PATH, first, { codec }))).toBe("CLOSED");
    expect(await refusal(server, registration.update(second))).toBe("CLOSED");
    await server.close();
  });
});

describe("manners (pains 9, 29, 30)", () => {
  test("the same path can be registered again after everything that ends a registration", async () => {
    const { server, a, b } = await world();
    const epochs: number[] = [];
    for (let i = 0; i < 3; i++) {
      const registration = await soon(server, register(a, PATH, first, { codec, onDelete: "conflict", parents: true }));
      epochs.push(registration.epoch!);
      await soon(server, b.delete(PATH));
      expect(registration.signal.aborted).toBe(true);
    }
    expect(epochs).toEqual(epochs.toSorted((x, y) => x - y));
    await server.close();
  });

  test("without anybody listening, nothing that happens is an unhandled rejection", async () => {
    const { server, a, b } = await world();
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on("unhandledRejection", note);
    await soon(server, register(a, PATH, first, { codec, onDelete: "conflict", parents: true }));
    await soon(server, b.delete(PATH), 1_000);
    await soon(server, register(a, PATH, first, { codec }));
    await soon(server, register(b, PATH, second, { codec, onConflict: "take-over" }));
    await soon(server, a.close());
    await server.close();
    // Node tells of them after the turn.
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", note);
    expect(unhandled).toEqual([]);
  });

  test("a thousand registrations leave no watch, no ephemeral and no timer, and one signal at most one listener", async () => {
    const { server, a } = await world();
    const { signal } = new AbortController();
    await soon(server, a.create("/brokers/ids", null, { parents: true }));
    const timers = server.leaks().timers;
    for (let round = 0; round < 10; round++) {
      const all = Array.from({ length: 100 }, (_, i) => register(a, `/brokers/ids/${i}`, first, { codec, signal }));
      const registrations = await soon(server, Promise.all(all), 1_000);
      expect(server.leaks()).toMatchObject({ ephemerals: 100, watches: 100 });
      expect(getEventListeners(signal, "abort").length).toBeLessThanOrEqual(1);
      await soon(server, Promise.all(registrations.map((one) => one.unregister())), 1_000);
    }
    expect(server.leaks()).toMatchObject({ ephemerals: 0, watches: 0, waiting: 0 });
    expect(server.leaks().timers).toBeLessThanOrEqual(timers);
    expect(getEventListeners(signal, "abort")).toEqual([]);
    expect(a.stats().watches).toBe(0);
    await server.close();
  });
});

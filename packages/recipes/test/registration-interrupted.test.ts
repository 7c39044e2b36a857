/** A registration that is being made or put back, and what comes between: an expiry, a lost reply, its giving up. */
import { describe, expect, test } from "vitest";
import { register } from "../src/registration.ts";
import { codec, first, ofPath, PATH, second, world } from "./registering.ts";
import { soon } from "./soon.ts";

describe("an expiry at a step of registering (pain 14)", () => {
  const steps = ["create", "exists"] as const;
  for (const when of ["before", "after"] as const) {
    for (const op of steps) {
      test(`${when} ${op}: at rest there is exactly one znode, of the present session`, async () => {
        const { server, a } = await world();
        await soon(server, a.create("/brokers/ids", null, { parents: true }));
        const strike = (): void => void server.faults.expire(a);
        server.faults.at({ op, path: PATH, client: 1 }, () => {
          if (when === "before") strike();
          else a.clock.setTimeout(strike, 1.5);
        });
        const registration = await soon(server, register(a, PATH, first, { codec }), 5_000);
        expect(a.stats().sessionsLost).toBe(1);
        expect(server.dump().filter(({ path }) => path.startsWith("/brokers/ids/"))).toEqual([
          expect.objectContaining({ path: PATH, owner: a.session!.id, czxid: registration.epoch }),
        ]);
        await server.close();
      });
    }
  }

  test("a lost reply to the creation is no second znode, and no conflict with oneself", async () => {
    const { server, a } = await world();
    await soon(server, a.create("/brokers/ids", null, { parents: true }));
    server.faults.dropReply({ op: "create", path: PATH });
    const registration = await soon(server, register(a, PATH, first, { codec }), 1_000);
    expect(ofPath(server)?.czxid).toBe(registration.epoch);
    await server.close();
  });

  test("it is missing no longer than it takes to reconnect", async () => {
    const { server, a, b } = await world();
    await soon(server, register(a, PATH, first, { codec, parents: true }));
    const told: { readonly kind: string; readonly at: number }[] = [];
    const watch = await soon(server, b.addWatch(PATH));
    void (async () => {
      for await (const { kind } of watch) told.push({ kind, at: server.clock.now });
    })();
    await soon(server, server.faults.expire(a), 1_000);
    expect(told.map(({ kind }) => kind)).toEqual(["deleted", "created"]);
    // A pause of up to 50 ms, Hello and Welcome, the creation, and its event.
    expect(told[1]!.at - told[0]!.at).toBeLessThanOrEqual(60);
    await watch.close();
    await server.close();
  });
});

describe("giving up wins (pains 14 and 32)", () => {
  test("an abort at once, or while the creation is under way, leaves nothing", async () => {
    const { server, a } = await world();
    await soon(server, a.create("/brokers/ids", null, { parents: true }));
    for (const delayMs of [0, 1.5, 2.5]) {
      const abort = new AbortController();
      const registering = register(a, PATH, first, { codec, signal: abort.signal });
      registering.catch(() => undefined);
      if (delayMs > 0) await server.clock.advance(delayMs);
      abort.abort();
      await server.clock.advance(100);
      await registering.then(
        (registration) => registration.unregister(),
        () => undefined,
      );
      await server.clock.advance(1_000);
      expect(ofPath(server)).toBeUndefined();
      expect(server.leaks()).toMatchObject({ ephemerals: 0, watches: 0, waiting: 0 });
    }
    await server.close();
  });

  test("disposed while it is cut off: healed, there is no znode", async () => {
    const { server, a } = await world();
    const registration = await soon(server, register(a, PATH, first, { codec, parents: true }));
    const fault = server.faults.partition(a);
    expect(await soon(server, registration.unregister({ timeoutMs: 1_000 }), 1_100)).toBe("will-be-released");
    expect(registration.state).toBe("closed");
    fault.end();
    await server.clock.advance(5_000);
    expect(ofPath(server)).toBeUndefined();
    expect(server.leaks()).toMatchObject({ ephemerals: 0, watches: 0, waiting: 0 });
    await server.close();
  });

  test("disposed after its session was lost and before the next: the znode never appears", async () => {
    const { server, a } = await world();
    const registration = await soon(server, register(a, PATH, first, { codec, parents: true }));
    const fault = server.faults.partition(a);
    await server.clock.advance(10_000);
    expect(registration.state).toBe("missing");
    const creations = server.requests({ op: "create", path: PATH }).length;
    const disposing = registration[Symbol.asyncDispose]();
    fault.end();
    await soon(server, disposing, 20_000);
    expect(ofPath(server)).toBeUndefined();
    expect(server.requests({ op: "create", path: PATH })).toHaveLength(creations);
    await server.close();
  });

  test("disposed while it is being put back, its reply lost: no znode", async () => {
    const { server, a } = await world();
    const registration = await soon(server, register(a, PATH, first, { codec, parents: true }));
    let disposing: Promise<void> | undefined;
    server.faults.at({ op: "create", path: PATH, client: 1 }, () => {
      disposing = registration[Symbol.asyncDispose]();
    });
    server.faults.dropReply({ op: "create", path: PATH, client: 1 });
    await soon(server, server.faults.expire(a), 5_000);
    await soon(server, disposing!);
    expect(ofPath(server)).toBeUndefined();
    expect(server.leaks()).toMatchObject({ ephemerals: 0, watches: 0, waiting: 0 });
    await server.close();
  });

  test("a time limit that is over leaves nothing, and says why it was not registered", async () => {
    const { server, a, b } = await world();
    await using other = await soon(server, register(b, PATH, second, { codec, parents: true }));
    const registering = register(a, PATH, first, { codec, onConflict: "wait", timeoutMs: 500 });
    await expect(soon(server, registering, 600)).rejects.toMatchObject({
      code: "TIMEOUT",
      outcome: "no",
      cause: { code: "NODE_EXISTS", actual: b.session!.id },
    });
    await soon(server, other.unregister(), 1_000);
    expect(ofPath(server)).toBeUndefined();
    expect(server.leaks()).toMatchObject({ ephemerals: 0, watches: 0, waiting: 0 });
    await server.close();
  });
});

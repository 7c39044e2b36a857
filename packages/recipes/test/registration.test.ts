import { getEventListeners } from "node:events";
import { type Client, type ErrorName, isCorralError, json, Permission } from "@corral/client";
import { startTestServer, type TestServer } from "@corral/testing";
import { describe, expect, test } from "vitest";
import { type Registration, type RegistrationState, type RegistrationStatus, register } from "../src/registration.ts";

interface Broker {
  readonly host: string;
}
const codec = json<Broker>();
const PATH = "/brokers/ids/1";
const first: Broker = { host: "one" };
const second: Broker = { host: "two" };

async function world(timeoutMs = 6_000): Promise<{ server: TestServer; a: Client; b: Client }> {
  const server = await startTestServer({ latencyMs: 1 });
  const opening = Promise.all([server.connect({ session: { timeoutMs } }), server.connect({ session: { timeoutMs } })]);
  const [a, b] = await soon(server, opening);
  return { server, a, b };
}

/** What it comes to, once so much time has passed. */
async function soon<T>(server: TestServer, promise: Promise<T>, ms = 100): Promise<T> {
  promise.catch(() => undefined);
  await server.clock.advance(ms);
  return promise;
}

/** The error it rejects with, once so much time has passed. */
async function refusal(server: TestServer, promise: Promise<unknown>, ms = 100): Promise<ErrorName | "none"> {
  try {
    await soon(server, promise, ms);
    return "none";
  } catch (error) {
    if (!isCorralError(error)) throw error;
    return error.code;
  }
}

const ofPath = (server: TestServer, path = PATH) => server.dump().find((node) => node.path === path);
const valueOf = (server: TestServer, path = PATH): unknown => {
  const data = ofPath(server, path)?.data;
  return data == null ? undefined : JSON.parse(new TextDecoder().decode(data));
};

function follow<T>(registration: Registration<T>): RegistrationStatus[] {
  const seen: RegistrationStatus[] = [];
  void (async () => {
    for await (const status of registration.states()) seen.push(status);
  })();
  return seen;
}
const namesOf = (statuses: readonly RegistrationStatus[]): RegistrationState[] => statuses.map(({ state }) => state);

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
});

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
    // vitest fails on any.
    await soon(server, register(a, PATH, first, { codec, onDelete: "conflict", parents: true }));
    await soon(server, b.delete(PATH), 1_000);
    await soon(server, register(a, PATH, first, { codec }));
    await soon(server, register(b, PATH, second, { codec, onConflict: "take-over" }));
    await soon(server, a.close());
    await server.close();
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

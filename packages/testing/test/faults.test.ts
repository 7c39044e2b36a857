/** Each fault does what it says, and nothing else. */
import { type CallOptions, type Client, type CorralError, isCorralError, type SubscriptionEvent } from "@corral/client";
import { expect, test } from "vitest";
import { startTestServer } from "../src/index.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text);
const textOf = (value: Uint8Array | null): string => Buffer.from(value ?? []).toString();
const failure = (promise: Promise<unknown>): Promise<CorralError> =>
  promise.then(
    () => expect.unreachable("it did not fail"),
    (error: unknown) => error as CorralError,
  );

/** Whether it has settled once nothing is on its way any more. */
async function isSettled(
  server: { readonly clock: { runUntilIdle(): Promise<void> } },
  promise: Promise<unknown>,
): Promise<boolean> {
  let settled = false;
  const mark = (): void => void (settled = true);
  promise.then(mark, mark);
  await server.clock.runUntilIdle();
  return settled;
}

for (const log of ["memory", "file"] as const) {
  test(`a client writes and reads at once, without the clock being moved (${log} log)`, async () => {
    await using server = await startTestServer({ log });
    const client = await server.connect();
    await client.create("/a", bytes("x"));
    expect(textOf((await client.get("/a")).value)).toBe("x");
    expect(server.clock.now).toBe(0);
  });
}

test("messages take the time that they are said to take", async () => {
  await using server = await startTestServer({ latencyMs: 20 });
  const client = await server.connect();
  const before = server.clock.now;
  await client.create("/a");
  expect(server.clock.now - before).toBe(40);
});

test("with a real clock time passes by itself", async () => {
  await using server = await startTestServer({ clock: "real", limits: { tickMs: 5 } });
  const client = await server.connect();
  const before = performance.now();
  await server.clock.advance(30);
  expect(performance.now() - before).toBeGreaterThanOrEqual(29);
  await client.create("/a");
  expect(await client.exists("/a")).toBe(true);
});

test("the same seed gives the same world, another seed another", async () => {
  const run = async (seed: number): Promise<unknown> => {
    await using server = await startTestServer({ seed, log: "file" });
    const client = await server.connect();
    server.faults.cut("all");
    const creating = client.create("/a", bytes("1"));
    await server.clock.advance(1_000);
    await creating;
    await server.faults.restart({ crash: true });
    const setting = client.set("/a", bytes("2"));
    await server.clock.advance(1_000);
    await setting;
    return [server.requests(), client.stats()];
  };
  const first = await run(7);
  expect(await run(7)).toEqual(first);
  expect(await run(8)).not.toEqual(first);
});

test("what an event throws comes out where the clock is moved", async () => {
  await using server = await startTestServer({ log: "file" });
  const client = await server.connect();
  server.faults.disk.failNext("sync");
  const writing = failure(client.create("/a", null, { timeoutMs: 100 }));
  await expect(server.clock.advance(200)).rejects.toMatchObject({ code: "IO_FAILED" });
  expect((await writing).outcome).toBe("unknown");
});

test.each<[string, "get" | "exists" | "children", (client: Client, options: CallOptions) => Promise<unknown>]>([
  ["nextEvent", "exists", (client, options) => client.nextEvent("/a", options)],
  ["nextEvent of an absent znode", "exists", (client, options) => client.nextEvent("/absent", options)],
  [
    "nextEvent of an existing znode",
    "get",
    (client, options) => client.nextEvent("/a", { ...options, existing: true }),
  ],
  ["nextEvent of children", "children", (client, options) => client.nextEvent("/a", { ...options, of: "children" })],
  ["get", "get", (client, options) => client.get("/a", { ...options, watch: () => expect.unreachable() })],
  ["find", "exists", (client, options) => client.find("/a", { ...options, watch: () => expect.unreachable() })],
  [
    "children",
    "children",
    (client, options) => client.children("/a", { ...options, watch: () => expect.unreachable() }),
  ],
])("%s that is given up before it is answered leaves no watch at the server", async (_, op, read) => {
  await using server = await startTestServer({ latencyMs: 5 });
  const client = await server.connect();
  await client.create("/a");
  const abort = new AbortController();
  server.faults.at({ op }, () => {
    abort.abort();
  });
  const aborted = failure(read(client, { signal: abort.signal }));
  const late = failure(read(client, { timeoutMs: 1 }));
  await server.clock.advance(100);
  expect([(await aborted).code, (await late).code]).toEqual(["ABORTED", "TIMEOUT"]);
  expect([client.stats().watches, server.leaks().watches]).toEqual([0, 0]);
});

test("a list of children that is given up at its second page drops the watch that its first page has set", async () => {
  await using server = await startTestServer({ limits: { pageBytes: 1_024 } });
  const client = await server.connect();
  for (let i = 0; i < 200; i++) await client.create(`/child-${i}`);
  const abort = new AbortController();
  server.faults.at({ op: "children", nth: 2 }, () => {
    expect(client.stats().watches).toBe(1);
    abort.abort();
  });
  const listing = client.children("/", { signal: abort.signal, watch: () => expect.unreachable() });
  expect((await failure(listing)).code).toBe("ABORTED");
  await server.clock.advance(100);
  expect([client.stats().watches, server.leaks().watches]).toEqual([0, 0]);
});

test("a watch that somebody else waits for stays when another read of it is given up", async () => {
  await using server = await startTestServer({ latencyMs: 5 });
  const client = await server.connect();
  await client.create("/a");
  const event = client.nextEvent("/a");
  await server.clock.advance(100);
  const late = failure(client.nextEvent("/a", { timeoutMs: 1 }));
  await server.clock.advance(1);
  const next = client.get("/a", { watch: () => void told++ });
  let told = 0;
  await server.clock.advance(100);
  await next;
  await late;
  expect(server.requests({ op: "removeWatches" })).toHaveLength(0);
  await client.set("/a", bytes("1"));
  expect((await event).kind).toBe("changed");
  expect([told, client.stats().watches, server.leaks().watches]).toEqual([1, 0, 0]);
});

test("a client whose partition outlasts its timeout is expired, and told so when it is back", async () => {
  await using server = await startTestServer();
  const client = await server.connect({ session: { timeoutMs: 4_000 } });
  await client.create("/e", null, { lifetime: "ephemeral" });
  const states: string[] = [];
  client.on("state", ({ name }) => states.push(name));
  using partition = server.faults.partition(client);
  await server.clock.advance(3_000);
  expect(server.dump().some(({ path }) => path === "/e")).toBe(true);
  await server.clock.advance(3_000);
  expect(server.dump().some(({ path }) => path === "/e")).toBe(false);
  expect(states).toContain("expired");
  partition.end();
  await server.clock.advance(10_000);
  expect(client.state.name).toBe("connected");
  expect(client.stats().sessions).toBe(2);
});

test("a client whose partition is shorter than its timeout keeps its session", async () => {
  await using server = await startTestServer();
  const client = await server.connect({ session: { timeoutMs: 10_000 } });
  const { id } = client.session!;
  const partition = server.faults.partition("all");
  const reading = client.exists("/");
  await server.clock.advance(2_000);
  expect(await isSettled(server, reading)).toBe(false);
  partition.end();
  await server.clock.advance(1_000);
  expect(await reading).toBe(true);
  expect(client.session!.id).toBe(id);
});

test("a partition one way lets requests through and no replies", async () => {
  await using server = await startTestServer();
  const client = await server.connect();
  const partition = server.faults.partition(client, { oneWay: "from-server" });
  const writing = client.create("/a");
  expect(await isSettled(server, writing)).toBe(false);
  expect(server.dump().some(({ path }) => path === "/a")).toBe(true);
  partition.end();
  await server.clock.runUntilIdle();
  expect((await writing).path).toBe("/a");
});

test("a cut connection comes back, and with it the session", async () => {
  await using server = await startTestServer();
  const client = await server.connect();
  const { id } = client.session!;
  server.faults.cut(client);
  await server.clock.advance(10_000);
  expect(client.session!.id).toBe(id);
  expect(client.stats().reconnects).toBe(1);
});

const writes: Readonly<Record<string, (client: Client) => Promise<unknown>>> = {
  create: (client) => client.create("/n/c-", null, { sequential: true }),
  set: (client) => client.set("/n", bytes("2")),
  delete: (client) => client.delete("/d"),
  deleteTree: (client) => client.delete("/d", { recursive: true }),
  setAcl: (client) => client.setAcl("/n", [{ permissions: 31, scheme: "world", id: "anyone" }]),
};
for (const [op, write] of Object.entries(writes)) {
  test(`a write whose reply is dropped resolves once, with the true result: ${op}`, async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    await client.create("/n");
    await client.create("/d");
    const before = server.requests({ op }).length;
    using fault = server.faults.dropReply({ op });
    const writing = write(client);
    await server.clock.advance(5_000);
    const result = await writing;
    expect(fault.hits).toBe(1);
    expect(server.requests({ op }).slice(before)).toHaveLength(2);
    const stat = await client.stat("/n");
    if (op === "create") expect([result, stat?.numChildren]).toMatchObject([{ path: "/n/c-0000000000" }, 1]);
    if (op === "set") expect([result, stat?.version]).toMatchObject([{ version: 1 }, 1]);
    if (op === "setAcl") expect([result, stat?.aversion]).toMatchObject([{ aversion: 1 }, 1]);
    if (op.startsWith("delete")) expect(await client.exists("/d")).toBe(false);
  });
}

test("a request that is dropped is sent again and executed once", async () => {
  await using server = await startTestServer();
  const client = await server.connect();
  await client.create("/n");
  const fault = server.faults.dropRequest({ op: "set", path: "/n", nth: 2 });
  await client.set("/n", bytes("1"));
  expect(fault.hits).toBe(0);
  const writing = client.set("/n", bytes("2"));
  await server.clock.advance(5_000);
  expect((await writing).version).toBe(2);
  expect(fault.hits).toBe(1);
});

test("a delayed reply comes that much later", async () => {
  await using server = await startTestServer();
  const client = await server.connect();
  const fault = server.faults.delayReply({ op: "get" }, 300);
  const reading = client.get("/");
  await server.clock.advance(299);
  expect(await isSettled(server, reading)).toBe(false);
  await server.clock.advance(1);
  await reading;
  expect(fault.hits).toBe(1);
  fault.end();
  await client.get("/");
});

test("an expired client gets a new session and its ephemerals are gone", async () => {
  await using server = await startTestServer();
  const client = await server.connect();
  const { id } = client.session!;
  await client.create("/e", null, { lifetime: "ephemeral" });
  await server.faults.expire(client);
  expect(server.dump().some(({ path }) => path === "/e")).toBe(false);
  await server.clock.advance(5_000);
  expect(client.session!.id).not.toBe(id);
});

test("a session that ends is told so before the deletion of its own ephemerals", async () => {
  await using server = await startTestServer();
  const client = await server.connect();
  const { signal } = client.session!;
  await client.create("/e", null, { lifetime: "ephemeral" });
  const told: string[] = [];
  signal.addEventListener("abort", () => void told.push("session over"));
  await client.get("/e", { watch: ({ kind }) => void told.push(kind) });
  const watch = await client.addWatch("/", { recursive: true });
  void (async () => {
    for await (const { kind, path } of watch) told.push(`${kind} ${path}`);
  })().catch(() => {});
  await server.faults.expire(client);
  await server.clock.advance(1_000);
  expect(told).toEqual(["session over", "deleted", "deleted /e"]);
});

test("a server that stands still expires nobody for it", async () => {
  await using server = await startTestServer();
  const client = await server.connect({ session: { timeoutMs: 10_000 } });
  await client.create("/e", null, { lifetime: "ephemeral" });
  const { id } = client.session!;
  server.faults.stall(6_000);
  const reading = client.exists("/e");
  await server.clock.advance(5_999);
  expect(await isSettled(server, reading)).toBe(false);
  await server.clock.advance(2_000);
  expect(await reading).toBe(true);
  expect(client.session!.id).toBe(id);
});

test("a client that stands still for longer than its timeout knows on waking that its session is over", async () => {
  await using server = await startTestServer();
  const client = await server.connect({ session: { timeoutMs: 4_000 } });
  const states: string[] = [];
  client.on("state", ({ name }) => states.push(name));
  server.faults.stallClient(client, 10_000);
  await server.clock.advance(9_999);
  expect(states).toEqual([]);
  await server.clock.advance(5_000);
  expect(states.slice(-3)).toEqual(["expired", "connecting", "connected"]);
});

test("a machine that sleeps does not count the time on its monotonic clock, and the session is over all the same", async () => {
  await using server = await startTestServer();
  const client = await server.connect({ session: { timeoutMs: 4_000 } });
  const { signal } = client.session!;
  server.faults.sleepClient(client, 20_000);
  await server.clock.advance(20_100);
  expect(client.stats().sessionsLost).toBe(1);
  expect(isCorralError(signal.reason, "SESSION_EXPIRED")).toBe(true);
});

test("a wall clock that is set back changes nothing", async () => {
  await using server = await startTestServer();
  const client = await server.connect({ session: { timeoutMs: 4_000 } });
  server.faults.jumpClock(client, -3_600_000);
  await server.clock.advance(60_000);
  expect(client.stats()).toMatchObject({ sessions: 1, sessionsLost: 0, reconnects: 0 });
});

for (const log of ["memory", "file"] as const) {
  for (const crash of [false, true]) {
    test(`a ${crash ? "crash" : "restart"} loses nothing that was acknowledged, and no session (${log} log)`, async () => {
      await using server = await startTestServer({ log });
      const client = await server.connect();
      await client.create("/e", bytes("1"), { lifetime: "ephemeral" });
      const before = server.dump();
      await server.faults.restart({ crash, downMs: 500 });
      expect(server.dump()).toEqual(before);
      await server.clock.advance(5_000);
      expect(textOf((await client.get("/e")).value)).toBe("1");
      expect(client.stats()).toMatchObject({ sessions: 1, reconnects: 1 });
    });
  }
}

async function follow(client: Client, path: string): Promise<SubscriptionEvent<Uint8Array | null>["kind"][]> {
  const kinds: SubscriptionEvent<Uint8Array | null>["kind"][] = [];
  const subscription = await client.subscribe(path);
  void (async () => {
    for await (const event of subscription) kinds.push(event.kind);
  })().catch((error: unknown) => {
    if (!isCorralError(error, "CLOSED")) throw error;
  });
  return kinds;
}

for (const crash of [false, true]) {
  test(`a subscription goes on over a ${crash ? "crash" : "restart"} without a resync`, async () => {
    await using server = await startTestServer({ log: "file" });
    const [client, other] = [await server.connect(), await server.connect()];
    await client.create("/s");
    const kinds = await follow(client, "/s");
    await server.clock.runUntilIdle();
    const partition = server.faults.partition(client);
    await other.create("/s/a");
    await server.faults.restart({ crash });
    partition.end();
    await server.clock.advance(10_000);
    await other.create("/s/b");
    await server.clock.runUntilIdle();
    expect(kinds).toEqual(["entry", "synced", "created", "synced", "created"]);
  });
}

test("a subscription of a quiet subtree goes on after a cut without being sent anew, whatever was written elsewhere", async () => {
  await using server = await startTestServer({ history: { historyEntries: 5_000, historyBytes: 10_000_000 } });
  const [client, other] = [await server.connect(), await server.connect()];
  await other.create("/app");
  for (let i = 0; i < 500; i++) await other.create(`/app/${i}`);
  const kinds = await follow(client, "/app");
  await server.clock.runUntilIdle();
  expect(kinds).toHaveLength(502);
  const received: number[] = [];
  await other.create("/busy");
  for (const writes of [500, 5_000]) {
    for (let i = 0; i < writes; i++) await other.create(`/busy/${writes}-${i}`);
    const before = client.stats().bytesIn;
    server.faults.cut(client);
    await server.clock.advance(10_000);
    received.push(client.stats().bytesIn - before);
  }
  expect(kinds.filter((kind) => kind === "resync" || kind === "entry")).toHaveLength(501);
  for (const bytes of received) expect(bytes).toBeLessThan(200);
});

test("with a forgotten history a subscription says resync and begins anew", async () => {
  await using server = await startTestServer();
  const [client, other] = [await server.connect(), await server.connect()];
  await client.create("/s");
  const kinds = await follow(client, "/s");
  await server.clock.runUntilIdle();
  const partition = server.faults.partition(client);
  server.faults.cut(client);
  await other.create("/s/a");
  server.faults.forgetHistory();
  partition.end();
  await server.clock.advance(10_000);
  expect(kinds).toEqual(["entry", "synced", "resync", "entry", "entry", "synced"]);
});

test("a full disk refuses writes by name and serves reads; room makes it well again", async () => {
  await using server = await startTestServer({
    log: "file",
    fileLimits: { softMarkBytes: 1 << 20, reserveBytes: 4 << 20 },
  });
  const client = await server.connect();
  await client.create("/a");
  await server.clock.advance(2_000);
  server.faults.disk.leave(100_000);
  await server.clock.advance(2_000);
  expect(await client.exists("/a")).toBe(true);
  const writing = failure(client.create("/b", null, { timeoutMs: 3_000 }));
  await server.clock.advance(3_100);
  expect((await writing).code).toMatch(/TIMEOUT|OVERLOADED/);
  server.faults.disk.leave(Number.POSITIVE_INFINITY);
  await server.clock.advance(10_000);
  expect((await client.create("/c")).path).toBe("/c");
});

test("requests are counted by operation, path and session", async () => {
  await using server = await startTestServer();
  const [first, second] = [await server.connect(), await server.connect()];
  await first.create("/a");
  await Promise.all([first.exists("/a"), second.exists("/a"), second.exists("/b")]);
  expect(server.requests({ op: "exists", path: "/a" }).map(({ session }) => session)).toEqual([
    first.session!.id,
    second.session!.id,
  ]);
  expect(server.requests({ op: "exists" })).toHaveLength(3);
});

test("when every client is closed nothing is left behind", async () => {
  await using server = await startTestServer();
  const client = await server.connect();
  await client.create("/e", null, { lifetime: "ephemeral" });
  await client.exists("/e", { watch: () => {} });
  await client.subscribe("/");
  expect(server.leaks()).toMatchObject({
    clients: 1,
    connections: 1,
    sessions: 1,
    ephemerals: 1,
    watches: 1,
    subscriptions: 1,
  });
  await client.close();
  await server.clock.runUntilIdle();
  expect(server.leaks()).toEqual({
    clients: 0,
    connections: 0,
    sessions: 0,
    ephemerals: 0,
    watches: 0,
    subscriptions: 0,
    waiting: 0,
    timers: 0,
  });
});

test("a disk that fails stops the server; started again, it has what was acknowledged", async () => {
  const fatal: string[] = [];
  await using server = await startTestServer({ log: "file", onFatal: (error) => fatal.push(error.message) });
  const client = await server.connect();
  await client.create("/a");
  server.faults.disk.failNext("sync");
  const writing = client.create("/b");
  await server.clock.advance(100);
  expect(fatal).toHaveLength(1);
  await server.faults.restart({ crash: true });
  await server.clock.advance(5_000);
  await writing;
  expect(server.dump().map(({ path }) => path)).toEqual(expect.arrayContaining(["/a", "/b"]));
});

test("a test acts at a certain request of a certain client", async () => {
  await using server = await startTestServer();
  const [first, second] = [await server.connect(), await server.connect()];
  const fault = server.faults.at({ op: "create", client: 2, nth: 2 }, () => server.faults.cut(second));
  await first.create("/a");
  await first.create("/b");
  await second.create("/c");
  expect(fault.hits).toBe(0);
  const creating = second.create("/d");
  await server.clock.advance(1_000);
  await creating;
  expect(fault.hits).toBe(1);
  expect(first.stats().reconnects).toBe(0);
  expect(second.stats().reconnects).toBe(1);
});

test("a call whose own making ends the session, by whose end its signal is aborted, rejects", async () => {
  await using server = await startTestServer();
  const client = await server.connect({ session: { timeoutMs: 6_000 } });
  const over = new AbortController();
  client.session!.signal.addEventListener("abort", () => over.abort());
  server.faults.partition(client);
  server.faults.jumpClock(client, 60_000);
  const error = failure(client.get("/", { signal: over.signal, timeoutMs: Infinity }));
  expect(over.signal.aborted).toBe(true);
  expect((await error).code).toBe("ABORTED");
});

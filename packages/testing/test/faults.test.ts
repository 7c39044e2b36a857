/** Each fault does what it says, and nothing else. */
import { type Client, isCorralError } from "@corral/client";
import { expect, test } from "vitest";
import { startTestServer } from "../src/index.ts";
import { bytes, failure, textAt } from "./feature-words.ts";

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
      expect(await textAt(client, "/e")).toBe("1");
      expect(client.stats()).toMatchObject({ sessions: 1, reconnects: 1 });
    });
  }
}

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

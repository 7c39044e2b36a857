/** The server that tests start: its time, its chance, and what it says of what was asked and what is left. */
import { expect, test } from "vitest";
import { startTestServer } from "../src/index.ts";
import { bytes, failure, textAt } from "./feature-words.ts";

for (const log of ["memory", "file"] as const) {
  test(`a client writes and reads at once, without the clock being moved (${log} log)`, async () => {
    await using server = await startTestServer({ log });
    const client = await server.connect();
    await client.create("/a", bytes("x"));
    expect(await textAt(client, "/a")).toBe("x");
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

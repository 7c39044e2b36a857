/** Sessions and consistency, as a user meets them: docs/features.md, rows 53 to 68 and the wishes about them. */
import type { CorralError } from "@corral/client";
import { describe, expect, test } from "vitest";
import { startTestServer } from "../src/index.ts";
import { bytes, failure, hasPath, put, take } from "./feature-words.ts";

describe("a session", () => {
  test("has a timeout that the server agrees to, within its bounds", async () => {
    await using server = await startTestServer({ limits: { sessionTimeoutMsMin: 2_000, sessionTimeoutMsMax: 60_000 } });
    const given = async (timeoutMs: number): Promise<number> =>
      (await server.connect({ session: { timeoutMs } })).session!.timeoutMs;
    expect([await given(1), await given(10_000), await given(3_600_000)]).toEqual([2_000, 10_000, 60_000]);
  });

  test("outlives its connection, and moves to another one with its ephemerals and what was asked", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    const { id } = client.session!;
    await client.create("/e", null, { lifetime: "ephemeral" });
    server.faults.cut(client);
    const asked = client.create("/asked");
    await server.clock.advance(10_000);
    await asked;
    expect(client.session!.id).toBe(id);
    expect(server.leaks()).toMatchObject({ sessions: 1, connections: 1, ephemerals: 1 });
  });

  test("that expires takes all its ephemerals along, in one transaction", async () => {
    await using server = await startTestServer();
    const [owner, other] = [await server.connect({ session: { timeoutMs: 4_000 } }), await server.connect()];
    await owner.create("/p");
    for (const path of ["/a", "/p/b", "/c"]) await owner.create(path, null, { lifetime: "ephemeral" });
    const watch = await other.addWatch("/", { recursive: true });
    using _partition = server.faults.partition(owner);
    await server.clock.advance(10_000);
    const events = await take(watch, 3);
    expect(events.map(({ kind, path }) => `${kind} ${path}`)).toEqual(["deleted /a", "deleted /p/b", "deleted /c"]);
    expect(new Set(events.map(({ zxid }) => zxid)).size).toBe(1);
  });

  test("that is closed is over at once, whatever its timeout", async () => {
    await using server = await startTestServer();
    const client = await server.connect({ session: { timeoutMs: 600_000 } });
    await client.create("/e", null, { lifetime: "ephemeral" });
    const before = server.clock.now;
    await client.close();
    expect(hasPath(server.dump(), "/e")).toBe(false);
    expect(server.leaks().sessions).toBe(0);
    expect(server.clock.now).toBe(before);
  });

  test("tells the program its states, and why it ended", async () => {
    await using server = await startTestServer();
    const client = await server.connect({ session: { timeoutMs: 4_000 } });
    const { signal } = client.session!;
    const states: string[] = [];
    client.on("state", (state) => states.push("by" in state ? `${state.name} by ${state.by}` : state.name));
    server.faults.cut(client);
    await server.clock.advance(3_000);
    expect(states).toEqual(["suspended", "connected"]);
    states.length = 0;
    await server.faults.expire(client);
    await server.clock.advance(5_000);
    expect(states).toEqual(["expired by server", "connecting", "connected"]);
    expect((signal.reason as CorralError).code).toBe("SESSION_EXPIRED");
    states.length = 0;
    using _partition = server.faults.partition(client);
    await server.clock.advance(5_000);
    expect(states.slice(0, 2)).toEqual(["suspended", "expired by local-deadline"]);
  });

  test("can be taken up by whoever has its id and its secret, and by nobody else", async () => {
    await using server = await startTestServer();
    const first = await server.connect();
    await first.create("/e", null, { lifetime: "ephemeral" });
    const left = await first.detach();
    const thief = await failure(
      server.connect({ session: { resume: { ...left, secret: new Uint8Array(16) }, onExpired: "close" } }),
    );
    expect(thief).toMatchObject({ code: "SESSION_EXPIRED" });
    const second = await server.connect({ session: { resume: left } });
    expect(second.session!.id).toBe(left.id);
    expect(await second.ephemerals()).toEqual(["/e"]);
    await second.set("/e", bytes("1"));
    await second.close();
    expect(hasPath(server.dump(), "/e")).toBe(false);
  });
});

describe("writes", () => {
  test("of all clients stand in one order, that of their zxids, which respects real time", async () => {
    await using server = await startTestServer({ latencyMs: 3 });
    const clients = await Promise.all(Array.from({ length: 8 }, () => server.connect()));
    await clients[0]!.create("/a");
    const writes = clients.map(async (client, n) => {
      const own: { called: number; answered: number; zxid: number; version: number }[] = [];
      for (let i = 0; i < 20; i++) {
        // Different numbers of reads in between, so that the clients do not march in step.
        for (let reads = 0; reads < (n * 7 + i * 3) % 4; reads++) await client.get("/a");
        const called = server.clock.now;
        const { mzxid: zxid, version } = await client.set("/a", bytes(`${n}`));
        own.push({ called, answered: server.clock.now, zxid, version });
      }
      return own;
    });
    const all = (await Promise.all(writes)).flat().toSorted((a, b) => a.zxid - b.zxid);
    expect(
      all.map(({ version }) => version),
      "each saw those before it, and no other",
    ).toEqual(Array.from({ length: 160 }, (_, i) => i + 1));
    expect(new Set(all.map(({ zxid }) => zxid)).size).toBe(160);
    let latestCall = 0;
    for (const { called, answered } of all) {
      expect(answered, "none was answered before an earlier one in the order was even called").toBeGreaterThanOrEqual(
        latestCall,
      );
      latestCall = Math.max(latestCall, called);
    }
  });

  test("are known to have happened or not, however the connection breaks: a sequence has one znode for each call", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    await client.create("/q");
    const paths: string[] = [];
    for (let i = 0; i < 20; i++) {
      const faults = [server.faults.dropReply({ op: "create" }), server.faults.dropRequest({ op: "create", nth: 3 })];
      const creating = client.create("/q/n-", null, { sequential: true });
      await server.clock.advance(10_000);
      paths.push((await creating).path);
      for (const fault of faults) fault.end();
    }
    expect((await client.children("/q")).map((name) => `/q/${name}`)).toEqual(paths);
    expect(paths).toHaveLength(20);
    expect(server.requests({ op: "create" }).length).toBeGreaterThan(30);
  });

  test("whose session ended unanswered reject with OUTCOME_UNKNOWN, never with a guess", async () => {
    await using server = await startTestServer();
    const client = await server.connect({ session: { timeoutMs: 4_000 } });
    const partition = server.faults.partition(client, { oneWay: "from-server" });
    const writing = failure(client.create("/a"));
    await server.clock.advance(5_000);
    partition.end();
    expect(await writing).toMatchObject({ code: "OUTCOME_UNKNOWN", outcome: "unknown" });
  });
});

describe("reads", () => {
  test("never go back in time, over cuts, restarts and crashes", async () => {
    await using server = await startTestServer({ log: "file" });
    const [reader, writer] = [await server.connect(), await server.connect()];
    await writer.create("/a", bytes("0"));
    let newest = 0;
    for (let i = 0; i < 20; i++) {
      const writing = writer.set("/a", bytes(`${i}`));
      if (i % 3 === 0) server.faults.cut(reader);
      if (i % 5 === 0) await server.faults.restart({ crash: i % 2 === 0 });
      const reading = reader.get("/a");
      await server.clock.advance(5_000);
      await writing;
      const { stat } = await reading;
      expect(stat.version).toBeGreaterThanOrEqual(newest);
      newest = stat.version;
    }
    expect((await reader.get("/a", { consistency: "linearizable" })).stat.version).toBe(20);
  });
});

test("a lease of time to live needs no connection to be kept: whoever touches the znode prolongs it", async () => {
  await using server = await startTestServer();
  const first = await server.connect();
  await first.create("/lease", null, { lifetime: { ttlMs: 10_000 } });
  await first.close();
  await server.clock.advance(9_000);
  const second = await server.connect();
  await put(second, "/other", "");
  await second.set("/lease", null);
  await second.close();
  await server.clock.advance(9_000);
  expect(hasPath(server.dump(), "/lease")).toBe(true);
  await server.clock.advance(2_000);
  expect(hasPath(server.dump(), "/lease")).toBe(false);
});

test("a client states which cluster it means, and is refused by another one", async () => {
  await using one = await startTestServer({ seed: 1 });
  await using other = await startTestServer({ seed: 2 });
  // Its history is the longer one: it is not for being behind that it refuses.
  await other.faults.restart();
  await (await other.connect()).create("/a");
  const left = await (await one.connect()).detach();
  const refused = await failure(other.connect({ session: { resume: left, onExpired: "close" }, timeoutMs: 5_000 }));
  expect(refused).toMatchObject({ code: "SERVER_WENT_BACK" });
  expect(other.leaks().sessions).toBe(1);
  const back = await one.connect({ session: { resume: left } });
  expect(back.session!.id).toBe(left.id);
});

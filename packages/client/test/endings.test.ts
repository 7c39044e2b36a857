import { Op } from "@corral/protocol";
import { getEventListeners } from "node:events";
import { describe, expect, test } from "vitest";
import { agreeable, connectHarness, errorOf, openHarness, rejection, standing } from "./harness.ts";
import { settled } from "./virtual-clock.ts";

describe("aborting", () => {
  test("a call that was not sent is taken back: outcome no, and nothing leaves", async () => {
    const { client, server, clock } = openHarness();
    const abort = new AbortController();
    const write = client.set("/a", null, { signal: abort.signal });
    abort.abort(new Error("enough"));
    expect(await errorOf(write)).toMatchObject({
      code: "ABORTED",
      name: "AbortError",
      outcome: "no",
      cause: abort.signal.reason,
    });
    await clock.advance(100);
    expect(server.last.requests).toEqual([]);
    expect(client.stats().queued).toBe(0);
  });

  test("a write that was sent rejects with outcome unknown, a read with no", async () => {
    const { client } = await connectHarness();
    const abort = new AbortController();
    const write = rejection(client.set("/a", null, { signal: abort.signal }));
    const reading = rejection(client.get("/a", { signal: abort.signal }));
    await settled();
    abort.abort();
    expect(await write).toMatchObject({ code: "ABORTED", outcome: "unknown" });
    expect(await reading).toMatchObject({ code: "ABORTED", outcome: "no" });
  });

  test("its number stays outstanding until it is answered, so that acked stays right", async () => {
    const { client, clock, server } = await connectHarness();
    const abort = new AbortController();
    const write = client.set("/a", null, { signal: abort.signal });
    const other = client.set("/b", null);
    await settled();
    abort.abort();
    await rejection(write);
    expect(client.stats().inFlight).toBe(2);
    server.last.cut();
    server.answer = agreeable;
    await clock.advance(1_000);
    await other;
    expect(server.last.hello?.session).toMatchObject({ acked: 0 });
    expect(server.last.requests.map(({ xid }) => xid)).toEqual([1, 2]);
    await client.sync();
    expect(server.last.signals).toContainEqual({ xid: 0, op: Op.ack, acked: 2 });
  });

  test("a signal that is aborted already sends nothing", async () => {
    const { client, server } = await connectHarness();
    expect(await errorOf(client.set("/a", null, { signal: AbortSignal.abort() }))).toMatchObject({
      code: "ABORTED",
      outcome: "no",
    });
    expect(server.last.requests).toEqual([]);
  });

  test("ten thousand calls that share a signal put one listener on it, and none when they are done", async () => {
    const { client, server } = await connectHarness({ queue: { calls: 20_000 } });
    const { signal } = new AbortController();
    const calls = Array.from({ length: 10_000 }, () => client.sync("/", { signal }));
    await settled();
    expect(getEventListeners(signal, "abort").length).toBe(1);
    server.answer = agreeable;
    for (const { xid } of [...server.last.requests]) server.last.reply(xid);
    await Promise.all(calls);
    expect(getEventListeners(signal, "abort").length).toBe(0);
  });
});

describe("time limits", () => {
  test("every call ends with TIMEOUT at its time, whatever the server does", async () => {
    const { client, clock, server } = openHarness({ timeoutMs: 1_000 });
    server.door = "hang";
    const calls: Promise<unknown>[] = [
      client.ready(),
      client.create("/a"),
      client.get("/a"),
      client.find("/a"),
      client.stat("/a"),
      client.exists("/a"),
      client.set("/a", null),
      client.update("/a", () => null),
      client.delete("/a"),
      client.delete("/a", { recursive: true }),
      client.children("/"),
      client.list("/").next(),
      client.getAcl("/"),
      client.setAcl("/", []),
      client.multi([]),
      client.multiEach([]),
      client.multiRead([]),
      client.sync(),
      client.ephemerals(),
      client.countDescendants("/"),
      client.whoAmI(),
      client.addAuth("digest", "a:b"),
      client.nextEvent("/a"),
      client.addWatch("/a"),
      client.removeWatches("/a"),
      client.hasWatch("/a"),
      client.subscribe("/a"),
      client.readTree("/a"),
      client.cache("/a"),
    ];
    const errors = Promise.all(calls.map(rejection));
    let isOver = false;
    void errors.then(() => {
      isOver = true;
    });
    await clock.advance(999);
    expect(isOver).toBe(false);
    await clock.advance(1);
    for (const error of await errors)
      expect(error).toMatchObject({ code: "TIMEOUT", name: "TimeoutError", outcome: "no" });
    expect(client.stats()).toMatchObject({ queued: 0, watches: 0, subscriptions: 0 });
    await client.close();
    expect(clock.pendingTimers).toBe(0);
  });

  test("a write that was sent times out with outcome unknown; the answer that comes later harms nothing", async () => {
    const { client, clock, server } = await connectHarness();
    const write = rejection(client.set("/a", null, { timeoutMs: 500 }));
    await clock.advance(500);
    expect(await write).toMatchObject({ code: "TIMEOUT", outcome: "unknown", op: "set", path: "/a" });
    server.last.reply(1, []);
    await settled();
    expect(client.stats().inFlight).toBe(0);
  });

  test("the limit is for the whole call: each step of an update has what is left", async () => {
    const { client, clock, server } = await connectHarness();
    const updating = rejection(client.update("/a", () => null, { timeoutMs: 1_000 }));
    await clock.advance(600);
    server.last.reply(1, null, [1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 1]);
    await clock.advance(399);
    expect(await standing(updating)).toBe("pending");
    await clock.advance(1);
    expect(await updating).toMatchObject({ code: "TIMEOUT", outcome: "unknown" });
  });

  test("connect gives up at its time, with the reason why there is no connection", async () => {
    const { client, clock, server } = openHarness({ timeoutMs: 2_000 });
    server.door = "refuse";
    const ready = rejection(client.ready());
    await clock.advance(2_000);
    expect(await ready).toMatchObject({ code: "TIMEOUT", cause: { code: "SUSPENDED" } });
  });
});

describe("a write refused for overload", () => {
  test("is sent again by the client, with its number, before any later write; reads go on", async () => {
    const { client, clock, server } = await connectHarness();
    let overloaded = true;
    server.answer = (request) => {
      if (request.op === Op.set && overloaded) return { code: "OVERLOADED", detail: { name: "disk" } };
      return agreeable(request);
    };
    const first = client.set("/a", null);
    const second = client.set("/b", null);
    await settled();
    const third = client.set("/c", null);
    await client.get("/a");
    expect(server.last.requests.map(({ xid }) => xid)).toEqual([1, 2, 3]);
    overloaded = false;
    await clock.advance(10_000);
    await Promise.all([first, second, third]);
    expect(server.last.requests.map((request) => `${request.xid} ${"path" in request ? request.path : ""}`)).toEqual([
      "1 /a",
      "2 /b",
      "3 /a",
      "1 /a",
      "2 /b",
      "4 /c",
    ]);
  });

  test("ends with OVERLOADED and outcome no at its time, and a check that changes nothing takes its number", async () => {
    const { client, clock, server } = await connectHarness();
    let overloaded = true;
    server.answer = (request) =>
      request.op === Op.set && overloaded ? { code: "OVERLOADED", detail: { name: "disk" } } : agreeable(request);
    const write = rejection(client.set("/a", new Uint8Array(9), { timeoutMs: 400 }));
    const later = client.create("/later");
    await clock.advance(400);
    expect(await write).toMatchObject({ code: "OVERLOADED", outcome: "no", limitName: "disk", retryable: true });
    overloaded = false;
    await clock.advance(10_000);
    await later;
    const firsts = server.last.requests.filter(({ xid }) => xid === 1);
    expect(firsts[0]?.op).toBe(Op.set);
    expect(firsts.at(-1)).toMatchObject({ op: Op.multi, ops: [{ op: Op.check, path: "/", value: -1 }] });
    const lastSet = server.last.requests.findLastIndex(({ op }) => op === Op.set);
    expect(server.last.requests.slice(lastSet + 1).map(({ op }) => op)).not.toContain(Op.set);
  });

  test("whose earlier sending may have been applied keeps its content, and its outcome is unknown", async () => {
    const { client, clock, server } = await connectHarness();
    const write = rejection(client.set("/a", null, { timeoutMs: 3_000 }));
    await settled();
    server.last.cut();
    server.answer = () => ({ code: "OVERLOADED" });
    await clock.advance(3_000);
    expect(await write).toMatchObject({ outcome: "unknown" });
    server.answer = agreeable;
    await clock.advance(10_000);
    expect(new Set(server.connections.flatMap(({ requests }) => requests.map(({ op }) => op)))).toEqual(
      new Set([Op.set]),
    );
    expect(client.stats().inFlight).toBe(0);
  });

  test("a draining server's refusals are sent again on the next connection", async () => {
    const { client, clock, server } = await connectHarness();
    server.answer = (request, connection) => {
      if (connection !== server.connections[0]) return agreeable(request);
      queueMicrotask(() => {
        connection.cut(1001);
      });
      return { code: "DRAINING" };
    };
    const write = client.set("/a", null);
    const reading = client.get("/a");
    await clock.advance(10_000);
    await Promise.all([write, reading]);
    expect(server.last.requests.map(({ xid }) => xid)).toEqual([1, 2]);
  });
});

describe("a full send buffer", () => {
  test("holds requests back until it has emptied", async () => {
    const { client, clock, server } = await connectHarness();
    server.answer = agreeable;
    server.bufferedBytes = 9 * 1024 * 1024;
    const call = client.sync();
    await clock.advance(100);
    expect(server.last.requests).toEqual([]);
    server.bufferedBytes = 0;
    await clock.advance(5);
    await call;
  });
});

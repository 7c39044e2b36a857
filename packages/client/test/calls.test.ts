import { Op } from "@corral/protocol";
import { describe, expect, test } from "vitest";
import { json, op, text } from "../src/node/index.ts";
import { statFields } from "./fake-server.ts";
import { agreeable, connectHarness, errorOf, openHarness, standing } from "./harness.ts";

describe("calls", () => {
  test("requests of one turn leave as one frame, numbered from 1", async () => {
    const { client, server } = await connectHarness();
    void client.set("/a", null);
    void client.get("/a");
    void client.children("/");
    await standing(Promise.resolve());
    expect(server.last.frames).toHaveLength(2);
    expect(server.last.requests.map(({ xid, op: number }) => [xid, number])).toEqual([
      [1, Op.set],
      [2, Op.get],
      [3, Op.children],
    ]);
  });

  test("a value goes through its codec both ways", async () => {
    const { client, server } = await connectHarness();
    let stored: Uint8Array | null = null;
    server.answer = (request) => {
      if (request.op === Op.set) stored = request.data === null ? null : request.data.slice();
      return request.op === Op.get ? [stored, statFields(5)] : agreeable(request);
    };
    const codec = json<{ n: number }>();
    await client.set("/a", { n: 7 }, { codec });
    expect((await client.get("/a", { codec })).value).toEqual({ n: 7 });
    await client.set("/a", null);
    expect((await client.get("/a")).value).toBeNull();
    expect((await client.get("/a", { codec: text })).value).toBe("");
    expect(await errorOf(client.get("/a", { codec }))).toMatchObject({ code: "CODEC", path: "/a" });
  });

  test("data is taken as it is when the call is made, whatever becomes of the array, and however many there are", async () => {
    const { client, server } = await connectHarness();
    const lengths = [0, 1, 2_048, 2_049, ...Array.from({ length: 40 }, (_, i) => i * 50)];
    const data = new Uint8Array(4_096);
    for (const [i, length] of lengths.entries()) void client.set("/a", data.subarray(0, length).fill(i));
    data.fill(255);
    await standing(Promise.resolve());
    expect(server.last.requests.map((request) => (request.op === Op.set ? request.data : undefined))).toEqual(
      lengths.map((length, i) => new Uint8Array(length).fill(i)),
    );
  });

  test("what is no access control list is refused before anything is sent, whoever would be asked", async () => {
    const { client, server } = await connectHarness();
    const entries = [null, {}, { scheme: "world", id: "anyone" }, { scheme: "world", permissions: 31 }];
    for (const acl of ["world:anyone:r", ...entries.map((entry) => [entry])] as never[]) {
      const refused = { code: "BAD_ARGUMENTS", outcome: "no", limitName: "acl" };
      expect(await errorOf(client.setAcl("/a", acl))).toMatchObject(refused);
      expect(await errorOf(client.create("/a", null, { acl }))).toMatchObject(refused);
      expect(await errorOf(client.multi([op.setAcl("/a", acl)]))).toMatchObject(refused);
    }
    expect(server.last.requests).toEqual([]);
    expect(client.state.name).toBe("connected");
  });

  test("find and stat answer undefined for what does not exist, get rejects with NO_NODE and the path", async () => {
    const { client, server } = await connectHarness();
    server.answer = () => ({ code: "NO_NODE", detail: { path: "/a" } });
    expect(await client.find("/a")).toBeUndefined();
    expect(await client.stat("/a")).toBeUndefined();
    expect(await client.exists("/a")).toBe(false);
    expect(await errorOf(client.get("/a"))).toMatchObject({ code: "NO_NODE", path: "/a", outcome: "no", op: "get" });
  });

  test("multi gives a typed tuple; a refusal has the index of the operation, also behind the checks of zxids", async () => {
    const { client, server } = await connectHarness();
    server.answer = (request) => {
      if (request.op !== Op.multi) return [];
      return request.ops.length === 4
        ? [[["/a", statFields(9)], [], [statFields(10)], []]]
        : { code: "NOT_EMPTY", detail: { index: 1, path: "/b" } };
    };
    const [created, set, nothing] = await client.multi([
      op.create("/a", "x", { codec: text }),
      op.set("/b", null, { ifMatch: { mzxid: 4 } }),
      op.delete("/c"),
    ]);
    expect(created).toEqual({ path: "/a", stat: expect.objectContaining({ czxid: 9 }) as unknown });
    expect(set.mzxid).toBe(10);
    expect(nothing).toBeUndefined();
    const refused = await errorOf(client.multi([op.delete("/b", { ifMatch: { czxid: 1 } })]));
    expect(refused).toMatchObject({ code: "NOT_EMPTY", index: 0, path: "/b" });
  });

  test("update writes again with the state that outran it, and gives up for good on another error", async () => {
    const { client, clock, server } = await connectHarness();
    let version = 0;
    server.answer = (request) => {
      if (request.op === Op.get) return [new Uint8Array([version]), statFields(100 + version, version)];
      if (request.op !== Op.set) return [];
      return version++ < 2 ? { code: "GUARD_FAILED", detail: { index: 0, path: "/n" } } : [statFields(200)];
    };
    const seen: number[] = [];
    const updated = client.update("/n", (now) => {
      seen.push(now?.value?.[0] ?? -1);
      return new Uint8Array([1]);
    });
    await clock.advance(100);
    await updated;
    expect(seen).toEqual([0, 1, 2]);
    server.answer = (request) => (request.op === Op.get ? agreeable(request) : { code: "NO_AUTH" });
    expect(await errorOf(client.update("/n", () => null))).toMatchObject({ code: "NO_AUTH" });
  });

  test("a path that is no path is refused before it is sent", async () => {
    const { client, server } = await connectHarness();
    for (const path of ["", "a", "/a/", "/a//b", "/a/../b"]) {
      expect(await errorOf(client.get(path))).toMatchObject({ code: "BAD_ARGUMENTS", outcome: "no" });
    }
    expect(server.last.requests).toEqual([]);
  });

  test("a request over the server's limit is refused for itself alone, and the connection stays", async () => {
    const { client, server } = await connectHarness();
    server.answer = agreeable;
    const big = client.set("/a", new Uint8Array(2 * 1024 * 1024));
    const small = client.set("/b", null);
    expect(await errorOf(big)).toMatchObject({ code: "LIMIT_EXCEEDED", limitName: "requestBytes", outcome: "no" });
    expect(await standing(small)).toHaveProperty("value");
    expect(server.connections).toHaveLength(1);
    expect(server.last.requests.map(({ xid }) => xid)).toEqual([1]);
  });

  test("no more than inFlight requests are outstanding; the rest follows as replies come", async () => {
    const { client, server } = await connectHarness({}, undefined);
    server.limits = { ...server.limits, inFlight: 2 };
    server.last.cut();
    await standing(Promise.resolve());
    const fresh = await connectHarness({}, server);
    const calls = Array.from({ length: 5 }, () => fresh.client.sync());
    await standing(Promise.resolve());
    expect(server.last.requests).toHaveLength(2);
    server.last.reply(1);
    await standing(Promise.resolve());
    expect(server.last.requests).toHaveLength(3);
    server.answer = agreeable;
    server.last.reply(2);
    server.last.reply(3);
    await Promise.all(calls);
    await client.close({ timeoutMs: 0 });
  });

  test("a frame never exceeds the server's frameBytes", async () => {
    const { client, server } = await connectHarness();
    server.limits = { ...server.limits, frameBytes: 4_096, requestBytes: 2_048 };
    const fresh = await connectHarness({}, server);
    server.answer = agreeable;
    await Promise.all(Array.from({ length: 40 }, (_, i) => fresh.client.set(`/n${i}`, new Uint8Array(500))));
    expect(Math.max(...server.last.frames.map(({ length }) => length))).toBeLessThanOrEqual(4_096);
    expect(server.last.frames.length).toBeGreaterThan(5);
    await client.close({ timeoutMs: 0 });
  });
});

describe("the queue", () => {
  test("is bounded by calls: one more is refused with the name of the limit", async () => {
    const { client } = openHarness({ queue: { calls: 2 }, servers: ["ws://a"] });
    const first = [client.sync(), client.sync()];
    expect(await errorOf(client.sync())).toMatchObject({
      code: "OVERLOADED",
      limitName: "queueCalls",
      limit: 2,
      outcome: "no",
    });
    void first.map((call) => call.catch(() => {}));
  });

  test("is bounded by bytes", async () => {
    const { client, server } = openHarness({ queue: { bytes: 10_000 } });
    server.door = "hang";
    const error = await errorOf(client.set("/a", new Uint8Array(20_000)));
    expect(error).toMatchObject({ code: "OVERLOADED", limitName: "queueBytes", outcome: "no" });
  });

  test("refuses with SUSPENDED while down, if asked to", async () => {
    const { client, server } = await connectHarness({ queue: { whileDown: "reject" } });
    server.door = "hang";
    server.last.cut();
    await standing(Promise.resolve());
    expect(await errorOf(client.set("/a", null))).toMatchObject({ code: "SUSPENDED", outcome: "no" });
  });
});

/** What is put into a queue: once, within the bounds, and as it was. */
import { raw, text } from "@corral/client";
import { startTestServer } from "@corral/testing";
import { describe, expect, test } from "vitest";
import { queue } from "../src/queue.ts";
import { eventually } from "./faults/stage.ts";
import { left, mail, PATH } from "./queueing.ts";

describe("putting", () => {
  test("a put whose reply is lost has put one job", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    server.faults.dropReply({ op: "multi" });
    const { isNew } = await eventually(server, mail(client).put("x"));
    expect(isNew).toBe(true);
    expect(await mail(client).depth()).toBe(1);
  });

  test("the same id is one job while it is in the queue: waiting, in work, delayed, whatever its priority", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    const own = mail(client);
    const id = "an/odd id. \u00fc \u0001";
    expect(await own.put("first", { id })).toEqual({ id, isNew: true });
    expect(await own.put("second", { id, priority: 1 })).toEqual({ id, isNew: false });
    const job = await own.takeOne();
    expect(job).toMatchObject({ id, value: "first" });
    expect(await own.put("third", { id })).toEqual({ id, isNew: false });
    await job.nack({ delayMs: 60_000 });
    expect(await own.put("fourth", { id })).toEqual({ id, isNew: false });
    expect(await own.depth()).toBe(1);
    await server.clock.advance(61_000);
    await (await own.takeOne()).ack();
    expect(await own.put("fifth", { id })).toEqual({ id, isNew: true });
  });

  test("the server decides about an id: of many that put it at once, one has put it", async () => {
    await using server = await startTestServer();
    const clients = await Promise.all(Array.from({ length: 5 }, () => server.connect()));
    const puts = await Promise.all(clients.map((client, i) => mail(client).put(`${i}`, { id: "x", priority: i })));
    expect(puts.filter(({ isNew }) => isNew)).toHaveLength(1);
    expect(await mail(clients[0]!).depth()).toBe(1);
  });

  test("an id is known for its window after its job was acknowledged, and then forgotten", async () => {
    await using server = await startTestServer();
    const own = mail(await server.connect());
    await own.put("x", { id: "1", dedupeMs: 60_000 });
    await server.clock.advance(100_000);
    await (await own.takeOne()).ack();
    await server.clock.advance(59_000);
    expect(await own.put("x", { id: "1", dedupeMs: 60_000 })).toMatchObject({ isNew: false });
    expect(left(server, "done")).toHaveLength(1);
    await server.clock.advance(2_000);
    expect(left(server, "done")).toHaveLength(0);
    expect(await own.put("x", { id: "1", dedupeMs: 60_000 })).toMatchObject({ isNew: true });
  });

  test("a put into a full queue is refused, and says how full it is; one that is there already is not", async () => {
    await using server = await startTestServer();
    const own = mail(await server.connect(), { depthMax: 2 });
    await own.put("a", { id: "a" });
    await own.put("b");
    await expect(own.put("c")).rejects.toMatchObject({
      code: "LIMIT_EXCEEDED",
      outcome: "no",
      retryable: true,
      path: PATH,
      limitName: "depthMax",
      limit: 2,
      actual: 2,
    });
    expect(await own.put("a", { id: "a" })).toMatchObject({ isNew: false });
    await (await own.takeOne()).ack();
    expect(await own.put("c")).toMatchObject({ isNew: true });
  });

  test("as many dead letters as jobs may be there stop the putting, so that neither grows without bound", async () => {
    await using server = await startTestServer();
    const own = mail(await server.connect(), { depthMax: 2, attemptsMax: 1 });
    for (const value of ["a", "b"]) {
      await own.put(value);
      await (await own.takeOne()).nack();
    }
    await expect(own.put("c")).rejects.toMatchObject({ code: "LIMIT_EXCEEDED", limitName: "deadLetters", actual: 2 });
    for await (const letter of own.dead.list()) await own.dead.discard(letter);
    await own.put("c");
  });

  test("a put happens only while its guards hold", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    const { stat } = await client.create("/leader");
    const guard = { path: "/leader", czxid: stat.czxid };
    await mail(client).put("a", { guard, id: "a" });
    await client.delete("/leader");
    await expect(mail(client).put("b", { guard, id: "b" })).rejects.toMatchObject({
      code: "GUARD_FAILED",
      path: "/leader",
    });
    expect(await mail(client).depth()).toBe(1);
  });

  test("every put settles: no server, no time, no session, no client", async () => {
    await using server = await startTestServer();
    const client = await server.connect({ session: { timeoutMs: 6_000 } });
    const own = mail(client);
    await own.put("first");
    const stop = new AbortController();
    const partition = server.faults.partition(client);
    const puts = [
      own.put("a", { timeoutMs: 1_000 }),
      own.put("b", { signal: stop.signal }),
      own.put("c", { timeoutMs: Infinity }),
    ].map((putting) =>
      putting.then(
        () => "put",
        (error: { code: string }) => error.code,
      ),
    );
    await server.clock.runUntilIdle();
    stop.abort();
    await server.clock.advance(20_000);
    expect(await Promise.all(puts)).toEqual(["TIMEOUT", "ABORTED", "SESSION_EXPIRED"]);
    partition.end();
    await server.clock.advance(10_000);
    await client.close();
    await expect(own.put("d")).rejects.toMatchObject({ code: "CLOSED" });
  });

  test("arguments that cannot be right are refused before anything is asked", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    const before = server.requests().length;
    for (const options of [
      { priority: 10 },
      { priority: 0.5 },
      { delayMs: -1 },
      { id: "x", dedupeMs: 2 ** 41 },
      { dedupeMs: 1 },
      { id: "x".repeat(513) },
      { id: "\ud800" },
    ])
      await expect(mail(client).put("x", options)).rejects.toMatchObject({ code: "BAD_ARGUMENTS" });
    const codec = {
      name: "never",
      encode: () => {
        throw new TypeError("no");
      },
      decode: () => "",
    };
    await expect(mail(client, { codec }).put("x")).rejects.toMatchObject({ code: "CODEC", limitName: "never" });
    for (const options of [
      { depthMax: 0 },
      { attemptsMax: 0 },
      { visibilityMs: 2 ** 31 },
      { identity: "x".repeat(1025) },
    ])
      expect(() => mail(client, options)).toThrow(expect.objectContaining({ code: "BAD_ARGUMENTS" }));
    expect(server.requests().length).toBe(before);
  });

  test("any value comes back as it was: none, an empty one, one that looks like the queue's own line, the largest", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    const own = queue(client, PATH, { codec: raw, depthMax: 100, attemptsMax: 100 });
    const bytes = new TextEncoder();
    const values = [
      null,
      new Uint8Array(),
      bytes.encode("\n"),
      bytes.encode('{"id":"x","priority":1,"attempts":3}\n{}'),
      new Uint8Array(16_385).fill(0x0a),
      // What is written about it may grow later: that room is kept.
      new Uint8Array(1024 * 1024 - 8_193).fill(7),
    ];
    for (const value of values) {
      await own.put(value, { id: "i".repeat(512) });
      for (let attempt = 1; attempt <= 11; attempt++) {
        const job = await own.takeOne();
        expect(job.attempt).toBe(attempt);
        expect(job.value).toEqual(value);
        if (attempt <= 10) await job.nack({ reason: "\u0001".repeat(1_000) });
        else await job.ack();
      }
    }
    await expect(own.put(new Uint8Array(1024 * 1024 - 8_192))).rejects.toMatchObject({
      code: "LIMIT_EXCEEDED",
      limitName: "valueBytes",
    });
  });

  test("a znode that somebody made by hand is a job", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    await client.create(`${PATH}/items/3/by-hand%`, "hello", { codec: text, parents: true });
    await client.create(`${PATH}/items/3/j-%`, '{"id":1}', { codec: text });
    const first = await mail(client).takeOne();
    expect(first).toMatchObject({ id: "by-hand%", value: "hello", priority: 3, attempt: 1 });
    expect(await mail(client).takeOne()).toMatchObject({ id: "j-%", value: '{"id":1}' });
    await first.nack();
    expect(await mail(client).takeOne()).toMatchObject({ id: "by-hand%", value: "hello", attempt: 2 });
  });
});

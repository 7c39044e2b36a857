import { type Client, json, op, raw, text } from "@corral/client";
import { startTestServer, type TestServer } from "@corral/testing";
import { describe, expect, test } from "vitest";
import type { DeadLetter } from "../src/queue/dead-letters.ts";
import { type Queue, queue } from "../src/queue.ts";
import type { QueueOptions } from "../src/queue/setup.ts";
import { eventually } from "./faults/stage.ts";

const PATH = "/queues/mail";

const mail = (client: Client, options: Partial<QueueOptions<string>> = {}): Queue<string> =>
  queue(client, PATH, { codec: text, depthMax: 10_000, ...options });

/** Children of a part of the queue, by name. */
const left = (server: TestServer, part: string): string[] =>
  server
    .dump()
    .map(({ path }) => path)
    .filter((path) => path.startsWith(`${PATH}/${part}/`))
    .map((path) => path.slice(PATH.length + part.length + 2))
    .filter((name) => part !== "items" || name.includes("/"));

/** What it rejects with; undefined if it does not. */
const errorOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

const gather = async <T>(from: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = [];
  for await (const one of from) all.push(one);
  return all;
};

/** Until the test is over. */
const waitFor = <T>(taking: Promise<T>, then: (job: T) => void = () => {}): void => {
  taking.then(then, ({ code }: { code: string }) => expect(["SESSION_EXPIRED", "CLOSED"]).toContain(code));
};

const nothingLeft = { items: [], claims: [], line: [] };
const rest = (server: TestServer): Record<string, string[]> => ({
  items: left(server, "items"),
  claims: left(server, "claims"),
  line: left(server, "line"),
});

describe("the queue", () => {
  test("a job that was put is taken, and is gone when it is acknowledged", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(), await server.connect()];
    const { id, isNew } = await mail(a).put("to ann");
    expect(isNew).toBe(true);
    expect(await mail(a).depth()).toBe(1);
    const job = await mail(b).takeOne();
    expect(job).toMatchObject({ id, value: "to ann", attempt: 1, priority: 5, isValid: true, name: PATH });
    expect(await mail(a).depth()).toBe(1);
    await job.ack();
    expect(job.isValid).toBe(false);
    expect(job.signal.reason).toMatchObject({ code: "CLOSED" });
    expect(await mail(a).depth()).toBe(0);
    expect(rest(server)).toEqual(nothingLeft);
  });

  test("jobs are taken by priority, and of one priority in the order in which they were put", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(), await server.connect()];
    await mail(a).put("5a");
    await mail(b).put("9", { priority: 9 });
    await mail(b).put("5b", { id: "an id" });
    await mail(a).put("0", { priority: 0 });
    await mail(a).put("5c", { priority: 5 });
    const taken: string[] = [];
    for (let i = 0; i < 5; i++) {
      const job = await mail(i % 2 === 0 ? a : b).takeOne();
      taken.push(job.value);
      await job.ack();
    }
    expect(taken).toEqual(["0", "5a", "5b", "5c", "9"]);
  });

  test("a take loop gives one job after the other until its signal is aborted", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    const stop = new AbortController();
    const taken: string[] = [];
    const working = (async () => {
      for await (const job of mail(client).take({ signal: stop.signal })) {
        taken.push(job.value);
        await job.ack();
      }
    })();
    for (const value of ["a", "b", "c"]) await mail(client).put(value);
    await server.clock.runUntilIdle();
    stop.abort();
    await eventually(server, working);
    await server.clock.runUntilIdle();
    expect(taken).toEqual(["a", "b", "c"]);
    expect(rest(server)).toEqual(nothingLeft);
    expect(server.leaks()).toMatchObject({ ephemerals: 0, watches: 0, waiting: 0 });
  });
});

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

describe("delay", () => {
  test("a delayed job comes when the server's clock says so, whatever the clocks of clients say", async () => {
    await using server = await startTestServer();
    const HOUR = 3_600_000;
    for (const [i, jumpMs] of [0, HOUR, -HOUR].entries()) {
      const [putter, taker] = [await server.connect(), await server.connect()];
      server.faults.jumpClock(putter, jumpMs);
      server.faults.jumpClock(taker, -jumpMs);
      // A clock that jumps ahead costs a session; the next one goes on.
      await server.clock.advance(40_000);
      const own = queue(putter, `/delayed/${i}`, { codec: text, depthMax: 10 });
      await own.put("later", { delayMs: 60_000 });
      const put = server.clock.now;
      let came: number | undefined;
      const taking = queue(taker, `/delayed/${i}`, { codec: text, depthMax: 10 }).takeOne();
      void taking.then(() => (came = server.clock.now));
      await server.clock.advance(59_900);
      expect(came).toBeUndefined();
      await server.clock.advance(400);
      expect(came! - put).toBeGreaterThanOrEqual(60_000);
      await (await taking).ack();
    }
  });

  test("delayed jobs stand in nobody's way, and take their place in the order when they are due", async () => {
    await using server = await startTestServer();
    const own = mail(await server.connect());
    await own.put("first", { delayMs: 10_000 });
    await own.put("second");
    await own.put("third");
    const second = await own.takeOne();
    expect(second.value).toBe("second");
    await server.clock.advance(11_000);
    expect((await own.takeOne()).value).toBe("first");
    expect((await own.takeOne()).value).toBe("third");
  });

  test("a delayed job is due also after the server was away", async () => {
    await using server = await startTestServer({ log: "file" });
    const own = mail(await server.connect());
    await own.put("later", { delayMs: 5_000 });
    await server.faults.restart({ crash: true, downMs: 1_000 });
    await server.clock.advance(6_000);
    expect((await eventually(server, own.takeOne())).value).toBe("later");
  });

  test("a job given back with a delay is not taken before", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(), await server.connect()];
    await mail(a).put("x");
    await (await mail(a).takeOne()).nack({ delayMs: 30_000, reason: "the printer is on fire" });
    const taking = mail(b).takeOne();
    let isTaken = false;
    void taking.then(() => (isTaken = true));
    await server.clock.advance(29_500);
    expect(isTaken).toBe(false);
    for await (const job of mail(a).list())
      expect(job).toMatchObject({ state: "delayed", attempts: 1, reason: "the printer is on fire", value: "x" });
    await server.clock.advance(1_000);
    expect(await taking).toMatchObject({ value: "x", attempt: 2 });
  });
});

describe("taking", () => {
  test("a put among 100 idle consumers wakes one of them, and an acknowledgement nobody", async () => {
    await using server = await startTestServer();
    const putter = await server.connect();
    const consumers = await Promise.all(Array.from({ length: 100 }, () => server.connect()));
    const taken: { i: number; value: string; ack: () => Promise<void> }[] = [];
    for (const [i, client] of consumers.entries()) {
      waitFor(mail(client).takeOne(), (job) => taken.push({ i, value: job.value, ack: () => job.ack() }));
      await server.clock.runUntilIdle();
    }
    const counted = (before: number): Map<number, number> => {
      const asked = new Map<number, number>();
      for (const { client } of server.requests().slice(before)) asked.set(client, (asked.get(client) ?? 0) + 1);
      return asked;
    };
    for (const i of [0, 1, 2]) {
      let before = server.requests().length;
      await mail(putter).put(`job ${i}`);
      await server.clock.runUntilIdle();
      expect(taken).toMatchObject({ length: i + 1, [i]: { i, value: `job ${i}` } });
      const asked = counted(before);
      // The putter, the one who took it, and the one who is first in the line now.
      expect([...asked.keys()].toSorted((a, b) => a - b)).toEqual([1, i + 2, i + 3]);
      expect(asked.get(i + 2)).toBeLessThanOrEqual(8);
      expect(asked.get(i + 3)).toBeLessThanOrEqual(8);
      before = server.requests().length;
      await taken[i]!.ack();
      await server.clock.runUntilIdle();
      expect([...counted(before)]).toEqual([[i + 2, 1]]);
    }
    expect(left(server, "line")).toHaveLength(97);
  });

  test("a job that is given back wakes one consumer", async () => {
    await using server = await startTestServer();
    const holder = await server.connect({ session: { timeoutMs: 6_000 } });
    await mail(holder).put("x");
    await mail(holder).takeOne();
    const consumers = await Promise.all(Array.from({ length: 20 }, () => server.connect()));
    const taken: number[] = [];
    for (const [i, client] of consumers.entries()) {
      waitFor(mail(client).takeOne(), () => taken.push(i));
      await server.clock.runUntilIdle();
    }
    const before = server.requests().length;
    await server.faults.expire(holder);
    await server.clock.advance(1_000);
    expect(taken).toEqual([0]);
    const asked = server
      .requests()
      .slice(before)
      .filter(({ client }) => client > 1);
    expect([...new Set(asked.map(({ client }) => client))]).toEqual([2, 3]);
  });

  test("to find the next of 10,000 jobs takes some names and the data of one", async () => {
    await using server = await startTestServer();
    const [putter, taker] = [await server.connect({ queue: { calls: 100_000 } }), await server.connect()];
    const own = mail(putter, { depthMax: 20_000 });
    const value = "x".repeat(500);
    for (let i = 0; i < 10; i++) {
      const puts = Array.from({ length: 1_000 }, (_, k) => own.put(`${1_000 * i + k} ${value}`));
      await eventually(server, Promise.all(puts));
    }
    const held = [];
    for (let i = 0; i < 20; i++) {
      const before = { bytes: taker.stats().bytesIn, requests: server.requests().length };
      const job = await mail(taker).takeOne();
      expect(job.value.split(" ")[0]).toBe(`${i}`);
      expect(taker.stats().bytesIn - before.bytes).toBeLessThan(5_000);
      // The first one makes the line.
      expect(server.requests().length - before.requests).toBeLessThanOrEqual(i === 0 ? 11 : 8);
      held.push(job);
    }
    expect(server.requests({ op: "get" })).toHaveLength(2 * 20);
    for (const job of held) await job.ack();
    expect(await own.depth()).toBe(9_980);
  }, 60_000);

  test("a take that is given up leaves nobody in the line, and takes nothing", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(), await server.connect()];
    const stop = new AbortController();
    const [first, second] = [mail(a).takeOne({ signal: stop.signal }), mail(b).takeOne({ timeoutMs: 1_000 })];
    const outcomes = [first, second].map((taking) =>
      taking.then(
        () => "taken",
        (error: { code: string }) => error.code,
      ),
    );
    await server.clock.runUntilIdle();
    stop.abort();
    await server.clock.advance(2_000);
    expect(await Promise.all(outcomes)).toEqual(["ABORTED", "TIMEOUT"]);
    expect(rest(server)).toEqual(nothingLeft);
    expect(server.leaks()).toMatchObject({ watches: 0, waiting: 0 });
    await mail(a).put("x");
    expect(await mail(b).takeOne()).toMatchObject({ attempt: 1 });
  });

  test("a take loop goes on in the next session", async () => {
    await using server = await startTestServer();
    const [worker, other] = [await server.connect({ session: { timeoutMs: 6_000 } }), await server.connect()];
    const stop = new AbortController();
    const taken: string[] = [];
    const working = (async () => {
      for await (const job of mail(worker).take({ signal: stop.signal })) {
        taken.push(job.value);
        await job.ack();
      }
    })();
    await server.clock.runUntilIdle();
    for (const value of ["a", "b", "c"]) {
      await server.faults.expire(worker);
      await server.clock.advance(3_000);
      await mail(other).put(value);
      await server.clock.advance(1_000);
    }
    stop.abort();
    await eventually(server, working);
    expect(taken).toEqual(["a", "b", "c"]);
    expect(worker.stats().sessionsLost).toBe(3);
  });

  test("a take loop ends with its client", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    const next = mail(client).take()[Symbol.asyncIterator]().next();
    const ended = errorOf(next);
    await server.clock.runUntilIdle();
    await client.close();
    expect(await ended).toMatchObject({ code: "CLOSED" });
  });

  test("a consumer that is put out of the line learns of it, also the first one", async () => {
    await using server = await startTestServer();
    const [a, b, admin] = [await server.connect(), await server.connect(), await server.connect()];
    for (const client of [a, b]) {
      const taking = mail(client).takeOne();
      const evicted = errorOf(taking);
      await server.clock.runUntilIdle();
      await admin.delete(`${PATH}/line/${left(server, "line").at(-1)!}`);
      expect(await evicted).toMatchObject({ code: "GUARD_FAILED", retryable: true });
      if (client === a) waitFor(mail(a).takeOne());
      await server.clock.runUntilIdle();
    }
    await mail(admin).put("x");
    await server.clock.runUntilIdle();
    expect(left(server, "claims")).toHaveLength(1);
  });
});

describe("in between", () => {
  test("a job that comes at whatever moment of a take is not overlooked", async () => {
    for (let atMs = 0; atMs <= 24; atMs++) {
      await using server = await startTestServer({ latencyMs: 1 });
      const [taker, other] = [await server.connect(), await eventually(server, server.connect())];
      await eventually(server, other.create(`${PATH}/items/5`, null, { parents: true }));
      const taking = mail(taker).takeOne();
      other.clock.setTimeout(() => void other.create(`${PATH}/items/5/x`, "x", { codec: text }), atMs);
      await server.clock.advance(atMs + 50);
      expect(left(server, "claims")).toEqual(["x"]);
      expect((await eventually(server, taking)).value).toBe("x");
    }
  });

  test("a job that is changed, claimed, or put anew while it is being taken is looked at again", async () => {
    const changes: Readonly<Record<string, (client: Client) => Promise<unknown>>> = {
      changed: (client) => client.set(`${PATH}/items/5/x`, "new", { codec: text }),
      claimed: (client) => client.create(`${PATH}/claims/x`, null, { lifetime: "ephemeral", parents: true }),
      "put anew": (client) =>
        client.multi([op.delete(`${PATH}/items/5/x`), op.create(`${PATH}/items/5/x`, "new", { codec: text })]),
      gone: (client) => client.delete(`${PATH}/items/5/x`),
    };
    for (const [name, change] of Object.entries(changes)) {
      for (const attemptsMax of [1, 10]) {
        await using server = await startTestServer({ latencyMs: 1 });
        const [taker, other] = [await server.connect(), await server.connect()];
        const own = mail(taker, { attemptsMax });
        await other.create(`${PATH}/items/5/x`, '{"id":"x","priority":5,"attempts":1}\nold', {
          codec: text,
          parents: true,
        });
        await eventually(server, own.put("next"));
        // Between the reading of the item and the transaction that is made of it.
        server.faults.at({ op: "get", client: 1 }, () => other.clock.setTimeout(() => void change(other), 1));
        const job = await eventually(server, own.takeOne());
        // One that was put anew is behind the other one.
        expect({ name, value: job.value }).toEqual({ name, value: name === "changed" ? "new" : "next" });
        expect(await gather(own.dead.list())).toEqual([]);
      }
    }
  });

  test("one whose session ends while it takes a job does not have it, and another one does", async () => {
    await using server = await startTestServer({ latencyMs: 1 });
    const [a, b] = [await server.connect({ session: { timeoutMs: 6_000 } }), await server.connect()];
    await eventually(server, mail(b).put("x"));
    const match = { op: "multi", client: 1 };
    for (const lose of [() => server.faults.dropRequest(match), () => server.faults.dropReply(match)]) {
      lose();
      server.faults.at(match, () => void server.faults.expire(a));
      const taking = errorOf(mail(a).takeOne());
      await server.clock.advance(10_000);
      expect(["SESSION_EXPIRED", "OUTCOME_UNKNOWN"]).toContain(((await taking) as { code: string }).code);
      const job = await eventually(server, mail(b).takeOne());
      expect(left(server, "claims")).toHaveLength(1);
      await eventually(server, job.release());
      expect(rest(server)).toMatchObject({ claims: [], line: [] });
    }
  });

  test("an acknowledgement does not end a job of the same id that was put after somebody deleted the first", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(), await server.connect()];
    await mail(a).put("first", { id: "x" });
    const job = await mail(a).takeOne();
    await b.delete(`${PATH}/items/5/j-x`);
    expect(await errorOf(job.ack())).toMatchObject({ code: "NO_NODE" });
    await mail(b).put("second", { id: "x" });
    expect(await errorOf(job.ack())).toMatchObject({ code: "GUARD_FAILED" });
    expect(await errorOf(job.nack({ reason: "no" }))).toMatchObject({ code: "GUARD_FAILED" });
    await job.release();
    expect(await mail(b).takeOne()).toMatchObject({ value: "second", attempt: 1 });
  });
});

describe("holding a job", () => {
  test("a job whose holder is cut off is taken by another, and what the first one does then changes nothing", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect({ session: { timeoutMs: 6_000 } }), await server.connect()];
    await mail(a).put("x");
    await a.create("/out");
    const job = await mail(a).takeOne();
    const events: string[] = [];
    job.signal.addEventListener("abort", () => events.push("lost"));
    const taking = mail(b).takeOne();
    void taking.then(() => events.push("taken"));
    const partition = server.faults.partition(a);
    await server.clock.advance(7_000);
    expect(events).toEqual(["lost", "taken"]);
    const second = await taking;
    expect(second).toMatchObject({ id: job.id, value: "x", attempt: 2 });
    expect(second.token).toBeGreaterThan(job.token);
    partition.end();
    await server.clock.advance(10_000);
    for (const late of [job.ack(), job.nack({ delayMs: 1_000 }), a.set("/out", null, { guard: job.guard })])
      await expect(late).rejects.toMatchObject({ code: "GUARD_FAILED", outcome: "no" });
    expect(await job.release()).toBe("was-gone");
    expect(second.isValid).toBe(true);
    expect(await second.verify()).toBe(true);
    expect(await mail(b).depth()).toBe(1);
    await second.ack();
    expect(rest(server)).toEqual(nothingLeft);
  });

  test("the server refuses an acknowledgement by a holder that has not noticed its loss", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect({ session: { timeoutMs: 6_000 } }), await server.connect()];
    await mail(a).put("x");
    const job = await mail(a).takeOne();
    // It is taken away while nothing reaches the holder.
    const partition = server.faults.partition(a, { oneWay: "from-server" });
    await b.delete(job.path);
    const second = await mail(b).takeOne();
    const acking = errorOf(job.ack());
    await server.clock.advance(1_000);
    partition.end();
    await server.clock.advance(1_000);
    expect(await acking).toMatchObject({ code: "GUARD_FAILED", path: job.path });
    expect(await mail(b).depth()).toBe(1);
    await second.ack();
  });

  test("a job that is disposed of without having been acknowledged is given back at once, to its old place", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    await mail(client).put("a");
    await mail(client).put("b");
    {
      await using job = await mail(client).takeOne();
      expect(job.value).toBe("a");
    }
    await using again = await mail(client).takeOne();
    expect(again).toMatchObject({ value: "a", attempt: 2 });
  });

  test("a job that was acknowledged is disposed of without another request", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    await mail(client).put("a");
    let before = 0;
    {
      await using job = await mail(client).takeOne();
      await job.ack();
      before = server.requests().length;
    }
    expect(server.requests().length).toBe(before);
  });

  test("one who deletes the claim takes the job away from its holder, who learns of it", async () => {
    await using server = await startTestServer();
    const [a, admin] = [await server.connect(), await server.connect()];
    await mail(a).put("x");
    const job = await mail(a).takeOne();
    await admin.delete(job.path);
    await server.clock.runUntilIdle();
    expect(job.signal.reason).toMatchObject({ code: "GUARD_FAILED" });
    await expect(job.ack()).rejects.toMatchObject({ code: "GUARD_FAILED" });
    expect(await mail(admin).takeOne()).toMatchObject({ attempt: 2 });
  });

  test("an acknowledgement whose reply is lost has happened once", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    await mail(client).put("a");
    await mail(client).put("b");
    const job = await mail(client).takeOne();
    server.faults.dropReply({ op: "multi" });
    await eventually(server, job.ack());
    expect((await mail(client).takeOne()).value).toBe("b");
    expect(await mail(client).depth()).toBe(1);
  });

  test("an acknowledgement that ran out of time goes on, and whoever repeats it learns what came of it", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    await mail(client).put("a");
    const job = await mail(client).takeOne();
    const partition = server.faults.partition(client);
    const late = errorOf(job.ack({ timeoutMs: 1_000 }));
    await server.clock.advance(1_500);
    expect(await late).toMatchObject({ code: "TIMEOUT", outcome: "unknown" });
    await expect(job.nack()).rejects.toMatchObject({ code: "GUARD_FAILED" });
    const again = job.ack();
    partition.end();
    await eventually(server, again);
    await job.ack();
    expect(rest(server)).toEqual(nothingLeft);
  });

  test("an acknowledgement whose session ends is of unknown outcome, and the job was either acknowledged or comes again", async () => {
    await using server = await startTestServer();
    for (const [isDone, fault] of [
      [false, "to-server"],
      [true, "from-server"],
    ] as const) {
      const [client, other] = [await server.connect({ session: { timeoutMs: 6_000 } }), await server.connect()];
      await mail(client).put("a");
      const job = await mail(client).takeOne();
      const partition = server.faults.partition(client, { oneWay: fault });
      const acking = errorOf(job.ack());
      await server.clock.advance(8_000);
      expect(await acking).toMatchObject({ code: "OUTCOME_UNKNOWN", outcome: "unknown" });
      partition.end();
      await server.clock.advance(8_000);
      expect(await mail(other).depth()).toBe(isDone ? 0 : 1);
      if (!isDone) await (await mail(other).takeOne()).ack();
    }
  });

  test("what is written with an acknowledgement happens with it, or neither does, and the job may still be ended", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    const own = mail(client);
    await own.put("a");
    await client.create("/sent", "0", { codec: text });
    const job = await own.takeOne();
    const write = op.set("/sent", "1", { codec: text, ifMatch: { version: 7 } });
    await expect(job.ack({ operations: [op.check("/sent", { version: 0 }), write] })).rejects.toMatchObject({
      code: "BAD_VERSION",
      index: 1,
    });
    const guard = { path: "/leader", version: 0 };
    await expect(job.ack({ guard })).rejects.toMatchObject({ code: "GUARD_FAILED", path: "/leader" });
    expect(await own.depth()).toBe(1);
    await job.ack({ operations: [op.set("/sent", "1", { codec: text, ifMatch: { version: 0 } })] });
    expect(await own.depth()).toBe(0);
    expect((await client.get("/sent", { codec: text })).value).toBe("1");
  });

  test("a job whose acknowledgement was refused can be given back", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    await mail(client).put("a");
    const job = await mail(client).takeOne();
    await expect(job.ack({ guard: { path: "/none", version: 0 } })).rejects.toMatchObject({ code: "GUARD_FAILED" });
    await job.nack({ reason: "not mine to do" });
    await expect(job.ack()).rejects.toMatchObject({ code: "GUARD_FAILED" });
    expect(await mail(client).takeOne()).toMatchObject({ attempt: 2 });
  });

  test("a holder asked to let go hears of it", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    await mail(client).put("a");
    const job = await mail(client).takeOne();
    await client.set(job.path, '{"identity":"x","revoke":{"by":"ann","why":"deploy"}}', { codec: text });
    await server.clock.runUntilIdle();
    expect(job.revokeRequested.reason).toEqual({ by: "ann", why: "deploy" });
    expect(job.isValid).toBe(true);
    await job.ack();
  });
});

describe("visibility", () => {
  const options = { visibilityMs: 10_000 };

  test("a holder that neither ends its job nor extends it gives it back in time, though its session lives", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(), await server.connect()];
    await mail(a).put("x");
    const job = await mail(a, options).takeOne();
    const taking = mail(b).takeOne();
    await server.clock.advance(9_000);
    expect(job.validForMs).toBe(1_000);
    expect(job.isValid).toBe(true);
    await server.clock.advance(1_000);
    expect(job.isValid).toBe(false);
    expect(job.signal.reason).toMatchObject({ code: "TIMEOUT", limitName: "visibilityMs", limit: 10_000 });
    await expect(job.ack()).rejects.toMatchObject({ code: "GUARD_FAILED" });
    expect(() => job.extend()).toThrow(expect.objectContaining({ code: "TIMEOUT" }));
    expect(await eventually(server, taking)).toMatchObject({ attempt: 2 });
  });

  test("a holder keeps its job for as long as it extends it, without a request", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    await mail(client).put("x");
    const job = await mail(client, options).takeOne();
    const before = server.requests().length;
    for (let i = 0; i < 20; i++) {
      await server.clock.advance(8_000);
      job.extend();
    }
    job.extend(60_000);
    await server.clock.advance(50_000);
    expect(job.isValid).toBe(true);
    expect(server.requests().length).toBe(before);
    await job.ack();
  });

  test("a holder whose process stands still loses its job with its session, long before its visibility ends", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect({ session: { timeoutMs: 6_000 } }), await server.connect()];
    await mail(a).put("x");
    const job = await mail(a, { visibilityMs: 3_600_000 }).takeOne();
    const taking = mail(b).takeOne();
    server.faults.stallClient(a, 60_000);
    await server.clock.advance(8_000);
    expect(await eventually(server, taking, 1_000)).toMatchObject({ attempt: 2 });
    expect(job.isValid).toBe(false);
  });

  test("nothing is left of a job's time when it is ended, or its session is", async () => {
    await using server = await startTestServer();
    const client = await server.connect({ session: { timeoutMs: 6_000 } });
    /** Once the time limits of all calls are over. */
    const timers = async (): Promise<number> => {
      await server.clock.advance(20_000);
      return server.leaks().timers;
    };
    const before = await timers();
    for (const end of ["ack", "expire"]) {
      await mail(client).put("x");
      const job = await mail(client, { visibilityMs: 100_000 }).takeOne();
      expect(await timers()).toBe(before + 1);
      if (end === "ack") await job.ack();
      else await server.faults.expire(client);
      expect(await timers()).toBe(before);
    }
  });
});

describe("attempts and dead letters", () => {
  const lettersOf = async (
    own: Queue<string>,
  ): Promise<{ value: string | undefined; attempts: number; reason: string }[]> => {
    const letters = [];
    for await (const { value, attempts, reason } of own.dead.list()) letters.push({ value, attempts, reason });
    return letters;
  };

  test("a job that nobody manages to do becomes a dead letter: given back, lost with a session, or both", async () => {
    await using server = await startTestServer();
    const own = mail(await server.connect(), { attemptsMax: 3 });
    const dying = await server.connect({ session: { timeoutMs: 6_000 } });
    await own.put("given back");
    await own.put("crashes");
    for (let attempt = 1; attempt <= 3; attempt++) {
      const job = await own.takeOne();
      expect(job).toMatchObject({ value: "given back", attempt });
      await job.nack({ reason: `no printer, attempt ${attempt}` });
    }
    for (let attempt = 1; attempt <= 3; attempt++) {
      const job = await eventually(server, mail(dying).takeOne());
      expect(job).toMatchObject({ value: "crashes", attempt });
      await server.faults.expire(dying);
      await server.clock.advance(1_000);
    }
    await own.put("next");
    expect(await own.takeOne()).toMatchObject({ value: "next", attempt: 1 });
    expect(await lettersOf(own)).toEqual([
      { value: "given back", attempts: 3, reason: "no printer, attempt 3" },
      { value: "crashes", attempts: 3, reason: expect.stringContaining("neither acknowledged") },
    ]);
    expect(await own.depth()).toBe(1);
    expect(left(server, "claims")).toHaveLength(1);
  });

  test("without a bound a job is taken again and again", async () => {
    await using server = await startTestServer();
    const own = mail(await server.connect(), { attemptsMax: Infinity });
    await own.put("x");
    for (let attempt = 1; attempt <= 50; attempt++) {
      const job = await own.takeOne();
      expect(job.attempt).toBe(attempt);
      await job.release();
    }
    expect(await lettersOf(own)).toEqual([]);
  });

  test("a value that the codec refuses becomes a dead letter, and stands in nobody's way", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    const own = queue(client, PATH, { codec: json<{ to: string }>(), depthMax: 10 });
    await client.create(`${PATH}/items/0/broken`, "{", { codec: text, parents: true });
    await own.put({ to: "ann" });
    expect((await own.takeOne()).value).toEqual({ to: "ann" });
    const letters = [];
    for await (const letter of own.dead.list()) letters.push(letter);
    expect(letters).toMatchObject([
      { id: "broken", value: undefined, priority: 0, attempts: 0, reason: expect.stringContaining("json") },
    ]);
  });

  test("dead letters come back to the end of the queue as if never taken, with their id and priority", async () => {
    await using server = await startTestServer();
    const own = mail(await server.connect(), { attemptsMax: 1, deadLetters: "/dead/mail" });
    for (const value of ["a", "b", "c"]) {
      await own.put(value, { id: value, priority: 2 });
      await (await own.takeOne()).nack({ reason: "no" });
    }
    expect(own.dead.path).toBe("/dead/mail");
    await own.put("d", { priority: 2 });
    expect(await own.dead.redrive({ only: ({ id }) => id !== "b", max: 1 })).toBe(1);
    expect(await own.dead.redrive({ only: ({ id }) => id !== "b" })).toBe(1);
    expect((await lettersOf(own)).map(({ value }) => value)).toEqual(["b"]);
    const taken = [];
    for (let i = 0; i < 3; i++) {
      const { id, value, attempt, priority } = await own.takeOne();
      taken.push([value === "d" ? "" : id, value, attempt, priority]);
    }
    expect(taken).toEqual([
      ["", "d", 1, 2],
      ["a", "a", 1, 2],
      ["c", "c", 1, 2],
    ]);
  });

  test("a dead letter whose id is in the queue again stays; one that has gone is not put back", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(), await server.connect()];
    const own = mail(a, { attemptsMax: 1 });
    await own.put("old", { id: "1" });
    await (await own.takeOne()).nack();
    expect(await own.put("new", { id: "1", priority: 0 })).toMatchObject({ isNew: true });
    expect(await own.dead.redrive()).toBe(0);
    const [letter] = await gather(own.dead.list());
    // Both at once: one of them has it.
    await (await own.takeOne()).ack();
    const [redriven, discarded] = await Promise.all([
      own.dead.redrive(),
      mail(b).dead.discard(letter as DeadLetter<string>),
    ]);
    expect([redriven, discarded]).toEqual(redriven === 1 ? [1, false] : [0, true]);
    expect(await own.depth()).toBe(redriven);
    expect(await own.dead.discard(letter as DeadLetter<string>)).toBe(false);
  });

  test("a full queue takes no dead letters back", async () => {
    await using server = await startTestServer();
    const own = mail(await server.connect(), { attemptsMax: 1, depthMax: 2 });
    await own.put("a");
    await (await own.takeOne()).nack();
    await own.put("b");
    await own.put("c");
    await expect(own.dead.redrive()).rejects.toMatchObject({ code: "LIMIT_EXCEEDED", limitName: "depthMax" });
    await (await own.takeOne()).ack();
    expect(await own.dead.redrive()).toBe(1);
  });

  test("the list says of each job what it waits for and who has it", async () => {
    await using server = await startTestServer();
    const [a, b] = [await server.connect(), await server.connect()];
    await mail(a, { identity: "putter" }).put("later", { delayMs: 10_000 });
    await mail(a).put("in work");
    await mail(a).put("free", { priority: 9 });
    await mail(b, { identity: "worker" }).takeOne();
    expect(await gather(mail(a).list())).toMatchObject([
      { value: "later", state: "delayed", by: "putter", attempts: 0, priority: 5 },
      { value: "in work", state: "taken", by: "worker", attempts: 1, priority: 5 },
      { value: "free", state: "free", by: undefined, attempts: 0, priority: 9 },
    ]);
    expect(await gather(queue(a, "/none", { codec: text, depthMax: 1 }).list())).toEqual([]);
  });
});

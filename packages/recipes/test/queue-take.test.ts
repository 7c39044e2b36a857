/** How jobs are taken: who is woken, what it costs, and what may come between. */
import { type Client, op, text } from "@corral/client";
import { startTestServer } from "@corral/testing";
import { describe, expect, test } from "vitest";
import { eventually } from "./faults/stage.ts";
import { errorOf, gather, left, mail, nothingLeft, PATH, rest, waitFor } from "./queueing.ts";

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

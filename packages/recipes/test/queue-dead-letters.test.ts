/** Jobs that nobody manages to do: how often they are tried, where they end, and how they come back. */
import { json, text } from "@corral/client";
import { startTestServer } from "@corral/testing";
import { describe, expect, test } from "vitest";
import type { DeadLetter } from "../src/queue/dead-letters.ts";
import { type Queue, queue } from "../src/queue.ts";
import { eventually } from "./faults/stage.ts";
import { gather, left, mail, PATH } from "./queueing.ts";

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
